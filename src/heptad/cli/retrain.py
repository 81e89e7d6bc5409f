"""``heptad retrain``: a challenger from what a deployment has logged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from heptad.cli.command import Command, with_json, with_profile, with_state, with_system, with_traceback
from heptad.cli.console import messages, output
from heptad.cli.files import write_json
from heptad.cli.parts import part
from heptad.cli.progress import progress
from heptad.cli.summary import show_summary
from heptad.declare.retrieval import Retrieval
from heptad.errors import DataError
from heptad.run.profile import load_profile
from heptad.run.target import load_target
from heptad.times import duration

_LEARNING = ("events", "shown", "logged")


@click.command(
    "retrain",
    cls=Command,
    short_help="Train a challenger from what a deployment has logged.",
    examples=[
        "heptad retrain videos",
        "heptad retrain ./shop --from logged --test 2h",
        "heptad retrain ./shop --from shown --state /srv/shop --json retrained.json",
    ],
)
@with_system
@click.option(
    "--from", "learning", type=click.Choice(_LEARNING), default="events", show_default=True,
    help="events: all of the log. shown: impressions that name their request (hp.RequestId), features recomputed at its "
    "(t, o). logged: the same, features as they were served.",
)  # fmt: skip
@click.option(
    "--test", metavar="DURATION",
    help="Test on the newest so much, such as 2d. [default: what the declared split says]",
)  # fmt: skip
@with_state
@with_profile
@with_json
@with_traceback
def command(
    system: str, learning: str, test: str | None, state: Path | None, profile: str, config: Path | None,
    json_file: Path | None,
) -> None:  # fmt: skip
    """Train on the event log of SYSTEM, test beside the champion on what came later, and let the gate promote or refuse.
    A running `heptad serve` follows within seconds.

    With shown and logged it says what became of the impressions, and how many of the served features are not those
    recomputed. A gate that refuses is a result, not a failure.
    """
    target = load_target(system)
    if isinstance(target.system.framing, Retrieval):
        raise DataError(
            f"heptad retrain {target.name}", "a system that learns from events", "a search by pictures",
            f"heptad run {target.name} trains it again, from the pictures of its source",
        )  # fmt: skip
    chosen = load_profile(target, profile, config)
    if state is not None:
        chosen = replace(chosen, log=state / "log")
    with progress(messages()) as shown:
        result = part("heptad.run.retrain:retrain")(
            target, chosen, learning=part("heptad.run.retrain:Learning")(learning), progress=shown,
            test=None if test is None else duration(test, thing="--test"),
        )  # fmt: skip
    if json_file is not None:
        write_json(json_file, result)
    show_summary(output(), result)
