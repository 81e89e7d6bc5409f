"""What a notebook asks of a System: a training set for label rows, and the same features live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from heptad.declare.types import Kind, Role
from heptad.errors import DataError
from heptad.offline.conversion import Reading, convert
from heptad.offline.enrichment import enrich
from heptad.offline.frames import to_arrow
from heptad.offline.history import admit_history
from heptad.offline.sources import read
from heptad.offline.training_set import training_set as offline
from heptad.plan.batch import Batch, Column, column_of
from heptad.plan.nodes import FieldPlan, Plan
from heptad.times import instant

if TYPE_CHECKING:
    import pyarrow as pa

    from heptad.run.system import System


def training_set(system: System, labels: Any, *, events: Mapping[str, Any], at: str = "ts") -> pa.Table:
    """The label rows with every declared feature as of each row's time, in their order: N rows in, N out.

    ``labels``: an Arrow table, a pandas or Polars frame, or a mapping of columns, with the entities' columns
    and a time column called ``at`` (microseconds, ISO text with a zone, or a zoned timestamp). ``events``:
    one source per event or table class by name (a frame, a table, or the path of a Parquet or CSV file).
    A row sees the events strictly before its time. Returns an Arrow table: the label columns, then the features.
    """
    import pyarrow as pa

    plan = system.plan
    batches = history(plan, events)
    table = pa.table(dict(labels)) if isinstance(labels, Mapping) else pa.table(labels)
    rows = request_columns(plan, {name: table.column(name) for name in table.column_names})
    found = offline(plan, batches, rows, _times(table, at))
    features = to_arrow(found)
    for name in features.column_names:
        if name not in table.column_names:
            table = table.append_column(name, features.column(name))
    return table


def history(plan: Plan, events: Mapping[str, Any]) -> dict[str, Batch]:
    """Sources by class name as admitted, enriched batches."""
    missing = [stream.name for stream in plan.streams if stream.name not in events]
    if missing:
        raise DataError(
            "events", f"a source for each of {', '.join(s.name for s in plan.streams)}", f"no {missing[0]}",
            f"pass events={{{missing[0]!r}: frame or path, ...}}",
        )  # fmt: skip
    admitted, _ = admit_history(plan, {s.name: read(s, events[s.name]) for s in plan.streams})
    return enrich(plan, admitted)


def features(system: System, *, at: Any, store: str, **entities: Any) -> dict[str, NDArray[Any]]:
    """The features of one moment, live, from a deployment's store (see `Profile.store`).

    Entities are single values or lists of one length; single ones are repeated: ``user="u1", ad=[...]``.
    ``at`` None reads as of the newest applied event. Returns one array per declared column.
    """
    from heptad.online.reader import Reader
    from heptad.state.open import open_store
    from heptad.streams.clock import ReplayClock

    plan = system.plan
    n = max((len(v) for v in entities.values() if isinstance(v, (list, tuple, np.ndarray))), default=1)
    listed = {
        k: list(v) if isinstance(v, (list, tuple, np.ndarray)) else [v] * n for k, v in entities.items()
    }
    rows = request_columns(plan, listed)
    opened = open_store(store, plan.state_hash, readonly=True)  # beside a server, perhaps
    try:
        clock = ReplayClock(0 if at is None else instant(at))
        return Reader(plan, opened, clock).read(rows, n, None if at is None else instant(at)).values
    finally:
        opened.close()


def request_columns(plan: Plan, given: Mapping[str, Any]) -> dict[str, Column]:
    """The given columns that the plan's requests know, checked; lists of Python values or Arrow arrays."""
    fields: dict[str, FieldPlan] = {field.name: field for field in plan.request}
    out: dict[str, Column] = {}
    for name, values in given.items():
        if name in fields:
            field = fields[name]
            arrow = values.combine_chunks() if not isinstance(values, list) else None
            out[name] = (
                column_of(values, field.kind)
                if arrow is None
                else convert(arrow, field, f"column {name!r}", Reading())
            )
    if not out:
        raise DataError("request", f"some of {', '.join(fields)}", f"{', '.join(given)}", "name the entities")
    return out


def _times(table: Any, at: str) -> NDArray[np.int64]:
    if at not in table.column_names:
        raise DataError(
            "labels",
            f"a time column {at!r}",
            f"columns {', '.join(table.column_names)}",
            "name it: at='COLUMN'",
        )
    field = FieldPlan(at, Kind.TIME, Role.TIME, False)
    return convert(table.column(at).combine_chunks(), field, f"labels.{at}", Reading()).values
