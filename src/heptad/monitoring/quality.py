"""Quality of columns against a reference: nulls, numbers out of range, names never seen before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from heptad.errors import DataError
from heptad.monitoring.bins import Column, category_names, is_numeric
from heptad.monitoring.intervals import wilson

_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class ColumnReference:
    """What a column looked like: its share of nulls, and its range (numbers) or its names."""

    rows: int
    nulls: int
    low: float | None = None
    high: float | None = None
    names: frozenset[str] | None = None

    @classmethod
    def of(cls, values: Column) -> ColumnReference:
        """The reference of one column of shape ``(n,)``."""
        if not is_numeric(values):
            texts = category_names(values)
            names = frozenset(text for text in texts if text is not None)
            return cls(len(texts), sum(text is None for text in texts), names=names)
        numbers = np.asarray(values, np.float64)
        known = numbers[~np.isnan(numbers)]
        ends = (float(known.min()), float(known.max())) if known.size else (None, None)
        return cls(numbers.size, numbers.size - known.size, *ends)


@dataclass(frozen=True, slots=True)
class ColumnQuality:
    """What is wrong with a column now: counts of rows, and a few of the new names, in order of text."""

    name: str
    rows: int
    nulls: int
    null_share_reference: float
    out_of_range: int
    new_names: int
    examples: tuple[str, ...]

    @property
    def null_share(self) -> float:
        """The share of rows without a value; 0 where there are no rows."""
        return self.nulls / self.rows if self.rows else 0.0

    def problems(self, tolerance: float = 0.01) -> tuple[str, ...]:
        """Plain sentences; a share counts once its 95 % Wilson interval lies above what is tolerated.

        For nulls that is the reference's share plus ``tolerance``; for the others ``tolerance``.
        """
        checks = (
            ("null", self.nulls, self.null_share_reference + tolerance),
            ("out of range", self.out_of_range, tolerance),
            ("under a new name", self.new_names, tolerance),
        )
        return tuple(
            f"{self.name}: {count} of {self.rows} rows are {what}, more than {bound:.1%}"
            for what, count, bound in checks
            if self.rows and wilson(count, self.rows)[0] > bound
        )

    def to_json(self) -> dict[str, Any]:
        """The counts, the shares and the problems as JSON data."""
        return {
            "name": self.name,
            "rows": self.rows,
            "nulls": self.nulls,
            "null_share": self.null_share,
            "null_share_reference": self.null_share_reference,
            "out_of_range": self.out_of_range,
            "new_names": self.new_names,
            "examples": list(self.examples),
            "problems": list(self.problems()),
        }


@dataclass(frozen=True, slots=True)
class QualityReference:
    """The columns of a reference, to check later batches against.

    >>> import numpy as np
    >>> reference = QualityReference.of({"age": np.array([20.0, 60.0]), "city": np.array(["Bern", "Oslo"])})
    >>> age, city = reference.check({"age": np.array([30.0, 99.0]), "city": np.array(["Oslo", "Rome"])})
    >>> age.out_of_range, city.examples
    (1, ('Rome',))
    """

    columns: Mapping[str, ColumnReference]

    @classmethod
    def of(cls, columns: Mapping[str, Column]) -> QualityReference:
        """Learn every column, each of shape ``(n,)``."""
        return cls({name: ColumnReference.of(values) for name, values in columns.items()})

    def check(self, columns: Mapping[str, Column]) -> tuple[ColumnQuality, ...]:
        """What is wrong with these rows, one answer per column of the reference; others are passed over."""
        missing = [name for name in self.columns if name not in columns]
        if missing:
            raise DataError("checked columns", f"{missing[0]!r}", sorted(columns), "pass every column")
        return tuple(_check(name, known, columns[name]) for name, known in self.columns.items())


def _check(name: str, known: ColumnReference, values: Column) -> ColumnQuality:
    """Count what one column has that its reference had not."""
    before = known.nulls / known.rows if known.rows else 0.0
    if known.names is not None:
        texts = category_names(values)
        new = [text for text in texts if text is not None and text not in known.names]
        nulls = sum(text is None for text in texts)
        return ColumnQuality(
            name, len(texts), nulls, before, 0, len(new), tuple(sorted(set(new))[:_EXAMPLES])
        )
    if not is_numeric(values):
        raise DataError(f"column {name!r}", "numbers", np.asarray(values).dtype, "pass the reference's type")
    numbers = np.asarray(values, np.float64)
    here = numbers[~np.isnan(numbers)]
    # A reference without a single number has no range: then every number is out of it.
    low = np.inf if known.low is None else known.low
    high = -np.inf if known.high is None else known.high
    outside = int(np.count_nonzero((here < low) | (here > high)))
    return ColumnQuality(name, numbers.size, numbers.size - here.size, before, outside, 0, ())
