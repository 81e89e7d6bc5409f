"""``heptad explain``: what a declaration compiles to."""

from __future__ import annotations

from pathlib import Path

import click

from heptad.cli.command import Command, with_json, with_system, with_traceback
from heptad.cli.files import write_json
from heptad.run.describe import describe
from heptad.run.target import load_target


@click.command(
    "explain",
    cls=Command,
    short_help="Print the compiled plan.",
    examples=["heptad explain videos", "heptad explain my_pkg.ads:ads --json plan.json"],
)
@with_system
@with_json
@with_traceback
def command(system: str, json_file: Path | None) -> None:
    """Print the plan that SYSTEM compiles to: streams, groups, rings of tiles, columns by kind, and the most
    bytes a key takes. No data is read; equal declarations print alike, so the output can be compared.
    """
    target = load_target(system)
    if json_file is not None:
        write_json(json_file, describe(target))
    click.echo(target.system.explain(), nl=False)
