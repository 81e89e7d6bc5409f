"""Drift of columns against a reference, in one pass and bounded memory: only histograms are kept."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heptad.errors import DataError
from heptad.monitoring.bins import Column, bins_for
from heptad.monitoring.histogram import Histogram
from heptad.monitoring.psi import psi, psi_threshold
from heptad.times import format_instant

_VERSION = 1


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """One column's shift: ``threshold`` is what PSI must exceed, infinite while there are no rows."""

    name: str
    psi: float
    threshold: float
    n_reference: int
    n_current: int

    @property
    def drifted(self) -> bool:
        """Whether the shift is both large enough to matter and too large to be chance."""
        return self.psi > self.threshold

    def to_json(self) -> dict[str, Any]:
        """The column as a row of a run summary; an infinite threshold is written as null."""
        return {
            "name": self.name,
            "psi": self.psi,
            "threshold": self.threshold if math.isfinite(self.threshold) else None,
            "n_reference": self.n_reference,
            "n_current": self.n_current,
            "drifted": self.drifted,
        }


@dataclass(frozen=True, slots=True)
class DriftReport:
    """Every watched column at one instant (microseconds UTC), in the reference's order."""

    at: int
    columns: tuple[ColumnDrift, ...]

    @property
    def drifted(self) -> tuple[str, ...]:
        """The names of the columns that drifted; empty is good news."""
        return tuple(column.name for column in self.columns if column.drifted)

    @property
    def worst(self) -> ColumnDrift:
        """The column furthest above its threshold, or nearest to it."""
        # A threshold of 0 is possible: one bin in use and no practical bar.
        return max(self.columns, key=lambda column: (column.psi / max(column.threshold, 1e-12), column.psi))

    def timeline(self) -> dict[str, Any]:
        """The worst column as one point of a run summary's drift timeline."""
        worst = self.worst.to_json()
        return {
            "time": format_instant(self.at),
            "max_psi": worst["psi"],
            "threshold": worst["threshold"],
            "column": worst["name"],
        }


@dataclass(slots=True)
class DriftMonitor:
    """Watches columns against a reference: `observe` batches as they come, `report` when asked.

    Numbers are counted in quantile ranges of the reference, names in its most frequent ones and the rest;
    nulls in a bin of their own. Two monitors of one reference merge, so shards can count apart.

    >>> import numpy as np
    >>> monitor = DriftMonitor.reference({"age": np.arange(1000)})
    >>> monitor.observe({"age": np.arange(500) * 2})
    >>> monitor.report(at=0).drifted
    ()
    >>> monitor.observe({"age": np.full(5000, 990)})
    >>> monitor.report(at=0).drifted
    ('age',)
    """

    references: dict[str, Histogram]
    alpha: float = 0.01
    practical: float = 0.1
    current: dict[str, Histogram] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start from no current rows where none are given."""
        if not self.current:
            self.restart()

    @classmethod
    def reference(
        cls,
        columns: Mapping[str, Column],
        *,
        bins: int = 10,
        categories: int = 20,
        alpha: float = 0.01,
        practical: float = 0.1,
    ) -> DriftMonitor:
        """A monitor against these columns, each of shape ``(n,)`` with n at least 1.

        ``alpha`` bounds the chance of any false alarm in one report, all columns together; ``practical`` is
        the smallest PSI worth acting on.
        """
        if not columns:
            raise DataError(
                "DriftMonitor.reference", "at least one column", "none", "name the columns to watch"
            )
        histograms = {}
        for name, values in columns.items():
            if len(values) == 0:
                raise DataError(
                    f"reference column {name!r}", "at least one row", "none", "pass training rows"
                )
            histograms[name] = Histogram.empty(bins_for(values, bins, categories)).add(values)
        return cls(histograms, alpha, practical)

    def restart(self) -> None:
        """Forget the current rows and keep the reference: the start of the next period."""
        self.current = {name: Histogram.empty(known.bins) for name, known in self.references.items()}

    def observe(self, columns: Mapping[str, Column]) -> None:
        """Count one more batch; every watched column must be there, others are passed over."""
        missing = [name for name in self.references if name not in columns]
        if missing:
            raise DataError(
                "observed columns", f"{missing[0]!r}", sorted(columns), "pass every watched column"
            )
        counted = {name: known.add(columns[name]) for name, known in self.current.items()}
        self.current = counted  # all columns or, where one is refused, none

    def report(self, at: int) -> DriftReport:
        """The shift of every column since the last restart; ``at`` only dates the report."""
        return DriftReport(at, tuple(self._column(name) for name in self.references))

    def _column(self, name: str) -> ColumnDrift:
        known, now = self.references[name], self.current[name]
        threshold = psi_threshold(
            known, now, alpha=self.alpha, columns=len(self.references), practical=self.practical
        )
        return ColumnDrift(name, psi(known, now), threshold, known.n, now.n)

    def merge(self, other: DriftMonitor) -> DriftMonitor:
        """One monitor with the current rows of both; they must watch one reference."""
        if self.references != other.references:
            raise DataError("DriftMonitor.merge", "one reference", "two", "merge monitors of one reference")
        both = {name: now.merge(other.current[name]) for name, now in self.current.items()}
        return DriftMonitor(self.references, self.alpha, self.practical, both)

    def to_json(self) -> dict[str, Any]:
        """The whole monitor as JSON data."""
        return {
            "version": _VERSION,
            "alpha": self.alpha,
            "practical": self.practical,
            "references": {name: known.to_json() for name, known in self.references.items()},
            "current": {name: now.to_json() for name, now in self.current.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> DriftMonitor:
        """The monitor that wrote this object with `to_json`."""
        if data.get("version") != _VERSION:
            raise DataError(
                "drift monitor", f"version {_VERSION}", data.get("version"), "make the reference again"
            )
        return cls(
            {name: Histogram.from_json(known) for name, known in data["references"].items()},
            float(data["alpha"]),
            float(data["practical"]),
            {name: Histogram.from_json(now) for name, now in data["current"].items()},
        )

    def save(self, path: Path | str) -> Path:
        """Write the monitor to a JSON file, whole or not at all."""
        target = Path(path)
        partial = target.with_name(target.name + ".part")
        partial.write_text(json.dumps(self.to_json(), allow_nan=False), encoding="utf-8")
        return partial.replace(target)

    @classmethod
    def load(cls, path: Path | str) -> DriftMonitor:
        """Read a monitor that `save` wrote."""
        return cls.from_json(json.loads(Path(path).read_text(encoding="utf-8")))
