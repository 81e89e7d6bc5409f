"""`heptad bench-serve`: what to send, the search for the saturating rate where it is asked for, and the measurement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec

from heptad.declare.retrieval import Retrieval
from heptad.errors import DataError
from heptad.run.history import load_history
from heptad.run.load.bodies import lines_of, path_of, requests_of
from heptad.run.load.events import Events
from heptad.run.load.measured import Measured
from heptad.run.load.open_loop import Load, open_loop
from heptad.run.load.saturation import find_saturation
from heptad.run.load.trend import halves, slope
from heptad.run.profile import load_profile
from heptad.run.progress import Progress
from heptad.run.search import load_gallery
from heptad.run.target import load_target
from heptad.times import MILLISECOND, duration

#: Different requests drawn from a system's history, at most.
REQUESTS: Final = 5_000
PICTURES: Final = 500  #: of a search by pictures
#: Windows from which a trend is told.
_WINDOWS: Final = 4


def bodies_of_system(name: str, profile: str, config: Path | None) -> tuple[list[bytes], str]:
    """Requests made of a system's newest history, and the path they are posted to."""
    target = load_target(name)
    if isinstance(target.system.framing, Retrieval):
        return load_gallery(target, load_profile(target, profile, config)).pictures[:PICTURES], "/search"
    history = load_history(target.system.plan, load_profile(target, profile, config)).history
    event = target.system.label.event.__name__
    return requests_of(target, history.batches[event], REQUESTS), path_of(target)


def events_of(stream: str, file: Path, *, rate: float, key: str | None, stamp: str | None) -> Events:
    """Events from the lines of a file."""
    rows = [msgspec.json.decode(line) for line in lines_of(file)]
    return Events(stream, rows, rate, key, stamp)


def headers_of(lines: Sequence[str]) -> dict[str, str]:
    """Headers from ``name:value``. Raises DataError for a line that is none."""
    out = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip() or "\n" in line or "\r" in line:
            raise DataError("--header", "NAME:VALUE", line, "write for example x-api-key:secret")
        out[name.strip().lower()] = value.strip()
    return out


def bench_serve(
    url: str, load: Load, progress: Progress, *, search: bool, step_seconds: float, p99: str | None
) -> dict[str, Any]:
    """Measure ``load``, or first the saturating rate and then half of it; the result as JSON."""
    out: dict[str, Any] = {"url": url}
    if search:
        limit = None if p99 is None else duration(p99, thing="--p99") / MILLISECOND
        quiet = replace(load, events=None)
        found = find_saturation(
            quiet, lambda step: open_loop(url, step), seconds=step_seconds, limit_ms=limit, say=progress.line
        )
        out["saturation"] = found.summary()
        load = replace(load, rate=found.rate / 2)
    requests = round(load.rate * (load.warm_up + load.seconds))
    with progress.stage(f"{load.seconds:g} s at {load.rate:.1f} per second", requests) as stage:
        measured = open_loop(url, load, stage)
    out["load"] = measured.summary()
    out["trend"] = trend(measured)
    return out


def trend(measured: Measured) -> Mapping[str, Any] | None:
    """Whether the p99 drifts from window to window; None for fewer than four windows with answers."""
    found = [window.latency.percentile(99) for window in measured.windows if len(window.latency)]
    if len(found) < _WINDOWS:
        return None
    grows, paired = (
        slope([measured.window_seconds * place for place in range(len(found))], found),
        halves(found),
    )
    return {
        "p99_ms_per_hour": grows.per_hour, "error": grows.error, "pairs": paired.pairs, "grew": paired.grew,
        "median_ratio": paired.median_ratio, "chance": paired.chance,
    }  # fmt: skip
