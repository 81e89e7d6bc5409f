"""Pass three: what the partitions computed, in the label rows' order again, block by block, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from heptad.declare.types import Kind
from heptad.errors import StateError
from heptad.offline.build.columns import LISTS, arrow, numbers, one
from heptad.offline.build.flat import placed
from heptad.offline.build.labels import Labels, features
from heptad.offline.build.scatter import ROW
from heptad.offline.build.shards import Shard, is_stored, remaining
from heptad.offline.build.spill import Spill
from heptad.offline.build.types import cast
from heptad.offline.frames import to_arrow
from heptad.plan.assemble import Assembly, as_key
from heptad.plan.batch import Column, column_of
from heptad.plan.coding import LocalDictionary
from heptad.plan.nodes import ColumnPlan, DerivedColumn, ExpressionColumn, Plan, RequestColumn
from heptad.plan.vectors import bytes_of

_STORED = "@stored:"


class Gatherer:
    """Blocks of ``size`` label rows with their features. ``spills`` hold each shard's columns by block."""

    def __init__(
        self,
        plan: Plan,
        labels: Labels,
        spills: Sequence[tuple[Shard, Spill]],
        types: Mapping[str, Any],
        size: int,
    ) -> None:
        self._plan, self._labels, self._types, self._size = plan, labels, types, size
        self.spills = list(spills)
        own = [c for c in plan.columns if not is_stored(c)]
        needed = {name for c in own for name in _inputs(c)}
        kept = tuple(c for c in plan.columns if not is_stored(c) or c.name in needed)
        self._rest = replace(remaining(plan, _STORED), columns=_only(remaining(plan, _STORED), kept))
        static = tuple(
            c for c in plan.columns if c.group == "static" and c.kind not in (Kind.FLOAT, Kind.VECTOR)
        )
        self._static = replace(remaining(plan, _STORED), columns=_only(remaining(plan, _STORED), static))

    def finished(self, number: int, block: pa.Table) -> pa.Table:
        """The block's label columns, then its features in the order of the plan."""
        held = self._stored(number, block.num_rows)
        own = self._assembled(self._rest, block, held)
        for name, values in own.items():
            if name not in held:
                held[name] = cast(to_arrow({name: values}).column(0).combine_chunks(), self._types[name])
        for name in features(self._plan, self._labels):
            block = block.append_column(pa.field(name, self._types[name]), held[name])
        return block

    def keys(self, shard: Shard, number: int, block: pa.Table) -> dict[str, Any]:
        """The key columns of a shard for a block of labels: the request's, or static columns of that name."""
        overridden = {} if shard.bare else self._statics(number, block)
        return {
            key: overridden[key] if key in overridden else self._labels.key(block, key) for key in shard.keys
        }

    def _statics(self, number: int, block: pa.Table) -> dict[str, Any]:
        held = self._stored(number, block.num_rows)
        ready = tuple(
            c
            for c in self._static.columns
            if c.name in held or not str(getattr(c.source, "name", "")).startswith(_STORED)
        )
        found = self._assembled(replace(self._static, columns=ready), block, held)
        kinds = {c.name: c.kind for c in ready}
        out = {name: arrow(as_key(values, kinds[name]), kinds[name]) for name, values in found.items()}
        return {
            name: values.cast(pa.large_string()) if pa.types.is_null(values.type) else values
            for name, values in out.items()
        }

    def _stored(self, number: int, n: int) -> dict[str, Any]:
        """The stored columns of a block, as far as they are computed."""
        out: dict[str, Any] = {}
        for shard, spill in self.spills:
            table = spill.read(spill.pieces(number))
            if table.num_rows != n:
                raise StateError(
                    f"block {number} of features by {shard.name}",
                    f"{n} rows",
                    table.num_rows,
                    "report this: rows were lost",
                )
            rows = one(table.column(ROW)).to_numpy() - number * self._size
            for name in table.column_names[1:]:
                out[name] = _in_order(one(table.column(name)), rows)
        return out

    def _assembled(self, plan: Plan, block: pa.Table, held: Mapping[str, Any]) -> dict[str, Any]:
        if not plan.columns:
            return {}
        request = self._labels.request(block, self._labels.fields)
        for column in plan.columns:
            name = column.source.name if isinstance(column.source, RequestColumn) else ""
            if name.startswith(_STORED):
                request[name] = _brought(held[column.name], column)
        return Assembly(plan)(request, self._labels.times(block), _nothing, _refused, LocalDictionary())


def _nothing(asked: Sequence[Any]) -> list[Any]:
    """The fetch of a plan that has nothing stored."""
    return [] if not asked else _refused(asked)


def _refused(asked: Any) -> NoReturn:
    raise TypeError(f"everything stored is brought: {asked}")


def _only(plan: Plan, kept: Sequence[ColumnPlan]) -> tuple[ColumnPlan, ...]:
    names = {column.name for column in kept}
    return tuple(column for column in plan.columns if column.name in names)


def _inputs(column: ColumnPlan) -> tuple[str, ...]:
    """The columns of the plan that a column is derived from."""
    match column.source:
        case DerivedColumn(inputs) | ExpressionColumn(inputs):
            return inputs
        case _:
            return ()


def _brought(values: Any, column: ColumnPlan) -> Column:
    """A stored column as a request brings one."""
    if pa.types.is_float64(values.type):
        return numbers(values)
    rows = values.to_pylist()
    if pa.types.is_fixed_size_list(values.type):
        valid = values.is_valid().to_numpy(zero_copy_only=False)
        matrix = np.array([[0.0] * column.size if row is None else row for row in rows], np.float32)
        return Column(bytes_of(matrix.reshape(-1, column.size), valid), valid)
    if values.type == LISTS or pa.types.is_list(values.type):
        held = np.empty(len(rows), object)
        held[:] = [None if row is None else tuple(row) for row in rows]
        return Column(held, np.fromiter((row is not None for row in rows), np.bool_, len(rows)))
    return column_of(rows, column.kind)


def _in_order(values: Any, place: NDArray[np.int64]) -> Any:
    """Values in their places, which are 0..n-1 in some order; a number that is NaN is null."""
    if pa.types.is_float64(values.type) and not values.null_count:
        held = placed(values.to_numpy(), place)
        null = np.isnan(held)
        return pa.array(held, mask=null if null.any() else None)
    order = np.empty(len(place), np.int64)
    order[place] = np.arange(len(place))
    return values.take(order)
