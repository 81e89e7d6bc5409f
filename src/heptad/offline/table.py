"""A training set as an Arrow table, made without a Python object per value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numba
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from heptad.algebra import catalogue
from heptad.declare.types import Kind
from heptad.errors import DataError
from heptad.offline.frames import to_arrow
from heptad.offline.training_set import Mode, computed
from heptad.plan.batch import Batch, Column
from heptad.plan.coding import EDGE, LocalDictionary, decoded
from heptad.plan.finalize import Finalized
from heptad.plan.nodes import ColumnPlan, DerivedColumn, ExpressionColumn, Plan, WindowColumn


def training_table(
    plan: Plan,
    events: Mapping[str, Batch],
    rows: Mapping[str, Column],
    t: NDArray[np.int64],
    o: NDArray[np.int64] | None = None,
    mode: Mode = "as_known",
    progress: Callable[[str], None] | None = None,
    threads: int | None = None,
) -> pa.Table:
    """What `training_set` gives, as `to_arrow` makes a table of it: null for NaN and None, lists as lists."""
    dictionary = LocalDictionary()
    bare = frozenset(column.name for column in plan.columns if _carried(plan, column))
    found = computed(plan, events, rows, t, o, mode, progress, threads, dictionary, bare)
    arrays = {
        column.name: _array(plan, column, found[column.name], dictionary)
        if column.name in bare
        else to_arrow({column.name: found[column.name]}).column(0)
        for column in plan.columns
    }
    return pa.table(arrays)


def _carried(plan: Plan, column: ColumnPlan) -> bool:
    """Whether a column holds values that events carried, and no other column is made of it."""
    if not isinstance(column.source, WindowColumn) or column.group == "static":
        return False
    if any(isinstance(c.source, DerivedColumn | ExpressionColumn) for c in plan.columns):
        return False
    returns = catalogue.get(column.source.aggregation).returns
    return returns in ("value", "values") and column.kind in (Kind.ID, Kind.TEXT)


def _array(plan: Plan, column: ColumnPlan, found: Finalized, dictionary: LocalDictionary) -> Any:
    if not isinstance(found, tuple) or not isinstance(column.source, WindowColumn):
        raise TypeError(column.name)
    words, present = found
    returns = catalogue.get(column.source.aggregation).returns
    if returns == "value":
        return _values(column, np.ascontiguousarray(words[:, 0]), present > 0, dictionary)
    flat, ends = _packed(words, present)
    values = _values(column, flat, np.ones(len(flat), np.bool_), dictionary)
    if len(flat) > np.iinfo(np.int32).max:
        return pa.LargeListArray.from_arrays(pa.array(ends), values)
    return pa.ListArray.from_arrays(pa.array(ends.astype(np.int32)), values)


def _values(
    column: ColumnPlan, words: NDArray[np.int64], valid: NDArray[np.bool_], dictionary: LocalDictionary
) -> Any:
    """Ids that are integers as int64, texts as strings."""
    null = None if valid.all() else ~valid
    if len(words) == 0 or int(words.min(where=valid, initial=0)) >= -EDGE:
        return pa.array(words, mask=null) if column.kind is Kind.ID else pa.nulls(len(words), pa.string())
    try:
        texts = pa.array(dictionary.values(range(len(dictionary))), pa.string())
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError):
        texts = None
    if texts is not None and int(words.max(where=valid, initial=-(2**63))) < -EDGE:
        return texts.take(pa.array(-EDGE - 1 - words, pa.int64(), mask=null))
    values = decoded(words, valid, column.kind, dictionary).tolist()
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(
            f"column {column.name!r}", "values of one type", error, "make all ids texts"
        ) from error


@numba.njit(cache=True, nogil=True)
def _packed(words, present):  # type: ignore[no-untyped-def]
    """(values, ends): the first ``present[i]`` words of each row, one row after the other; ends (n + 1,) begin with 0."""
    ends = np.empty(len(words) + 1, np.int64)
    total = 0
    ends[0] = 0
    for i in range(len(words)):
        total += present[i]
        ends[i + 1] = total
    values = np.empty(total, np.int64)
    at = 0
    for i in range(len(words)):
        for k in range(present[i]):
            values[at] = words[i, k]
            at += 1
    return values, ends
