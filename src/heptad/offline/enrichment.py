"""Looked-up columns of a history, filled as the appender would have filled them (DESIGN §3.13)."""

from __future__ import annotations

from collections.abc import Mapping

from heptad.offline.facts import facts
from heptad.offline.sources import with_ties
from heptad.plan.batch import Batch, Column
from heptad.plan.nodes import FieldPlan, LookupPlan, Plan


def enrich(plan: Plan, batches: Mapping[str, Batch]) -> dict[str, Batch]:
    """Every batch with its lookups: the newest table row valid before the event's time (strictly).

    Which row that is, lag, ttl, versions and deletes decide as in a read at the event's time. The definition is `heptad.oracle.oracle.enrich`, for a log in which every table row comes before the
    events it is true for. Ties of streams without ids are hashes of the whole row, so they are made anew.
    """
    return {name: _enriched(plan, batch, batches) for name, batch in batches.items()}


def _enriched(plan: Plan, batch: Batch, batches: Mapping[str, Batch]) -> Batch:
    columns = dict(batch.columns)
    by_table: dict[tuple[str, str], list[tuple[FieldPlan, LookupPlan]]] = {}
    for field in batch.stream.fields:
        if field.lookup is not None:
            by_table.setdefault((field.lookup.table, field.lookup.on), []).append((field, field.lookup))
    if not by_table:
        return batch
    for (table, on), wanted in by_table.items():
        columns |= _looked_up(plan, batches.get(table), table, on, wanted, batch)
    return with_ties(Batch(batch.stream, batch.time, batch.tie, batch.offset, columns))


def _looked_up(
    plan: Plan,
    rows: Batch | None,
    table: str,
    on: str,
    wanted: list[tuple[FieldPlan, LookupPlan]],
    batch: Batch,
) -> dict[str, Column]:
    """The table's columns for the entity each event names in ``on``, as of the event's time."""
    names = tuple(dict.fromkeys(lookup.column for _, lookup in wanted))
    found = facts(plan.stream(table), rows, names, batch.columns[on], batch.time, None)
    return {field.name: found[lookup.column] for field, lookup in wanted}
