"""Answers pictures with the rows of a table that look like them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from heptad.errors import DataError
from heptad.models.vision.picture import SIDE
from heptad.retrieval.similar import Similar

Key = int | str


class Looks(msgspec.Struct, frozen=True):
    """The answer: rows nearest first, each with its key, its cosine and its facts; which embedding and model found them.

    ``took_ms`` are milliseconds of the parts.
    """

    items: list[dict[str, Any]]
    embedding: str
    model: str
    took_ms: dict[str, float]


class VisualService:
    """An embedding, the index of its vectors, and the facts of the rows. Any thread may ask.

    ``key`` is what answers call a row's key; ``facts`` (by key) hold what they say of it; ``filters`` are the names a
    request may filter by, and ``shown`` how many rows an answer has unless the request says.
    """

    def __init__(
        self, name: str, similar: Similar, *, key: str, facts: Mapping[Key, Mapping[str, Any]], shown: int, model: str
    ) -> None:  # fmt: skip
        self.name, self._similar, self._key, self._facts = name, similar, key, facts
        self._shown, self._model = shown, model
        self._key_of = {str(one): one for one in facts}

    @property
    def filters(self) -> tuple[str, ...]:
        """The names a request may filter by."""
        return tuple(self._similar.index.attributes)

    def ask(self, picture: bytes, asked: Mapping[str, str]) -> Looks:
        """The rows that look like a picture.

        ``asked``: ``n`` (how many), ``exclude`` (a key that is not to be shown), and filters by name. `DataError` for
        a picture that is none, and for what cannot be asked.
        """
        allowed = ("n", "exclude", *self.filters)
        strange = [name for name in asked if name not in allowed]
        if strange:
            raise DataError(
                f"query parameter {strange[0]!r}",
                f"one of {', '.join(allowed)}",
                repr(strange[0]),
                "take it out",
            )
        n = self._number(asked.get("n"))
        exclude = asked.get("exclude")
        where = {name: value for name, value in asked.items() if name in self.filters}
        began = time.perf_counter()
        look = self._similar.embedding.look(picture)
        embedded = time.perf_counter()
        known = None if exclude is None else self._key_of.get(exclude)
        hits = self._similar.search(look, n, where=where or None, exclude=known)
        ended = time.perf_counter()
        items = [
            {self._key: hit.item, "cosine": round(hit.cosine, 6), **self._facts[hit.item]} for hit in hits
        ]
        took = {"embed": 1e3 * (embedded - began), "search": 1e3 * (ended - embedded)}
        return Looks(items, self._similar.embedding.version, self._model, took)

    def health(self) -> dict[str, Any]:
        """What is served, and by which embedding."""
        version = self._similar.embedding.version
        return {"status": "ok", "items": len(self._similar.index), "embedding": version, "model": self._model}

    def warm(self) -> None:
        """Embed one empty page, so that the first request is as fast as the next."""
        import numpy as np

        blank = np.full((1, SIDE, SIDE, 3), 255, np.uint8)
        self._similar.search(self._similar.embedding.backbone.of_pixels(blank)[0], 1)

    def drain(self) -> None:
        """Nothing is open: all that is served is in memory, and comes from the source."""

    def _number(self, said: str | None) -> int:
        if said is None:
            return self._shown
        if (
            not said.isascii()
            or not said.isdigit()
            or not 1 <= len(said) <= 4
            or not 1 <= int(said) <= self._similar.n
        ):
            raise DataError(
                "query parameter 'n'",
                f"a whole number from 1 to {self._similar.n}",
                repr(said),
                f"write n={self._shown}",
            )
        return int(said)
