"""What a notebook asks of a System: a training set for label rows, and the same features live."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from heptad.declare.types import Kind, Role
from heptad.errors import DataError
from heptad.offline.conversion import Reading, convert
from heptad.offline.enrichment import enrich
from heptad.offline.history import admit_history
from heptad.offline.intake import take_in, write_dead_letters
from heptad.offline.knowledge import Knowledge
from heptad.offline.table import training_table
from heptad.plan.batch import Batch, Column
from heptad.plan.nodes import FieldPlan, Plan, RequestColumn
from heptad.serving.columns import bare_inputs
from heptad.serving.values import blank, entity_columns
from heptad.times import instant

if TYPE_CHECKING:
    import pyarrow as pa

    from heptad.run.system import System


def training_set(
    system: System,
    labels: Any,
    *,
    events: Mapping[str, Any],
    at: str = "ts",
    dead_letters: str | Path | None = None,
) -> pa.Table:
    """The label rows with every declared feature as of each row's time, in their order: N rows in, N out.

    ``labels``: an Arrow table, a pandas or Polars frame, or a mapping of columns, with the entities' columns
    and a time column called ``at`` (microseconds, ISO text with a zone, or a zoned timestamp). ``events``:
    one source per event or table class by name (a frame, a table, or the path of a Parquet or CSV file).
    A row sees the events strictly before its time. Returns an Arrow table: the label columns, then the features
    (one that is a label column itself, such as the request's device, is not repeated). Rows of the sources that
    do not fit their class are written to the file ``dead_letters``, each with the reason, and the rest goes on;
    without it the first of them raises DataError, as does a label column with the name of another feature.
    """
    import pyarrow as pa

    plan = system.plan
    batches = history(plan, events, dead_letters)
    table = pa.table(dict(labels)) if isinstance(labels, Mapping) else pa.table(labels)
    table = table.drop_columns([name for name in table.column_names if name.startswith("__index_level_")])
    _check_names(plan, table.column_names)
    rows = request_columns(plan, {name: table.column(name) for name in table.column_names})
    for field in bare_inputs(plan, plan.columns):
        rows.setdefault(field.name, blank(field.kind, table.num_rows))
    t = _times(table, at)
    knowledge = Knowledge.of(batches)
    features = training_table(plan, batches, rows, t, None if knowledge is None else knowledge.before(t))
    for name in features.column_names:
        if name not in table.column_names:
            table = table.append_column(name, features.column(name))
    return table


def history(
    plan: Plan, events: Mapping[str, Any], dead_letters: str | Path | None = None
) -> dict[str, Batch]:
    """Sources by class name as admitted, enriched batches; bad rows go to ``dead_letters``, else raise DataError."""
    missing = [stream.name for stream in plan.streams if stream.name not in events]
    if missing:
        raise DataError(
            "events", f"a source for each of {', '.join(s.name for s in plan.streams)}", f"no {missing[0]}",
            f"pass events={{{missing[0]!r}: frame or path, ...}}",
        )  # fmt: skip
    taken = {s.name: take_in(s, events[s.name]) for s in plan.streams}
    if dead_letters is not None:
        write_dead_letters(Path(dead_letters), taken)
    for name, intake in taken.items():
        if intake.refused and dead_letters is None:
            first = intake.refused[0]
            raise DataError(
                f"{name}.{first.column}", first.expected,
                f"{first.got} in row {first.row} ({len(intake.refused)} bad rows of {intake.rows})",
                "mend the rows, or put them aside with dead_letters='refused.jsonl'",
            )  # fmt: skip
    admitted, _ = admit_history(plan, {name: intake.batch for name, intake in taken.items()})
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
    given = {name: _python(values) for name, values in entities.items()}
    rows, n = entity_columns(given, {field.name: field for field in plan.request}, sys.maxsize)
    for field in bare_inputs(plan, plan.columns):
        rows.setdefault(field.name, blank(field.kind, n))
    opened = open_store(store, plan.state_hash, readonly=True)  # beside a server, perhaps
    try:
        clock = ReplayClock(0 if at is None else instant(at))
        return Reader(plan, opened, clock).read(rows, n, None if at is None else instant(at)).values
    finally:
        opened.close()


def request_columns(plan: Plan, given: Mapping[str, Any]) -> dict[str, Column]:
    """The given Arrow columns that the plan's requests know, checked; a null entity is allowed."""
    fields: dict[str, FieldPlan] = {field.name: replace(field, optional=True) for field in plan.request}
    out = {
        name: convert(values.combine_chunks(), fields[name], f"column {name!r}", Reading())
        for name, values in given.items()
        if name in fields
    }
    if not out:
        raise DataError("request", f"some of {', '.join(fields)}", f"{', '.join(given)}", "name the entities")
    return out


def _check_names(plan: Plan, labels: Sequence[str]) -> None:
    """Raise DataError where a label column has a feature's name and is not that feature itself."""
    for column in plan.columns:
        itself = isinstance(column.source, RequestColumn) and column.source.name == column.name
        if column.name in labels and not itself:
            raise DataError(
                f"label column {column.name!r}", "a name that no feature has", "a feature of that name",
                "rename the label column, or leave it out",
            )  # fmt: skip


def _python(values: Any) -> Any:
    """Lists of Python values as they are; numpy's arrays and numbers, and tuples, as such."""
    if isinstance(values, (np.ndarray, np.generic)):
        return values.tolist()
    return list(values) if isinstance(values, tuple) else values


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
