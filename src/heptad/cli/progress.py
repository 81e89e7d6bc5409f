"""Stages of long work, drawn: bars with rate and time left on a terminal, a line per stage elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from heptad.run.progress import Progress as Shown
from heptad.run.progress import Stage


class _Amount(ProgressColumn):
    """How much is done, and per second."""

    def render(self, task: Task) -> Text:
        if task.total is None and not task.completed:
            return Text("")
        done = f"{task.completed:,.0f}" + ("" if task.total is None else f"/{task.total:,.0f}")
        speed = task.finished_speed or task.speed
        return Text(done + (f"  {speed:,.0f}/s" if speed else ""), "green")


class Bars:
    """Progress on a terminal. A stage's bar stays when it is done."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description:<28}"),
            BarColumn(24),
            _Amount(),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=False),
            TextColumn("{task.fields[word]}", style="dim"),
            console=console,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        """A bar for as long as the stage runs; where it fails the bar stays where it was."""
        task = self._progress.add_task(name, total=total, word="")
        yield _Bar(self._progress, task)
        done = self._progress.tasks[self._progress.task_ids.index(task)].completed
        self._progress.update(task, total=done or 1, completed=done or 1, word="")

    def line(self, text: str) -> None:
        """Print a line above the bars."""
        self._progress.console.print(text)


class _Bar:
    def __init__(self, progress: Progress, task: int) -> None:
        self._progress, self._task = progress, task

    def advance(self, n: int = 1) -> None:
        self._progress.advance(self._task, n)  # type: ignore[arg-type]

    def say(self, text: str) -> None:
        self._progress.update(self._task, word=text)  # type: ignore[arg-type]


class Lines:
    """Progress in a pipe or a log file: a line when a stage begins, one with its amount and seconds at its end."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is left open."""

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Stage]:
        """Counts silently; prints at the end, or where the stage failed."""
        counted, began = _Counted(), perf_counter()
        self.line(f"{name} ...")
        try:
            yield counted
        except BaseException:
            self.line(f"{name}: stopped after {perf_counter() - began:.1f} s")
            raise
        amount = f"{counted.done:,} in " if counted.done else ""
        self.line(f"{name}: {amount}{perf_counter() - began:.1f} s")

    def line(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, soft_wrap=True)


class _Counted:
    def __init__(self) -> None:
        self.done = 0

    def advance(self, n: int = 1) -> None:
        self.done += n

    def say(self, text: str) -> None:
        """A passing word is for a terminal only."""


@contextmanager
def progress(console: Console) -> Iterator[Shown]:
    """Bars where the console is a terminal, else lines; the bars are put away at the end of the ``with``."""
    with Bars(console) if console.is_terminal else Lines(console) as shown:
        yield shown
