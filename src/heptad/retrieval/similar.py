"""Rows of a table that look like a picture: an embedding and an index of its vectors, tied by a version."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from heptad.errors import StateError
from heptad.models.files import read_json, write_json
from heptad.models.items import Ids
from heptad.models.vision.backbone import Backbone
from heptad.models.vision.picture import decode
from heptad.models.vision.projection import Floats, Projection, unit
from heptad.retrieval.vectors.index import VectorIndex

_FILE: Final = "embedding.json"


class Embedding:
    """A frozen backbone and the projection trained on its features. ``version`` names both: it tags every index."""

    def __init__(self, backbone: Backbone, projection: Projection) -> None:
        self.backbone, self.projection = backbone, projection
        self.version = f"{backbone.version}+{projection.version}"

    def features(self, pictures: Sequence[bytes], advance: Callable[[int], None] | None = None) -> Floats:
        """(n, d) of pictures as files hold them; what was computed before is not computed again."""
        return self.backbone.features(pictures, advance)

    def look(self, picture: bytes) -> Floats:
        """(d,) of one request's picture, of which nothing is kept; `DataError` where it is none."""
        alone: Floats = self.backbone.of_pixels(decode(picture)[None])[0]
        return alone

    def kept(self, picture: bytes, *, thing: str = "picture") -> Floats:
        """(d,) of a new row's picture, kept for the next start; `DataError`, which calls it ``thing``, where it is none."""
        return self.backbone.kept(picture, thing=thing)

    def save(self, directory: Path) -> None:
        """Write the projection, and which backbone it stands on."""
        self.projection.save(directory)
        write_json(directory / _FILE, {"backbone": self.backbone.name, "version": self.version})

    @classmethod
    def load(cls, directory: Path, *, threads: int | None = None) -> Embedding:
        """Read what `save` wrote; `StateError` where the backbone is not the one it was trained on."""
        held = read_json(directory / _FILE)
        loaded = cls(Backbone.open(str(held["backbone"]), threads=threads), Projection.load(directory))
        if loaded.version != held["version"]:
            raise StateError(
                "embedding",
                f"version {held['version']}",
                loaded.version,
                "train and register the projection again",
            )
        return loaded


@dataclass(frozen=True)
class Hit:
    """A row that was found: its key, and the cosine of its vector with the query's."""

    item: int | str
    cosine: float


class Similar:
    """Finds the rows nearest to a picture, near-duplicates of one another left out. Any thread may ask.

    ``n`` rows are looked at. ``distinct`` is the cosine of two rows' frozen features from which the farther one is left
    out (None: none is): the projection is trained to put a whole kind in one place, so its own cosines cannot tell.
    For that 2 bytes are kept of each feature of each row.
    """

    def __init__(
        self,
        embedding: Embedding,
        *,
        attributes: Sequence[str] = (),
        n: int = 100,
        distinct: float | None = None,
    ) -> None:
        self.embedding, self.n, self._distinct = embedding, n, distinct
        kinds = dict.fromkeys(attributes, str)
        self.index = VectorIndex(embedding.projection.size, version=embedding.version, attributes=kinds)
        self._looks: dict[int | str, NDArray[np.float16]] = {}

    def add(
        self, items: Ids, features: Floats, attributes: Mapping[str, Iterable[str | None]] | None = None
    ) -> None:
        """Make rows findable by their pictures' features (n, d); a row that is here already is replaced."""
        vectors = self.embedding.projection.vectors(features)
        self.index.add(items, vectors, attributes or {}, version=self.embedding.version)
        if self._distinct is not None:
            self._looks.update(zip(items, unit(features).astype(np.float16), strict=True))

    def delete(self, items: Ids) -> int:
        """Rows that are found no longer; the number of those that were there."""
        deleted = self.index.delete(items)
        for item in items:
            self._looks.pop(item, None)
        return deleted

    def search(
        self,
        look: Floats,
        shown: int,
        *,
        where: Mapping[str, str] | None = None,
        exclude: int | str | None = None,
    ) -> list[Hit]:
        """At most ``shown`` rows, nearest first, that fit ``where`` (attribute to value), ``exclude`` left out.

        ``look`` (d,) are the features of the query's picture. Fewer where fewer of the ``n`` nearest are left.
        `DataError` for an attribute the index does not have.
        """
        vector = self.embedding.projection.vectors(look[None])
        found = self.index.search(
            vector, self.n + (exclude is not None), version=self.embedding.version, where=where
        )
        hits = [
            Hit(item, cosine) for item, cosine in zip(found.ids.tolist(), found.scores.tolist(), strict=True)
        ]
        hits = [hit for hit in hits if hit.item != exclude][: self.n]
        if self._distinct is not None:
            looks = [(hit, self._looks.get(hit.item)) for hit in hits]
            known = [(hit, held) for hit, held in looks if held is not None]  # else deleted meanwhile
            rows = np.array([held for _, held in known], np.float32)
            hits = [known[place][0] for place in distinct_rows(rows, self._distinct, shown)]
        return hits[:shown]


def distinct_rows(vectors: NDArray[np.float32], cosine: float, most: int) -> list[int]:
    """The places of the first ``most`` rows (n, d), of length one, of which none has a cosine over ``cosine`` with one before.

    >>> distinct_rows(np.float32([[1, 0], [1, 0], [0, 1]]), 0.99, 10)
    [0, 2]
    """
    kept: list[int] = []
    for place, row in enumerate(vectors):
        if len(kept) == most:
            break
        if not kept or float((vectors[kept] @ row).max()) <= cosine:
            kept.append(place)
    return kept
