"""``heptad build``: a training set as a Parquet file, larger than memory where need be."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from heptad.cli.command import FILE, Command, with_json, with_system, with_traceback
from heptad.cli.console import messages, output
from heptad.cli.files import write_json
from heptad.cli.progress import progress
from heptad.run.build import build_training_set
from heptad.run.target import load_target


def _named(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """``Rating=data/ratings`` as a class's name and its source."""
    found = {}
    for value in values:
        name, equals, path = value.partition("=")
        if not (name and equals and path):
            raise click.BadParameter(f"{value!r} is not CLASS=PATH, such as Rating=data/ratings")
        found[name] = path
    return found


@click.command(
    "build",
    cls=Command,
    short_help="Write a training set to a Parquet file, within a limit of memory.",
    examples=[
        "heptad build videos --labels labels.parquet --events Rating=ratings/ --events Film=films.parquet --out training.parquet",
        "heptad build ./shop --labels labels.parquet --events 'Sale=sales/2026-*.parquet' --out training.parquet --memory 2GB",
    ],
)
@with_system
@click.option(
    "--labels", required=True, metavar="PATH",
    help="Label rows: a Parquet file, a directory of them, or a pattern; entities' columns and a time.",
)  # fmt: skip
@click.option(
    "--events", "events", multiple=True, metavar="CLASS=PATH", callback=_named,
    help="Where the events or rows of a class are: a Parquet file, a directory, or a pattern. Once per class.",
)  # fmt: skip
@click.option("--out", type=FILE, required=True, metavar="FILE", help="The Parquet file to write.")
@click.option(
    "--at", default="ts", show_default=True, metavar="COLUMN", help="The label rows' column of time."
)
@click.option(
    "--memory", default="2GB", show_default=True, metavar="SIZE", help="How much memory the process may hold."
)
@click.option(
    "--workers", default=2, show_default=True, metavar="N", help="How many partitions are computed at once."
)
@click.option(
    "--as-happened", is_flag=True, help="See every event before a row's time, even one that was known later."
)
@with_json
@with_traceback
def command(
    system: str,
    labels: str,
    events: dict[str, str],
    out: Path,
    at: str,
    memory: str,
    workers: int,
    as_happened: bool,
    json_file: Path | None,
) -> None:
    """Write the label rows of SYSTEM with every feature as of each row's time: N rows in, N rows out, in their
    order. Events that do not fit in memory go through temporary files beside the output, which appears whole or
    not at all; what an interrupted build leaves is removed by the next one.
    """
    target = load_target(system)
    with _stoppable(), progress(messages()) as shown:
        report = build_training_set(
            target.system, labels, events=events, out=out, at=at, memory=memory, workers=workers,
            mode="as_happened" if as_happened else "as_known", progress=shown,
        )  # fmt: skip
    if json_file is not None:
        write_json(json_file, report.as_dict())
    repeats = sum(report.repeats.values())
    output().print(
        f"{report.rows:,} rows, {report.columns} columns, {sum(report.events.values()):,} events in {report.seconds:.1f} s"
        f" · {report.peak_memory / 1e6:,.0f} MB at most · {report.spilled / 1e6:,.0f} MB through the disk"
        + (f" · {repeats:,} repeated events left out" if repeats else "")
        + f"\n{report.out} · plan {report.plan}"
    )


@contextmanager
def _stoppable() -> Iterator[None]:
    """A request to end (SIGTERM) ends the build as Ctrl-C does: what it wrote is removed first."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
