"""Events as states: for one group, the key and the words of every event that belongs to it."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from heptad.algebra import catalogue
from heptad.algebra.kernels.base import Events, Touched, kernel, sparse_kernel
from heptad.algebra.kernels.hashing import hashed
from heptad.algebra.kernels.merge import identity, layout, merge_rows, merge_touched
from heptad.declare.types import Kind
from heptad.plan.batch import Batch, Column
from heptad.plan.coding import Dictionary, coded
from heptad.plan.nodes import ConditionPlan, GroupPlan, SlotPlan

_OPS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


class Lifted(NamedTuple):
    """m memberships of events in a group's records.

    ``row`` (m,) is the event's place in the batch; ``keys`` one array (m,) per key column;
    ``words`` int64 (m, words of the group), slot after slot.
    """

    row: NDArray[np.int64]
    keys: tuple[NDArray[Any], ...]
    words: NDArray[np.int64]


def passes(batch: Batch, where: ConditionPlan | None) -> NDArray[np.bool_]:
    """Which events meet the condition; a null never does. (n,)"""
    if where is None:
        return np.ones(len(batch), np.bool_)
    column = batch.columns[where.column]
    if column.values.dtype != object:
        passed: NDArray[np.bool_] = column.valid & _compared(column.values, where)
        return passed
    distinct, which = column.factors()
    if not len(distinct):
        return np.zeros(len(batch), np.bool_)
    meets = np.array([value is not None and _meets(value, where) for value in distinct.tolist()], np.bool_)
    met: NDArray[np.bool_] = column.valid & meets[which]
    return met


def _meets(value: Any, where: ConditionPlan) -> bool:
    if isinstance(value, str) != isinstance(where.bound, str):
        return where.op == "!="
    return bool(_OPS[where.op](value, where.bound))


def _compared(values: NDArray[Any], where: ConditionPlan) -> NDArray[np.bool_] | bool:
    """Numbers against the bound, exactly: int64 never becomes float64, where 2**53 + 1 would be 2**53."""
    op, bound = where.op, where.bound
    if isinstance(bound, str):
        return op == "!="
    if values.dtype != np.int64 or not isinstance(bound, float):
        return cast("NDArray[np.bool_]", _OPS[op](values, bound))
    if not math.isfinite(bound):
        return bool(_OPS[op](0, bound))  # every integer is on the same side
    whole = math.ceil(bound) if op in ("<", ">=") else math.floor(bound)
    if op in ("==", "!=") and whole != bound:
        return op == "!="
    if not -(2**63) <= whole < 2**63:
        return bool(_OPS[op](0, whole))
    return cast("NDArray[np.bool_]", _OPS[op](values, whole))


class Counted(NamedTuple):
    """What counts for a slot, m events or elements of events' lists: their rows in the batch, ascending, and values."""

    row: NDArray[np.int64]
    values: NDArray[Any]
    lists: bool = False


def lift_slot(batch: Batch, slot: SlotPlan, dictionary: Dictionary) -> NDArray[np.int64]:
    """The state of every event alone, int64 (n, words); the identity where the event does not count."""
    spec = catalogue.get(slot.aggregation)
    if spec.sparse:
        row, place, word = touch_slot(batch, slot, dictionary)
        words = _nothing(slot, len(batch))
        merge_touched(words, row, place, word, layout(slot.segments))
        return words
    it = counted(batch, slot, dictionary)
    lifted = kernel(slot.aggregation).lift(_events(batch, it), slot.params)
    if len(it.row) == len(batch) and not it.lists:
        return lifted
    words = _nothing(slot, len(batch))
    if it.lists:
        merge_rows(np.ascontiguousarray(lifted), it.row, words, layout(slot.segments))
    else:
        words[it.row] = lifted
    return words


def touch_slot(batch: Batch, slot: SlotPlan, dictionary: Dictionary) -> Touched:
    """For a sparse aggregation, what `lift_slot` gives in few words: those of each event that are not the identity.

    ``row`` is the event's place in the batch; a list may touch one place twice, and then both words are merged.
    """
    it = counted(batch, slot, dictionary)
    found = sparse_kernel(slot.aggregation).touch(_events(batch, it), slot.params)
    return Touched(it.row[found.row], found.place, found.word)


def _events(batch: Batch, it: Counted) -> Events:
    if len(it.row) == len(batch) and not it.lists:
        return Events(batch.time, batch.tie, it.values)
    return Events(batch.time[it.row], batch.tie[it.row], it.values)


def _nothing(slot: SlotPlan, n: int) -> NDArray[np.int64]:
    """n states of no events."""
    return np.tile(identity(slot.segments), (n, 1))


