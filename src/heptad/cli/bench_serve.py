"""``heptad bench-serve``: an open loop of requests on a running server, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from heptad.cli.command import FILE, Command, F, with_json, with_profile, with_traceback
from heptad.cli.console import messages, output
from heptad.cli.files import write_json
from heptad.cli.parts import part
from heptad.cli.progress import progress
from heptad.cli.summary import show_load
from heptad.errors import DataError

_BENCH = "heptad.run.load.bench"
_POSITIVE = click.FloatRange(0, min_open=True)


def _options(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator, shown in this order."""

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _number(name: str, default: float, text: str, metavar: str = "FLOAT") -> Callable[[F], F]:
    return click.option(name, default=default, show_default=True, type=_POSITIVE, metavar=metavar, help=text)


_offered = _options(
    _number("--rate", 20.0, "Requests per second."),
    _number("--seconds", 30.0, "How long to measure."),
    click.option("--warm-up", default=3.0, show_default=True, type=click.FloatRange(0), metavar="SECONDS",
                 help="The same load before that, not counted."),
    click.option("--connections", default=32, show_default=True, type=click.IntRange(1, 900),
                 help="Connections, all opened before and used in turn."),
    _number("--timeout", 10.0, "A request without an answer by then has failed.", "SECONDS"),
    click.option("--seed", default=0, show_default=True, help="Draws the times of the requests."),
)  # fmt: skip
_sent = _options(
    click.option("--bodies", type=FILE, metavar="FILE", help="What to post: one JSON object a line, in turn."),
    click.option("--system", metavar="SYSTEM", help="Post requests made of this system's newest history."),
    with_profile,
    click.option("--path", metavar="PATH", help="Where to post. [default: /rank, or that of --system]"),
    click.option("--header", "headers", multiple=True, metavar="NAME:VALUE",
                 help="A header of every request, such as an API key."),
)  # fmt: skip
_searched = _options(
    click.option("--find-saturation", is_flag=True,
                 help="First raise the rate from --rate until it breaks; then measure at half of what held."),
    _number("--step-seconds", 5.0, "How long each rate is tried.", "SECONDS"),
    click.option("--p99", metavar="DURATION",
                 help="A rate with a p99 above this breaks. [default: 20 times the median at the first rate]"),
)  # fmt: skip
_beside = _options(
    click.option("--events", nargs=2, metavar="STREAM FILE",
                 help="Post the rows of FILE beside the load, and measure how soon a read knows each."),
    _number("--event-rate", 5.0, "Events per second."),
    click.option("--event-key", metavar="COLUMN", help="Give every event a new id in this column."),
    click.option("--event-time", metavar="COLUMN", help="Give every event the time of posting in this one."),
    _number("--window", 10.0, "Length of the windows that the result tells apart.", "SECONDS"),
)  # fmt: skip


@click.command(
    "bench-serve",
    cls=Command,
    short_help="Load a running server and measure what it answers.",
    examples=[
        "heptad bench-serve http://127.0.0.1:8000 --system videos --rate 20",
        "heptad bench-serve http://127.0.0.1:8000 --bodies requests.jsonl --rate 100 --seconds 240",
        "heptad bench-serve http://127.0.0.1:8000 --system videos --find-saturation --json load.json",
        "heptad bench-serve http://127.0.0.1:8000 --system videos --events Rating new.jsonl --event-key rating_id",
        "heptad bench-serve http://127.0.0.1:8000 --system videos --header 'authorization: Bearer KEY'",
    ],
)
@click.argument("url", metavar="URL")
@_offered
@_sent
@_searched
@_beside
@with_json
@with_traceback
def command(url: str, json_file: Path | None, **given: Any) -> None:
    """Post requests to the server at URL at random (Poisson) times of a stated rate, whether or not earlier ones
    were answered. Latency counts from the moment a request was due, so that a stalled server shows. Failures, and
    answers flagged as fallbacks, are counted by kind; the generator's own share of a core is reported.

    Exit code 1 where a request failed.
    """
    bodies, path = _bodies(given["bodies"], given["system"], given["profile"], given["config"])
    events = given["events"] and part(f"{_BENCH}:events_of")(
        given["events"][0], Path(given["events"][1]), rate=given["event_rate"], key=given["event_key"],
        stamp=given["event_time"],
    )  # fmt: skip
    load = part(f"{_BENCH}:Load")(
        bodies, given["rate"], given["seconds"], path=given["path"] or path, warm_up=given["warm_up"],
        connections=given["connections"], timeout=given["timeout"], window=given["window"], seed=given["seed"],
        headers=part(f"{_BENCH}:headers_of")(given["headers"]), events=events or None,
    )  # fmt: skip
    with progress(messages()) as shown:
        result = part(f"{_BENCH}:bench_serve")(
            url, load, shown, search=given["find_saturation"], step_seconds=given["step_seconds"], p99=given["p99"]
        )  # fmt: skip
    if json_file is not None:
        write_json(json_file, result)
    show_load(output(), result)
    for doubt in result["load"]["doubts"]:
        messages().print(f"not to be trusted: {doubt}", style="yellow", soft_wrap=True)
    if result["load"]["failed"]:
        raise SystemExit(1)


def _bodies(
    file: Path | None, system: str | None, profile: str, config: Path | None
) -> tuple[list[bytes], str]:
    """What to post, and where a system answers (/rank where none is named)."""
    if (file is None) == (system is None):
        got = "neither" if file is None else "both"
        raise DataError(
            "what to post", "either --bodies FILE or --system SYSTEM", got, "say which requests to send"
        )
    if file is not None:
        lines: list[bytes] = part(f"{_BENCH}:lines_of")(file)
        return lines, "/rank"
    found: tuple[list[bytes], str] = part(f"{_BENCH}:bodies_of_system")(system, profile, config)
    return found
