"""``heptad design``: the seven-step design document, with the numbers of the last run."""

from __future__ import annotations

from pathlib import Path

import click

from heptad.cli.command import FILE, Command, with_system, with_traceback
from heptad.cli.console import messages
from heptad.cli.files import read_json, write_text
from heptad.cli.parts import part
from heptad.run.describe import describe
from heptad.run.target import load_target


@click.command(
    "design",
    cls=Command,
    short_help="Write the seven-step design document.",
    examples=[
        "heptad design videos",
        "heptad design videos --out design.md",
        "heptad design ./shop --summary reports/shop/summary.json",
    ],
)
@with_system
@click.option("--out", type=FILE, metavar="FILE", help="Write the document there. [default: print it]")
@click.option(
    "--summary", type=FILE, metavar="FILE",
    help="Summary of the run whose numbers are shown. [default: .heptad/NAME/summary.json, if there is one]",
)  # fmt: skip
@with_traceback
def command(system: str, out: Path | None, summary: Path | None) -> None:
    """Write the design document of SYSTEM in Markdown: what each of the seven steps states, and beside it
    what its last run measured on this machine.
    """
    target = load_target(system)
    last = Path(".heptad") / target.name / "summary.json"
    measured = read_json(summary or last) if summary is not None or last.is_file() else None
    if measured is not None and measured.get("plan_hash", target.system.plan.hash) != target.system.plan.hash:
        messages().print(f"note: the run of {summary or last} measured another plan than the present one")
    document = part("heptad.dashboard.design_document:design_markdown")(describe(target), measured)
    if out is None:
        click.echo(document, nl=False)
    else:
        write_text(out, document)
        click.echo(f"wrote {out}")
