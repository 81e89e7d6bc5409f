"""The label rows of a build: their times, and the columns of the request they bring."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray

from heptad.declare.types import Kind, Role
from heptad.errors import DataError, ReadError
from heptad.offline.build.columns import checked, numbers
from heptad.offline.build.files import Rows
from heptad.offline.conversion import Reading, absent, convert
from heptad.plan.batch import Column
from heptad.plan.nodes import FieldPlan, Plan


@dataclass(frozen=True)
class Labels:
    """N rows with a time column ``at``; ``fields`` are the request's columns, null or not.

    ``blank`` are columns that are null in every row where the labels do not have them.
    """

    rows: Rows
    at: str
    fields: Mapping[str, FieldPlan]
    blank: Collection[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        if self.at not in self.rows.schema.names:
            raise DataError(
                self.rows.thing, f"a time column {self.at!r}", f"columns {', '.join(self.rows.schema.names)}",
                "name it: at='COLUMN'",
            )  # fmt: skip

    def blocks(self, size: int, columns: Collection[str] | None = None) -> Iterator[pa.Table]:
        """These columns, or all, of ``size`` rows at a time: every block but the last is whole."""
        names = [n for n in self.rows.schema.names if columns is None or n in columns or n == self.at]
        held: list[pa.Table] = []
        count = 0
        for piece in self.rows.pieces(names, size):
            held.append(piece)
            count += piece.num_rows
            if count >= size:
                table = pa.concat_tables(held)
                while table.num_rows >= size:
                    yield table.slice(0, size)
                    table = table.slice(size)
                held, count = [table], table.num_rows
        if count:
            yield pa.concat_tables(held)

    def times(self, block: pa.Table) -> NDArray[Any]:
        """When each row is taken, int64 microseconds UTC."""
        plain = FieldPlan(self.at, Kind.TIME, Role.TIME, False)
        return numbers(checked(block.column(self.at), plain, f"labels.{self.at}")).values

    def key(self, block: pa.Table, name: str) -> Any:
        """A column of the request as a spill holds it. Raises ReadError where the labels do not have it."""
        if name in block.column_names:
            return checked(block.column(name), self.fields[name], f"labels.{name}")
        if name in self.blank:
            return pa.nulls(block.num_rows, self.key_type(name))
        raise ReadError(
            "labels", f"a column {name!r}, by which features are counted", "none", f"add {name!r}"
        )

    def key_type(self, name: str) -> Any:
        """The type of a key column in a spill."""
        one = self.fields[name]
        if name in self.rows.schema.names:
            empty = self.rows.schema.field(name)
            return checked(pa.array([], empty.type), one, name).type
        return {Kind.TEXTS: pa.list_(pa.string()), Kind.INT: pa.int64(), Kind.BOOL: pa.int64()}.get(
            one.kind, pa.large_string()
        )

    def request(self, block: pa.Table, names: Collection[str]) -> dict[str, Column]:
        """Columns of the request as `Assembly` takes them."""
        out = {}
        for name in names:
            if name in block.column_names and name in self.fields:
                values = block.column(name).combine_chunks()
                values = pa.concat_arrays(values.chunks) if isinstance(values, pa.ChunkedArray) else values
                out[name] = convert(values, self.fields[name], f"labels.{name}", Reading())
            elif name in self.blank:
                out[name] = absent(self.fields[name], block.num_rows)
        return out


def features(plan: Plan, labels: Labels) -> list[str]:
    """The columns of the plan that are added to the labels: those that are not label columns themselves."""
    return [column.name for column in plan.columns if column.name not in labels.rows.schema.names]
