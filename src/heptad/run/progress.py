"""How long work tells a person where it is; the command line draws it, tests and services stay silent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Stage(Protocol):
    """One running stage: how far it is, and a word on what it does now."""

    def advance(self, n: int = 1) -> None: ...
    def say(self, text: str) -> None: ...


class Progress(Protocol):
    """Where stages are shown; ``total`` is None where the amount of work is not known."""

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]: ...

    def line(self, text: str) -> None: ...


class Silent:
    """Shows nothing."""

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        yield self

    def line(self, text: str) -> None:
        """Drop the line."""

    def advance(self, n: int = 1) -> None:
        """Drop the progress."""

    def say(self, text: str) -> None:
        """Drop the word."""
