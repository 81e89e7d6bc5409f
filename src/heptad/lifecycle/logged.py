"""A history as the event log of a deployment has it: what it accepted, each row with its offset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from heptad.lifecycle.history import History
from heptad.oracle.admission import judged
from heptad.plan.batch import Logged, batch_of
from heptad.plan.nodes import Plan
from heptad.streams.log import Log
from heptad.streams.payload import Codec

_AT_ONCE: Final = 10_000  #: records decoded at a time


def history_of_log(plan: Plan, log: Log) -> History:
    """The accepted rows of a whole log; what was looked up at append is in them. All of it is held in memory."""
    rows: dict[str, tuple[list[dict[str, Any]], list[int]]] = {s.name: ([], []) for s in plan.streams}
    for record, verdict in judged(plan, _records(plan, log)):
        if verdict == "accepted":
            held, offsets = rows[record.stream]
            held.append(dict(record.row))
            offsets.append(record.offset)
    return History(plan, {stream.name: batch_of(stream, *rows[stream.name]) for stream in plan.streams})


def _records(plan: Plan, log: Log) -> Iterator[Logged]:
    codec = Codec(plan)
    for low in range(log.first, log.end, _AT_ONCE):
        yield from codec.logged(log.read_columns(low, min(log.end, low + _AT_ONCE)))
