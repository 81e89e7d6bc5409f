"""Work shared out over threads: kernels let go of the interpreter, so two threads use two cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

_T = TypeVar("_T")
_LEAST = 1 << 16  #: rows below which a second thread costs more than it saves


def available() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if "sched_getaffinity" in dir(os) else os.cpu_count() or 1


class Crew:
    """A number of threads, in being between ``with`` and its end; one thread works in place."""

    def __init__(self, threads: int) -> None:
        self.threads = max(1, threads)
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Crew:
        if self.threads > 1:
            self._pool = ThreadPoolExecutor(self.threads, "heptad")
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def each(self, work: Callable[..., _T], items: Sequence[tuple[object, ...]]) -> list[_T]:
        """``work(*item)`` of every item, begun in this order; the results in it too."""
        if self._pool is None or len(items) < 2:
            return [work(*item) for item in items]
        return [future.result() for future in [self._pool.submit(work, *item) for item in items]]

    def parts(self, n: int) -> list[tuple[int, int]]:
        """0..n cut into a range per thread; into one where n is small."""
        parts = self.threads if n >= _LEAST else 1
        edges = [n * i // parts for i in range(parts + 1)]
        return list(pairwise(edges))
