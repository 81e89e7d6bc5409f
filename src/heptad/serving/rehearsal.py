"""What becomes of an event, done beforehand with made-up ones: so that the first to post waits for no kernel.

A new process loads the kernels that write states from numba's cache, which takes some 40 ms; on a new machine it compiles
them, which takes seconds. Both used to fall on whoever posted first.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from typing import Any, Final

from heptad.declare.types import Kind, Role
from heptad.declare.vectors import WIDTH
from heptad.plan.nodes import FieldPlan, Plan, StreamPlan
from heptad.state.stores.memory import MemoryStore
from heptad.streams.appender import Appender
from heptad.streams.applier import Applier
from heptad.streams.clock import ReplayClock
from heptad.streams.log import Log
from heptad.times import DAY

_CELLS: Final[dict[Kind, Any]] = {
    Kind.ID: 1, Kind.TEXT: "a", Kind.FLOAT: 1.0, Kind.INT: 1, Kind.BOOL: False, Kind.TEXTS: ["a"],
}  # fmt: skip


def rehearse(plan: Plan) -> None:
    """Log and apply a row of every stream, and another that goes on from its states; nothing of it is kept.

    Where there is no room for temporary files the first to post waits.
    """
    clock = ReplayClock(DAY)
    with (
        suppress(OSError),
        tempfile.TemporaryDirectory(prefix="heptad-") as folder,
        Log.open(folder) as log,
    ):
        appender = Appender(plan, log, clock)
        applier = Applier(plan, log, MemoryStore(plan.state_hash), appender)
        for number in range(2):
            for stream in plan.streams:
                appender.append(stream.name, [_row(stream, number, clock.now() - 1)])
            clock.advance_to(clock.now() + 1)
            applier.apply()


def _row(stream: StreamPlan, number: int, t: int) -> dict[str, Any]:
    """A row that fits its schema; lookups are the appender's to fill."""
    return {f.name: _cell(f, number, t) for f in stream.fields if f.lookup is None}


def _cell(field: FieldPlan, number: int, t: int) -> Any:
    if field.role is Role.KEY:
        return number
    if field.kind is Kind.TIME:
        return t
    return bytes(WIDTH * field.size) if field.kind is Kind.VECTOR else _CELLS[field.kind]
