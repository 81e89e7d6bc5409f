"""What a search finds at one moment of its life: one embedding, the index of its vectors, and the facts of each row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from heptad.declare.system import Declaration
from heptad.errors import DataError
from heptad.models.vision.picture import SIDE
from heptad.models.vision.projection import Floats
from heptad.retrieval.similar import Embedding, Similar
from heptad.serving.visual_log import Change, Key


@dataclass(frozen=True, eq=False)
class Rows:
    """n rows of the table: keys and pictures (n,), and facts, a list (n,) by column."""

    keys: list[Key]
    pictures: list[bytes]
    facts: Mapping[str, list[Any]]

    @classmethod
    def of(cls, held: Mapping[Key, tuple[bytes, Mapping[str, Any]]], columns: Iterable[str]) -> Rows:
        """Rows by their key: the picture, and the facts, of which a column that is not there is null."""
        facts = {name: [said.get(name) for _, said in held.values()] for name in columns}
        return cls(list(held), [picture for picture, _ in held.values()], facts)

    def after(self, changes: Iterable[Change]) -> Rows:
        """These rows as later changes leave them."""
        held: dict[Key, tuple[bytes, Mapping[str, Any]]] = {
            key: (self.pictures[place], {name: values[place] for name, values in self.facts.items()})
            for place, key in enumerate(self.keys)
        }
        for change in changes:
            if change.picture is None:
                held.pop(change.key, None)
            else:
                held[change.key] = change.picture, change.facts or {}
        return Rows.of(held, self.facts)


def similar_of(declaration: Declaration, embedding: Embedding) -> Similar:
    """An empty index of the declared size, with the declared filters."""
    serving = declaration.searching
    names = [field.name for field in serving.filters]
    return Similar(embedding, attributes=names, n=serving.nearest.n, distinct=serving.distinct)


class Display:
    """Any thread may look; one at a time may change it. A row is found from the moment `put` returns.

    Everything in it is of one ``model`` (a version of the registry) and of one embedding.
    """

    def __init__(self, declaration: Declaration, embedding: Embedding, model: str) -> None:
        self.model, self.embedding = model, embedding
        self._similar = similar_of(declaration, embedding)
        self._key = declaration.search.table.entity().name
        self._named = {name: fact.name for name, fact in declaration.data.static.items()}
        self._facts: dict[Key, dict[str, Any]] = {}
        self._key_of: dict[str, Key] = {}

    def __len__(self) -> int:
        return len(self._similar.index)

    @property
    def n(self) -> int:
        """How many of the nearest are looked at."""
        return self._similar.n

    @property
    def filters(self) -> tuple[str, ...]:
        """The names a request may filter by."""
        return tuple(self._similar.index.attributes)

    @property
    def columns(self) -> tuple[str, ...]:
        """The table's columns that are known of each row."""
        return tuple(dict.fromkeys((*self._named.values(), *self.filters)))

    def key(self, text: str) -> Key | None:
        """The key that is written so; None where no row has it."""
        return self._key_of.get(text)

    def check_key(self, key: Key) -> None:
        """Raise DataError for a key that is written as another one is: 7 and "7" would be one in a request."""
        held = self._key_of.get(str(key), key)
        if type(held) is not type(key):
            raise DataError(
                self._key,
                f"the {type(held).__name__} {held!r}, as before",
                repr(key),
                "write keys in one way",
            )

    def put(self, rows: Rows, features: Floats) -> None:
        """Make rows findable by their pictures' features (n, d); a row that is here already is replaced."""
        for place, key in enumerate(rows.keys):
            self._facts[key] = {name: rows.facts[column][place] for name, column in self._named.items()}
            self._key_of[str(key)] = key
        self._similar.add(rows.keys, features, {name: rows.facts[name] for name in self.filters})

    def drop(self, key: Key) -> None:
        """Find this row no longer."""
        self._similar.delete([key])
        self._facts.pop(key, None)
        self._key_of.pop(str(key), None)

    def look(
        self, look: Floats, n: int, where: Mapping[str, str], exclude: Key | None
    ) -> list[dict[str, Any]]:
        """At most n rows like the picture of these features (d,), nearest first: key, cosine and facts of each."""
        hits = self._similar.search(look, n, where=where or None, exclude=exclude)
        said = [(hit, self._facts.get(hit.item)) for hit in hits]
        return [
            {self._key: hit.item, "cosine": round(hit.cosine, 6), **facts}
            for hit, facts in said
            if facts is not None  # else deleted meanwhile
        ]

    def warm(self) -> None:
        """Embed one empty page, so that the first request is as fast as the next."""
        blank = np.full((1, SIDE, SIDE, 3), 255, np.uint8)
        self._similar.search(self.embedding.backbone.of_pixels(blank)[0], 1)
