"""Looked-up columns of a history, filled as the appender would have filled them (DESIGN §3.13)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels.base import kernel
from heptad.algebra.spec import Params
from heptad.algebra.window import Window
from heptad.declare.types import Kind
from heptad.offline.engines.local import LocalEngine
from heptad.offline.sources import with_ties
from heptad.plan.assemble import GroupRead
from heptad.plan.batch import Batch, Column, column_of
from heptad.plan.coding import Dictionary, LocalDictionary, decoded
from heptad.plan.nodes import FieldPlan, GroupPlan, LookupPlan, Plan, RingPlan, SlotPlan, WindowColumn

_ONCE = Params()


def enrich(plan: Plan, batches: Mapping[str, Batch]) -> dict[str, Batch]:
    """Every batch with its lookups: the newest table row valid before the event's time (strictly).

    A row whose column is null is passed over; of rows valid from one time the later in the batch stands.
    The definition is `heptad.oracle.oracle.enrich`, for a log in which every table row comes before the
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
    """`last` of the table's columns per its key, over all time, read at the times of the events."""
    stream = plan.stream(table)
    key = next(field.name for field in stream.fields if field.kind is Kind.ID)
    slots = tuple(SlotPlan("last", lookup.column, _ONCE, None) for _, lookup in wanted)
    ring = RingPlan(None, None, tuple(range(len(slots))))
    group = GroupPlan(table, (key,), None, slots, (ring,))
    reads = tuple(WindowColumn(0, slot, 0, Window(None)) for slot in range(len(slots)))
    dictionary = LocalDictionary()
    small = Plan((stream,), (group,), (), ())
    held = {} if rows is None else {table: rows}
    engine = LocalEngine(small, held, batch.time, None, dictionary)
    (words,) = engine.fetch([GroupRead(0, reads, (batch.columns[on],))])
    return {
        field.name: _column(found, field.kind, dictionary)
        for (field, _), found in zip(wanted, words, strict=True)
    }


def _column(words: NDArray[np.int64], kind: Kind, dictionary: Dictionary) -> Column:
    codes, count = kernel("last").finalize(words, np.zeros(len(words), np.int64), _ONCE)
    word, present = np.asarray(codes)[:, 0], np.asarray(count) > 0
    if kind.numeric and kind is not Kind.FLOAT:
        return Column(np.where(present, word, 0), present)
    values = decoded(word, present, kind, dictionary)
    if kind is Kind.FLOAT:
        return Column(np.where(present, values, 0.0), present)
    return column_of(values.tolist(), kind)
