"""``heptad serve``: the champion behind HTTP."""

from __future__ import annotations

from pathlib import Path

import click

from heptad.cli.command import Command, with_profile, with_system, with_traceback
from heptad.cli.parts import part
from heptad.run.profile import load_profile
from heptad.run.target import load_target
from heptad.times import duration


@click.command(
    "serve",
    cls=Command,
    short_help="Answer over HTTP with the model that is champion.",
    examples=[
        "heptad serve videos",
        "heptad serve videos --port 9000 --fresh --deadline 500ms",
        "heptad serve ./shop --profile prod --host 0.0.0.0 --workers 2 --keys keys.txt --keep-decisions 30d",
        "heptad serve videos --rate-limit 100 --log requests.jsonl",
    ],
)
@with_system
@with_profile
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to bind.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one."
)
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1, 64), metavar="N",
    help="Processes that answer; with more than one, another process appends the events. As many as there are processors "
    "keep to one each.",
)  # fmt: skip
@click.option(
    "--fresh", is_flag=True, help="Begin with an empty log and state instead of those of the last time."
)
@click.option(
    "--state", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Keep log, states and predictions in DIR instead of where the profile says.",
)  # fmt: skip
@click.option(
    "--deadline", metavar="DURATION",
    help="After this long the fallback answers, such as 200ms. [default: four times the declared p99]",
)  # fmt: skip
@click.option(
    "--keep-decisions", "age", metavar="DURATION",
    help="Forget decisions older than this, such as 30d. [default: keep all; some 10 KB of a ranking]",
)  # fmt: skip
@click.option(
    "--keys", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="A file with an API key a line, closed to others; or set HEPTAD_API_KEYS.",
)  # fmt: skip
@click.option("--open", "anyone", is_flag=True, help="Without keys, listen beyond this machine all the same.")
@click.option(
    "--rate-limit", type=click.FloatRange(0, min_open=True), metavar="N",
    help="Requests a second of each key; each of several workers allows its share.",
)  # fmt: skip
@click.option(
    "--log",
    metavar="FILE",
    help="Write a JSON line for each request to FILE, or to stderr for -. Errors are always told.",
)
@with_traceback
def command(
    system: str, profile: str, config: Path | None, host: str, port: int, workers: int, fresh: bool,
    state: Path | None, deadline: str | None, age: str | None, keys: Path | None, anyone: bool, rate_limit: float | None,
    log: str | None,
) -> None:  # fmt: skip
    """Serve SYSTEM: rank, features, events and health; a search by pictures answers POST /search, in one process.
    A posted event or row is acknowledged when the log holds it on disk. SIGTERM finishes the requests at hand and stops.
    """
    access = part("heptad.run.access:access_of")(
        host,
        keys=keys,
        anyone=anyone,
        per_second=None if rate_limit is None else rate_limit / workers,
        log=log,
    )
    target = load_target(system)
    chosen = load_profile(target, profile, config)
    limit = None if deadline is None else duration(deadline, thing="--deadline")
    longest = None if age is None else duration(age, thing="--keep-decisions")
    part("heptad.run.serve:serve")(
        target,
        chosen,
        host=host,
        port=port,
        workers=workers,
        fresh=fresh,
        state=state,
        deadline=limit,
        age=longest,
        access=access,
    )
