"""Answers pictures with the rows of a table that look like them; rows come and go meanwhile, and so do models."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from heptad.declare.system import Declaration
from heptad.errors import DataError, HeptadError, StateError
from heptad.models.vision.projection import Floats
from heptad.retrieval.similar import Embedding
from heptad.serving.service import Refused, deadline_of
from heptad.serving.visual_display import Display, Rows
from heptad.serving.visual_log import Change, ChangeLog, Key
from heptad.serving.writer import Posted
from heptad.state.admission import Verdict
from heptad.streams.clock import Clock

#: A delete of a row that is not there: nothing is logged.
ABSENT: Final = "absent"


class Looks(msgspec.Struct, frozen=True):
    """The answer: rows nearest first, each with its key, its cosine and its facts; which embedding and model found them.

    ``took_ms`` are milliseconds of the parts.
    """

    items: list[dict[str, Any]]
    embedding: str
    model: str
    took_ms: dict[str, float]


class VisualService:
    """A search over a table: the rows that came with the model, as those posted and deleted since have changed them.

    Any thread may ask, post and delete. An answer comes from one `Display`, so it is of one model, one embedding and
    its vectors, whatever is swapped meanwhile. `serve` must be called before the first request.
    """

    def __init__(
        self,
        name: str,
        declaration: Declaration,
        log: ChangeLog,
        clock: Clock,
        *,
        deadline: int | None = None,
    ) -> None:
        """``deadline`` in microseconds; the service closes the log at the end."""
        self.name, self.declaration = name, declaration
        self.deadline = deadline_of(declaration) if deadline is None else deadline
        self.table = declaration.search.table
        self._picture, self._key = declaration.search.picture.name, self.table.entity().name
        self._log, self._clock = log, clock
        self._showing: Display | None = None
        self._applied = 0  #: the offset up to which the log is on display
        self._writing = threading.Lock()  #: held while the log and what is on display change together
        self._open = True

    def serve(self, embedding: Embedding, model: str, rows: Rows) -> None:
        """Answer with this model from now on, over ``rows`` and all that was posted.

        Everything is embedded and indexed aside: requests under way finish with the one before, and posts wait only for
        the last of their kind to be taken over.
        """
        display, upto = Display(self.declaration, embedding, model), self._log.end
        held = rows.after(self._log.read(0))
        display.put(held, embedding.features(held.pictures))
        display.warm()
        with self._writing:
            self._take_over(display, upto)
            self._showing = display

    def ask(self, picture: bytes, asked: Mapping[str, str]) -> Looks:
        """The rows that look like a picture.

        ``asked``: ``n`` (how many), ``exclude`` (a key that is not to be shown), and filters by name. `DataError` for
        a picture that is none, and for what cannot be asked.
        """
        display = self._display()
        allowed = ("n", "exclude", *display.filters)
        strange = [name for name in asked if name not in allowed]
        if strange:
            raise DataError(
                f"query parameter {strange[0]!r}",
                f"one of {', '.join(allowed)}",
                repr(strange[0]),
                "take it out",
            )
        n = self._number(asked.get("n"), display.n)
        exclude = asked.get("exclude")
        where = {name: value for name, value in asked.items() if name in display.filters}
        began = time.perf_counter()
        look = display.embedding.look(picture)
        embedded = time.perf_counter()
        items = display.look(look, n, where, None if exclude is None else display.key(exclude))
        took = {"embed": 1e3 * (embedded - began), "search": 1e3 * (time.perf_counter() - embedded)}
        return Looks(items, display.embedding.version, display.model, took)

    def post(self, given: Sequence[Mapping[str, Any]]) -> Posted:
        """Log rows, all or none, and make them findable: both are done when this returns.

        A row that is here is replaced; one whose picture is null (where that is optional) is found no longer. Pictures are bytes,
        or base64. Raises `Refused` with one error per bad row, StateError where the log takes nothing.
        """
        if not given:
            raise DataError(f"rows of {self.table.__name__}", "at least one", "an empty list", "send a row")
        display = self._display()
        changes, looks = self._checked(display, given)
        with self._writing:
            if self._display().embedding.backbone.version != display.embedding.backbone.version:
                pictures = {place: changes[place].picture or b"" for place in looks}
                looks = {place: self._look_of(self._display(), one) for place, one in pictures.items()}
            return self._write(changes, looks)

    def delete(self, text: str) -> Posted:
        """Log that the row of this key is gone, and find it no longer; nothing is logged where there is none."""
        with self._writing:
            key = self._display().key(text)
            if key is None:
                return Posted(range(0), [ABSENT])
            return self._write([Change(key, None, None)], {})

    @property
    def filters(self) -> tuple[str, ...]:
        """The names a request may filter by."""
        return self._display().filters

    @property
    def nearest(self) -> int:
        """The most rows that an answer may have."""
        return self._display().n

    @property
    def model_version(self) -> str:
        """The version of the registry that answers."""
        return self._display().model

    def health(self) -> dict[str, Any]:
        """What is served, by which embedding, and how many changes of rows were logged; ``problems`` to look at."""
        display = self._display()
        problems = ["log: a write failed; the next post tries again"] if self._log.failed else []
        return {
            "status": "draining" if not self._open else "degraded" if problems else "ok",
            "items": len(display),
            "embedding": display.embedding.version,
            "model": display.model,
            "changes": self._applied,
            "problems": problems,
        }

    def warm(self) -> None:
        """What `serve` put on display is warm already."""

    def drain(self) -> None:
        """Accept no more rows; close the log."""
        with self._writing:
            self._open = False
            self._log.close()

    def _display(self) -> Display:
        if self._showing is None:
            raise StateError(
                self.name, "a model that is served", "none yet", "ask again when the server is ready"
            )
        return self._showing

    def _checked(
        self, display: Display, given: Sequence[Mapping[str, Any]]
    ) -> tuple[list[Change], dict[int, Floats]]:
        """Rows as they are logged, and the features of their pictures by place: what is logged can be shown."""
        changes: list[Change] = []
        looks: dict[int, Floats] = {}
        errors: dict[int, HeptadError] = {}
        for place, row in enumerate(given):
            try:
                parsed = self.table.parse(row)
                key, picture = parsed.pop(self._key), parsed.pop(self._picture)
                display.check_key(key)
                if picture is not None:
                    looks[place] = self._look_of(display, picture)
                changes.append(Change(key, picture, None if picture is None else parsed))
            except HeptadError as error:
                errors[place] = error
        if errors:
            raise Refused(self.table.__name__, errors)
        return changes, looks

    def _look_of(self, display: Display, picture: bytes) -> Floats:
        return display.embedding.kept(picture, thing=f"{self.table.__name__}.{self._picture}")

    def _write(self, changes: Sequence[Change], looks: Mapping[int, Floats]) -> Posted:
        """Log changes and show them; the lock is held."""
        if not self._open:
            raise StateError(
                "service", "one that accepts rows", "one that is ending", "post again in a moment"
            )
        display = self._display()
        if self._log.failed:
            self._log.reopen()
            self._take_over(display, self._applied)  # what the failed write may have left is there now
        offsets = self._log.append(changes, self._clock.now())
        _show(display, changes, lambda places: np.stack([looks[place] for place in places]))
        self._applied = offsets.stop
        return Posted(offsets, [Verdict.ACCEPTED] * len(changes))

    def _take_over(self, display: Display, start: int) -> None:
        """Show what is in the log from ``start`` on; the lock is held."""
        changes, end = list(self._log.read(start)), self._log.end

        def features(places: Sequence[int]) -> Floats:
            return display.embedding.features([changes[place].picture or b"" for place in places])

        _show(display, changes, features)
        self._applied = end

    def _number(self, said: str | None, most: int) -> int:
        shown = self.declaration.requirements.shown
        if said is None:
            return shown
        if not said.isascii() or not said.isdigit() or not 1 <= len(said) <= 4 or not 1 <= int(said) <= most:
            raise DataError(
                "query parameter 'n'",
                f"a whole number from 1 to {most}",
                repr(said),
                f"write n={shown}",
            )
        return int(said)


def _show(display: Display, changes: Sequence[Change], features: Callable[[Sequence[int]], Floats]) -> None:
    """The last change of each row; ``features`` gives those of the pictures at places."""
    held: dict[Key, tuple[bytes, Mapping[str, Any]]] = {}
    places: list[int] = []
    for key, place in {change.key: place for place, change in enumerate(changes)}.items():
        picture = changes[place].picture
        if picture is None:
            display.drop(key)
        else:
            held[key] = picture, changes[place].facts or {}
            places.append(place)
    if places:
        display.put(Rows.of(held, display.columns), features(places))
