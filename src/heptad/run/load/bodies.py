"""What a load sends: the lines of a file, or requests and events made of a system's newest history."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from heptad.declare.framing import Ranking
from heptad.declare.types import Role
from heptad.errors import DataError
from heptad.offline.sources import rows_of
from heptad.plan.batch import Batch
from heptad.run.served import context_names
from heptad.run.target import Target
from heptad.serving.columns import shape_of
from heptad.times import SECOND


def lines_of(path: Path) -> list[bytes]:
    """The JSON objects of a file, one a line. Raises DataError for a file that has none, or a line that is none."""
    try:
        lines = [line for line in path.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        raise DataError(f"file {path}", "a file that can be read", error, "name another file") from error
    if not lines:
        raise DataError(f"file {path}", "one JSON object a line", "an empty file", "name another file")
    for number, line in enumerate(lines, 1):
        try:
            msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DataError(f"file {path}, line {number}", "a JSON object", error, "mend the line") from error
    return lines


def path_of(target: Target) -> str:
    """Where a system answers."""
    return "/rank" if isinstance(target.system.framing, Ranking) else "/predict"


def requests_of(target: Target, batch: Batch, most: int) -> list[bytes]:
    """At most ``most`` different requests as JSON, made of the newest events of the label's stream."""
    make = _rankings if isinstance(target.system.framing, Ranking) else _cases
    return [msgspec.json.encode(body) for body in make(target, batch, most)]


def _rankings(target: Target, batch: Batch, most: int) -> list[dict[str, Any]]:
    """Requests of users with history, the newest first, with what their newest event brings."""
    system = target.system
    user, item = system.ranking.user.name, system.ranking.item.name
    shape = shape_of(system, system.plan, [column.name for column in system.plan.columns])
    names = context_names(system.plan, shape)
    bodies: dict[Any, dict[str, Any]] = {}
    newest_first = np.argsort(batch.time, kind="stable")[::-1]
    for row in rows_of(batch.take(newest_first)):
        if row[user] is not None and row[item] is not None and row[user] not in bodies:
            bodies[row[user]] = {"user": row[user], "context": {name: row[name] for name in names}}
    return list(bodies.values())[:most]


def _cases(target: Target, batch: Batch, most: int) -> list[dict[str, Any]]:
    """The newest events as requests: all that an event brings, but its id and its times."""
    apart = (Role.KEY, Role.TIME, Role.KNOWN_AT, Role.REQUEST)
    names = [f.name for f in batch.stream.fields if f.role not in apart and f.lookup is None]
    newest_first = np.argsort(batch.time, kind="stable")[::-1][:most]
    return [{name: row[name] for name in names} for row in rows_of(batch.take(newest_first))]


def new_events(batch: Batch, n: int) -> list[Mapping[str, Any]]:
    """The newest event as ``n`` new ones: other ids, each a second later."""
    stream = batch.stream
    newest = int(np.argmax(batch.time))
    row = next(iter(rows_of(batch.take(np.array([newest])))))
    row = {f.name: row[f.name] for f in stream.fields if f.lookup is None}
    rows: list[Mapping[str, Any]] = []
    for number in range(1, n + 1):
        new = dict(row)
        if stream.key is not None:
            old = row[stream.key.name]
            new[stream.key.name] = f"{old}-new-{number}" if isinstance(old, str) else 2**62 + number
        if stream.time is not None:
            new[stream.time.name] = int(batch.time[newest]) + number * SECOND
        rows.append(new)
    return rows
