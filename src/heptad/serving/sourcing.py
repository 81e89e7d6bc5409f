"""Candidates from several sources, each with a budget: one that fails or is too slow is left out, and said."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from typing import Any, Final, NamedTuple

from heptad.models.base import Vector
from heptad.retrieval.blend import Retriever, Views, Windows
from heptad.retrieval.candidates import Candidates
from heptad.retrieval.source import Asked, Proposal
from heptad.state.breaker import Breaker

#: A source that took longer than this share of its budget is asked on a thread of its own, beside the others.
APART: Final = 0.1
_THREADS: Final = 32


class Found(NamedTuple):
    """Candidates of one request; the sources that are missing, and the last error of one (None: it was late)."""

    candidates: Candidates
    left_out: tuple[str, ...]
    error: Exception | None


class Under(NamedTuple):
    """One request's question to the sources: what has come, and what is asked beside until ``due``."""

    sourcing: Sourcing
    asked: Asked
    due: float
    apart: dict[str, Future[Proposal | None]]
    proposals: dict[str, Proposal | None]

    def found(self) -> Found:
        """The candidates that have come in time.

        Where no source answers it raises what one of them did, or DataError where all were late.
        """
        return self.sourcing.found(self)


class _Guard:
    """What is known of a source: whether it is slow, and whether it is left alone."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self.breaker = Breaker(timer=timer)
        self.slow = False
        self.error: Exception | None = None


class Sourcing:
    """Asks a retriever's sources; any number of threads may ask. ``budget``: seconds for all of them.

    A source that is quick is asked in turn, since a thread costs more than it takes; a slow one beside the others, and
    not waited for beyond the budget. What fails or is late three times in a row is left alone for a while.
    """

    def __init__(
        self, retriever: Retriever, budget: float = math.inf, timer: Callable[[], float] = time.monotonic
    ) -> None:
        self.retriever, self._budget, self._timer = retriever, budget, timer
        self._guards = {name: _Guard(timer) for name in retriever.names}
        self._pool: ThreadPoolExecutor | None = None

    def ask(
        self,
        history: tuple[Any, ...],
        exclude: tuple[Any, ...],
        counts: Vector,
        windows: Windows | None = None,
        views: Views | None = None,
    ) -> Under:
        """Ask for the candidates of a history, newest first, without the items of ``exclude``; `Retriever.asked` says
        the rest. Of several requests all are asked before one is waited for (`Under.found`).
        """
        asked = self.retriever.asked([history], [exclude] if exclude else None, counts, windows, views)
        due = self._timer() + self._budget
        tried = [name for name, guard in self._guards.items() if guard.breaker.allows()]
        apart = {name: self._apart(name, asked) for name in tried if self._guards[name].slow}
        return Under(self, asked, due, apart, {n: self._proposed(n, asked) for n in tried if n not in apart})

    def found(self, under: Under) -> Found:
        """What `Under.found` gives."""
        proposals = dict(under.proposals)
        for name, future in under.apart.items():
            try:
                proposals[name] = future.result(max(0.0, under.due - self._timer()))
            except Late:
                future.cancel()
                self._guards[name].breaker.failed()
        came = {name: proposal for name, proposal in proposals.items() if proposal is not None}
        left_out = tuple(name for name in self._guards if name not in came)
        error = next(filter(None, (self._guards[name].error for name in left_out)), None)
        if not came and error is not None:
            raise error
        return Found(self.retriever.blend(under.asked, came), left_out, error)

    @property
    def breakers(self) -> dict[str, Breaker]:
        """That of each source."""
        return {name: guard.breaker for name, guard in self._guards.items()}

    def _apart(self, name: str, asked: Asked) -> Future[Proposal | None]:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="heptad-source")
        return self._pool.submit(self._proposed, name, asked)

    def _proposed(self, name: str, asked: Asked) -> Proposal | None:
        """The proposal of a source, None where it fails; how long it took is remembered."""
        guard, begin = self._guards[name], self._timer()
        try:
            found = self.retriever.propose(name, asked)
        except Exception as error:  # the other sources answer
            guard.error = error
            guard.breaker.failed()
            return None
        took = self._timer() - begin
        guard.slow = took > APART * self._budget
        if took > self._budget:
            guard.breaker.failed()
        else:
            guard.error = None
            guard.breaker.succeeded()
        return found