def counted(batch: Batch, slot: SlotPlan, dictionary: Dictionary) -> Counted:
    """The events of a batch, or the elements of their lists, that count for a slot, as its kernel takes them."""
    counts = passes(batch, slot.where)
    if slot.column is None:
        row = np.flatnonzero(counts)
        return Counted(row, np.zeros(len(row), np.int64))
    column = batch.columns[slot.column]
    row = np.flatnonzero(counts & column.valid)
    kind = batch.stream.by_name[slot.column].kind
    some = column if len(row) == len(batch) else column.take(row)
    if kind is Kind.TEXTS:
        row, elements = _elements(row, some.values)
        some = Column(elements, np.ones(len(elements), np.bool_))
    seen = _SEES[catalogue.get(slot.aggregation).sees](some, kind, slot, dictionary)
    return Counted(row, seen, kind is Kind.TEXTS)


def _as_hashes(column: Column, kind: Kind, slot: SlotPlan, dictionary: Dictionary) -> NDArray[Any]:
    return hashed(column.values)


def _as_values(column: Column, kind: Kind, slot: SlotPlan, dictionary: Dictionary) -> NDArray[Any]:
    return coded(column, kind, dictionary)


def _as_places(column: Column, kind: Kind, slot: SlotPlan, dictionary: Dictionary) -> NDArray[Any]:
    """Places in the vocabulary; its length for a value that is not in it."""
    places = {value: place for place, value in enumerate(slot.params.vocabulary)}
    rows = column.values.tolist()
    return np.fromiter((places.get(value, len(places)) for value in rows), np.int64, len(rows))


_SEES: dict[str, Callable[[Column, Kind, SlotPlan, Dictionary], NDArray[Any]]] = {
    "values": _as_values, "hashes": _as_hashes, "places": _as_places,
}  # fmt: skip


def key_columns(group: GroupPlan, columns: Mapping[str, Column], n: int) -> tuple[Column, ...]:
    """The key columns of n rows; of a group without keys one column that is 0 everywhere, so it has one record."""
    if not group.keys:
        return (Column(np.zeros(n, np.int64), np.ones(n, np.bool_)),)
    return tuple(columns[key] for key in group.keys)


def memberships(
    group: GroupPlan, columns: tuple[Column, ...]
) -> tuple[NDArray[np.int64], tuple[NDArray[Any], ...]]:
    """(row, keys) of every record the rows belong to: none where a key is null, one per element of a list."""
    n = len(columns[0].values)
    valid = np.ones(n, np.bool_)
    for column in columns:
        valid &= column.valid
    rows = np.flatnonzero(valid)
    if group.list_key is None:
        return rows, tuple(column.values if len(rows) == n else column.values[rows] for column in columns)
    repeated, elements = _elements(rows, columns[group.list_key].values[rows])
    keys = [column.values[repeated] for column in columns]
    keys[group.list_key] = elements
    return repeated, tuple(keys)


def _elements(rows: NDArray[np.int64], lists: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """(row, element) for each distinct element of each row's list; equal lists are looked at once."""
    known: dict[tuple[str, ...], int] = {}
    which = np.fromiter((known.setdefault(tuple(one), len(known)) for one in lists), np.int64, len(lists))
    distinct = [tuple(dict.fromkeys(one)) for one in known]
    sizes = np.fromiter((len(one) for one in distinct), np.int64, len(distinct))
    flat = np.fromiter((element for one in distinct for element in one), object, int(sizes.sum()))
    each = sizes[which]  # elements of each row
    ends, firsts = np.cumsum(each), (np.cumsum(sizes) - sizes)[which]
    place = np.arange(int(each.sum())) + np.repeat(firsts - (ends - each), each)
    return np.repeat(rows, each), flat[place]


def lift(
    batch: Batch, group: GroupPlan, dictionary: Dictionary, slots: Sequence[SlotPlan] | None = None
) -> Lifted:
    """The memberships of a batch's events in the group's records, with the words of all its slots.

    ``slots``: others to lift in their place, one for one (`state.layout.GroupLayout.lifted`).
    """
    row, keys = memberships(group, key_columns(group, batch.columns, len(batch)))
    words = lift_words(batch, group.slots if slots is None else slots, dictionary)
    each_once = group.list_key is None and len(row) == len(batch)
    return Lifted(row, keys, words if each_once else words[row])


def lift_words(batch: Batch, slots: Sequence[SlotPlan], dictionary: Dictionary) -> NDArray[np.int64]:
    """The state of every event alone, int64 (n, words), slot after slot."""
    words = np.empty((len(batch), sum(slot.words for slot in slots)), np.int64)
    first = 0
    for slot in slots:
        words[:, first : first + slot.words] = lift_slot(batch, slot, dictionary)
        first += slot.words
    return words
