"""``heptad why``: a logged decision made again, to the last bit, and explained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from heptad.cli.command import Command, with_json, with_profile, with_state, with_system, with_traceback
from heptad.cli.console import messages, output
from heptad.cli.files import write_json
from heptad.cli.parts import part
from heptad.cli.progress import progress
from heptad.cli.why_shown import show_why
from heptad.run.profile import load_profile
from heptad.run.target import load_target


@click.command(
    "why",
    cls=Command,
    short_help="Make a logged decision again, and explain it.",
    examples=[
        "heptad why videos --last",
        "heptad why videos 3f09a1c2d4e5b607 --json why.json",
        "heptad why videos 3f09a1c2d4e5b607 --with my_pkg.bolder:videos",
        "heptad why fraud payment-17 --state /srv/fraud",
    ],
)
@with_system
@click.argument("request_id", metavar="[REQUEST_ID]", required=False)
@click.option("--last", is_flag=True, help="The newest decision, instead of one by its id.")
@click.option(
    "--with", "other", metavar="OTHER",
    help="Another declaration (as SYSTEM): what it would have answered to the same request at the same (t, o).",
)  # fmt: skip
@with_state
@with_profile
@with_json
@with_traceback
def command(
    system: str, request_id: str | None, last: bool, other: str | None, state: Path | None, profile: str,
    config: Path | None, json_file: Path | None,
) -> None:  # fmt: skip
    """Find the decision of REQUEST_ID, make it again from the event log and the model it names, and compare every bit:
    history, candidates, features, probabilities, ranks.

    Only a decision that comes out again is explained. One that does not, or whose log or model is damaged, is
    reported, with exit code 1.
    """
    if last == (request_id is not None):
        raise click.UsageError("name a REQUEST_ID, or write --last")
    target = load_target(system)
    chosen = load_profile(target, profile, config)
    if state is not None:
        chosen = replace(chosen, log=state / "log")
    with progress(messages()) as shown:
        result = part("heptad.run.why.why:why")(
            target, chosen, request_id, progress=shown, other=None if other is None else load_target(other)
        )
    if json_file is not None:
        write_json(json_file, result)
    show_why(output(), result)
    if result["verdict"] in ("differs", "refused"):
        raise SystemExit(1)
