"""Events as states: for one group, the key and the words of every event that belongs to it."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from heptad.algebra import catalogue
from heptad.algebra.kernels.base import Events, kernel
from heptad.algebra.kernels.merge import identity
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


def lift_slot(batch: Batch, slot: SlotPlan, dictionary: Dictionary) -> NDArray[np.int64]:
    """The state of every event alone, int64 (n, words); the identity where the event does not count."""
    counts = passes(batch, slot.where)
    if slot.column is None:
        values: NDArray[Any] = np.zeros(len(batch), np.int64)
    else:
        column = batch.columns[slot.column]
        counts &= column.valid
        values = coded(column, batch.stream.by_name[slot.column].kind, dictionary)
    if counts.all():
        return kernel(slot.aggregation).lift(Events(batch.time, batch.tie, values), slot.params)
    spec = catalogue.get(slot.aggregation)
    words = np.tile(identity(spec.segments(slot.params)), (len(batch), 1))
    events = Events(batch.time[counts], batch.tie[counts], values[counts])
    words[counts] = kernel(slot.aggregation).lift(events, slot.params)
    return words


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
        return rows, tuple(column.values[rows] for column in columns)
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


def lift(batch: Batch, group: GroupPlan, dictionary: Dictionary) -> Lifted:
    """The memberships of a batch's events in the group's records, with the words of all its slots."""
    row, keys = memberships(group, tuple(batch.columns[key] for key in group.keys))
    words = np.concatenate([lift_slot(batch, slot, dictionary) for slot in group.slots], axis=1)
    return Lifted(row, keys, words[row])
