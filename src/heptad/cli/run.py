"""``heptad run``: data, train, evaluate, gate, serve a replay, audit, drift, retrain, report."""

from __future__ import annotations

from pathlib import Path

import click

from heptad.cli.command import Command, with_json, with_profile, with_system, with_traceback
from heptad.cli.console import messages, output
from heptad.cli.files import write_json
from heptad.cli.parts import part
from heptad.cli.progress import progress
from heptad.cli.summary import show_summary
from heptad.run.profile import load_profile
from heptad.run.target import load_target


@click.command(
    "run",
    cls=Command,
    short_help="Run the whole loop on historical data and write a report.",
    examples=[
        "heptad run videos",
        "heptad run videos --json result.json",
        "heptad run ./shop --profile prod --out reports/shop",
        "heptad run my_pkg.ads:ads --config ads.toml",
    ],
)
@with_system
@with_profile
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Where the summary and the report go. [default: .heptad/NAME]",
)  # fmt: skip
@with_json
@with_traceback
def command(system: str, profile: str, config: Path | None, out: Path | None, json_file: Path | None) -> None:
    """Run the whole loop of SYSTEM on historical data: train, evaluate, gate, serve a replay, audit, drift
    and retrain. Prints a table and the path of the report.

    Exit code 1 where the audit found a served value that is wrong; a gate that refuses is a result, not a
    failure.
    """
    target = load_target(system)
    chosen = load_profile(target, profile, config)
    folder = out if out is not None else Path(".heptad") / target.name
    with progress(messages()) as shown:
        summary = part("heptad.run.loop:run_system")(
            target, chosen, progress=shown, out=folder, render=part("heptad.dashboard:write")
        )
    if json_file is not None:
        write_json(json_file, summary)
    show_summary(output(), summary)
    if summary.get("audit", {}).get("mismatches"):
        raise SystemExit(1)
