"""How a build tells where it is: the same shape as the command line's progress, which draws it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Stage(Protocol):
    """One running stage: how far it is."""

    def advance(self, n: int = 1) -> None: ...


class Meter(Protocol):
    """Where stages are shown; ``total`` is what `Stage.advance` adds up to."""

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]: ...


class Silent:
    """Shows nothing."""

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        yield self

    def advance(self, n: int = 1) -> None:
        """Drop the progress."""
