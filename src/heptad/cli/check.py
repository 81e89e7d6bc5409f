"""``heptad check``: every number of step 1, measured."""

from __future__ import annotations

from pathlib import Path

import click

from heptad.cli.command import Command, with_json, with_profile, with_system, with_traceback
from heptad.cli.console import messages, output
from heptad.cli.files import write_json
from heptad.cli.parts import part
from heptad.cli.progress import progress
from heptad.cli.summary import requirements_table
from heptad.run.profile import load_profile
from heptad.run.target import load_target


@click.command(
    "check",
    cls=Command,
    short_help="Measure every number the system requires.",
    examples=["heptad check videos", "heptad check ./shop --json check.json"],
)
@with_system
@with_profile
@with_json
@with_traceback
def command(system: str, profile: str, config: Path | None, json_file: Path | None) -> None:
    """Measure every number that SYSTEM states in its requirements, on this machine, and say which hold.

    Exit code 1 where one does not.
    """
    target = load_target(system)
    chosen = load_profile(target, profile, config)
    with progress(messages()) as shown:
        result = part("heptad.run.check:check_system")(target, chosen, progress=shown)
    if json_file is not None:
        write_json(json_file, result)
    requirements = result["requirements"]
    output().print(requirements_table(requirements))
    broken = [row["name"] for row in requirements if not row["holds"]]
    output().print(f"does not hold: {', '.join(broken)}" if broken else "all of them hold")
    if broken:
        raise SystemExit(1)
