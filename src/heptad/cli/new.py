"""``heptad new``: a working system for a person's own file."""

from __future__ import annotations

import keyword
import sys
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from heptad.cli.command import FILE, Command, with_traceback
from heptad.cli.console import messages, output
from heptad.errors import DataError
from heptad.run.profile import load_profile
from heptad.run.scaffold.columns import File, profile
from heptad.run.scaffold.roles import MEANING, OPTIONAL, ROLES, Positive, check, guess, positive, stated
from heptad.run.scaffold.sketch import sketch
from heptad.run.scaffold.write import write
from heptad.run.source import read
from heptad.run.target import load_target, shipped

_TAKEN = {"hp", "relevant", "data", "system", "test"}  #: names the written modules use themselves


@click.command(
    "new",
    cls=Command,
    short_help="Write a working system for a file of events.",
    examples=[
        "heptad new shop --events purchases.csv",
        "heptad new shop --events purchases.csv --items products.parquet --yes",
        "heptad new films --events ratings.csv --user member --outcome stars --positive '>= 4'",
        "heptad new visits --events visits.jsonl --key none --zone Europe/Berlin",
    ],
)
@click.argument("name", metavar="NAME")
@click.option("--events", required=True, type=FILE, metavar="FILE", help="Events: .csv, .parquet or .jsonl.")
@click.option("--items", type=FILE, metavar="FILE", help="One row per item with what is known of it.")
@click.option("--time", metavar="COLUMN", help="When it happened.")
@click.option("--user", metavar="COLUMN", help="Who acts.")
@click.option("--item", metavar="COLUMN", help="What is acted on.")
@click.option("--key", metavar="COLUMN", help="The event's own id, or none.")
@click.option("--outcome", metavar="COLUMN", help="How it turned out, or none: every event is positive.")
@click.option("--positive", "condition", metavar="TEXT", help="Which outcomes are good: '>= 4', or a value.")
@click.option(
    "--zone", metavar="ZONE", help="Zone of times that name none, such as Europe/Berlin. [default: UTC]"
)
@click.option("--yes", is_flag=True, help="Take every guess; ask nothing.")
@with_traceback
def command(
    name: str, events: Path, items: Path | None, condition: str | None, zone: str | None, yes: bool,
    **said: str | None,
) -> None:  # fmt: skip
    """Look at a file of events, find its columns of time, user, item, event id and outcome, and write the
    directory NAME with a system that runs. Every guess is shown with its reason; on a terminal it is asked,
    and an option overrides it.
    """
    directory = Path(name)
    _check_name(directory.name)
    asking = sys.stdin.isatty() and not yes
    events_file = profile(events)
    items_file = profile(items) if items is not None else None
    roles, reasons = _roles(events_file, items_file, said, asking)
    good = _positive(roles["outcome"], condition, events_file, asking)
    chosen_zone = _zone(roles["time"], zone, events_file, asking)
    drawn = sketch(directory.name, events_file, items_file, roles, good, chosen_zone, reasons)
    console = output()
    for file in write(drawn, directory):
        console.print(f"wrote {file}", soft_wrap=True)
    target = load_target(f"./{directory}" if not directory.is_absolute() else str(directory))
    sources = load_profile(target, path=directory / "heptad.toml").sources
    for stream in target.system.plan.streams:
        rows = read(sources[stream.name], stream)
        console.print(
            f"{stream.name}: {rows.num_rows:,} rows read from {sources[stream.name].url}", soft_wrap=True
        )
    for column, why in drawn.unused.items():
        console.print(f"not used: {column}, {why}", soft_wrap=True)
    console.print(f"next: heptad run {'' if directory.is_absolute() else './'}{directory}", soft_wrap=True)


def _check_name(name: str) -> None:
    taken = name in shipped() or name in _TAKEN or keyword.iskeyword(name)
    if taken or not name.isidentifier() or not name.islower():
        raise DataError(
            f"name {name!r}", "a new name in lower case that Python can spell",
            "one that is taken" if taken else repr(name), "write for example shop",
        )  # fmt: skip


def _roles(
    events: File, items: File | None, said: Mapping[str, str | None], asking: bool
) -> tuple[dict[str, str | None], dict[str, str]]:
    """The column of each role: as said, as answered, or as guessed; and why."""
    roles: dict[str, str | None] = {
        role: said[role] for role in ROLES if said[role] is not None and said[role] != "none"
    }
    for role, column in roles.items():
        check(role, str(column), events)
    reasons: dict[str, str] = dict.fromkeys(roles, "as you said")
    for role in ROLES:
        if role in roles:
            continue
        if said[role] == "none" and role in OPTIONAL:
            roles[role], reasons[role] = None, "as you said"
            continue
        best = guess(role, events, items, roles)
        roles[role], reasons[role] = best.column, best.reason
        if asking:
            roles[role], reasons[role] = _ask(role, best.column, best.reason, events)
        elif best.column is None and role not in OPTIONAL:
            raise DataError(
                f"{role} column of {events.path.name}", f"a column that says {MEANING[role]}",
                f"{best.reason} (columns: {', '.join(events.columns)})", f"name it: --{role} COLUMN",
            )  # fmt: skip
        messages().print(f"{role:<8} {roles[role] or 'none'} ({reasons[role]})", soft_wrap=True)
    return roles, reasons


def _ask(role: str, column: str | None, reason: str, events: File) -> tuple[str | None, str]:
    optional = role in OPTIONAL
    choices = ", ".join(events.columns) + (", none" if optional else "")
    default = column or ("none" if optional else None)
    while True:
        answer = click.prompt(f"{role}: {MEANING[role]} ({choices})", default=default, err=True)
        if optional and answer == "none":
            return None, reason if column is None else "as you said"
        try:
            check(role, answer, events)
        except DataError as error:
            messages().print(f"{error}", soft_wrap=True)
            continue
        return answer, reason if answer == column else "as you said"


def _positive(column: str | None, condition: str | None, events: File, asking: bool) -> Positive | None:
    if column is None:
        if condition is not None:
            raise DataError(
                "--positive", "an outcome column", "none", "add --outcome COLUMN, or leave --positive out"
            )
        return None
    if condition is not None:
        return stated(column, condition, events)
    best = positive(column, events)
    if asking:
        default = f"{best.op} {best.bound}"
        answer = click.prompt(f"{column}: which are good", default=default, err=True)
        best = best if answer == default else stated(column, answer, events)
    messages().print(f"positive {best} ({best.share:.0%} of the events)", soft_wrap=True)
    return best


def _zone(time: str | None, zone: str | None, events: File, asking: bool) -> str:
    times = events.columns[str(time)].times
    if zone is None and times is not None and times.needs_zone:
        zone = click.prompt("zone of times that name none", default="UTC", err=True) if asking else "UTC"
        messages().print(f"zone     {zone}, for {times}; --zone says otherwise", soft_wrap=True)
    try:
        ZoneInfo(zone or "UTC")
    except (ValueError, OSError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
        raise DataError(
            f"--zone {zone!r}",
            "a zone of the IANA database",
            "no such zone",
            "write for example Europe/Berlin",
        ) from error
    return zone or "UTC"
