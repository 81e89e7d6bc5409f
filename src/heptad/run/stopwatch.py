"""Stages with their names, their time and their place on the screen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from heptad.run.progress import Progress, Stage


class Stopwatch:
    """Shows each stage as it runs and keeps its seconds."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, key: str, name: str, total: int | None = None) -> Iterator[Stage]:
        """Run a stage, shown as ``name``, its time kept as ``key``."""
        began = time.perf_counter()
        with self._progress.stage(name, total) as stage:
            yield stage
        self.seconds[key] = self.seconds.get(key, 0.0) + time.perf_counter() - began

    def line(self, text: str) -> None:
        """One line of result above the bars."""
        self._progress.line(text)
