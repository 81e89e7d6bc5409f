"""The bins a column is counted in, fixed by the reference: ranges of a number, or names and the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from heptad.errors import DataError

Column = NDArray[Any]
_NUMBERS = "biuf"
_NAMES = "OSUT"


class Bins(Protocol):
    """A fixed partition of every value a column can take; the last bin is always the nulls."""

    @property
    def labels(self) -> tuple[str, ...]:
        """One readable name per bin, in order."""
        ...

    def index(self, values: Column) -> NDArray[np.int64]:
        """The bin of each value, shape ``(n,)``, each in ``range(len(labels))``."""
        ...

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `bins_from_json` reads back to an equal value."""
        ...


@dataclass(frozen=True, slots=True)
class NumericBins:
    """Ranges ``(-inf, e1], (e1, e2], ..., (ek, inf)`` and the nulls; ``edges`` are finite and increasing."""

    edges: tuple[float, ...]

    @classmethod
    def of(cls, values: Column, bins: int = 10) -> NumericBins:
        """Edges at the quantiles of the reference values (NaN left out), about ``bins`` ranges.

        Edges are values that occurred (inverse of the empirical distribution), so they do not depend on row
        order. Ties leave fewer, distinct edges; a value that fills more than one quantile, or that is the
        smallest one, also gets an edge just below it, so that it has a range of its own and a value under
        everything seen is told apart from it.
        """
        known = np.asarray(values, np.float64)
        known = known[~np.isnan(known)]
        if known.size == 0:
            return cls(())
        steps = np.arange(1, bins) / bins
        quantiles = np.quantile(known, steps, method="inverted_cdf")
        edges, times = np.unique(quantiles, return_counts=True)
        alone = edges[(times > 1) | (edges == known.min())]
        edges = np.union1d(edges, np.nextafter(alone, -np.inf))
        return cls(tuple(float(edge) for edge in edges[np.isfinite(edges)]))

    @property
    def labels(self) -> tuple[str, ...]:
        """Upper ends of the ranges, then the open one and the nulls."""
        last = f"> {self.edges[-1]:.6g}" if self.edges else "any"
        return (*(f"<= {edge:.6g}" for edge in self.edges), last, "null")

    def index(self, values: Column) -> NDArray[np.int64]:
        """The range of each value by binary search; NaN goes to the last bin."""
        numbers = _one_dimensional(values, _NUMBERS, "numbers").astype(np.float64)
        found = np.searchsorted(np.asarray(self.edges), numbers, side="left").astype(np.int64)
        found[np.isnan(numbers)] = len(self.edges) + 1
        return found

    def to_json(self) -> dict[str, Any]:
        """``{"kind": "numeric", "edges": [...]}``; Python writes floats so that they read back the same."""
        return {"kind": "numeric", "edges": list(self.edges)}


@dataclass(frozen=True, slots=True)
class CategoryBins:
    """The names kept, most frequent first, then every other name together, then the nulls."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, values: Column, top: int = 20) -> CategoryBins:
        """The ``top`` most frequent names of the reference; equal counts are ordered by name."""
        counts = Counter(name for name in category_names(values) if name is not None)
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return cls(tuple(name for name, _ in ordered[:top]))

    @property
    def labels(self) -> tuple[str, ...]:
        """The names, then ``other`` and ``null``."""
        return (*self.names, "other", "null")

    def index(self, values: Column) -> NDArray[np.int64]:
        """The position of each name; one not kept goes to ``other``, None and NaN to the nulls."""
        place: dict[str | None, int] = {name: position for position, name in enumerate(self.names)}
        other = len(self.names)
        place[None] = other + 1
        return np.array([place.get(name, other) for name in category_names(values)], np.int64)

    def to_json(self) -> dict[str, Any]:
        """``{"kind": "category", "names": [...]}``."""
        return {"kind": "category", "names": list(self.names)}


def bins_for(values: Column, bins: int = 10, top: int = 20) -> Bins:
    """The bins that suit a reference column: numeric for numbers and booleans, categories for names."""
    return NumericBins.of(values, bins) if is_numeric(values) else CategoryBins.of(values, top)


def bins_from_json(data: Mapping[str, Any]) -> Bins:
    """The bins that wrote this object with `Bins.to_json`."""
    kind = str(data.get("kind"))
    if kind not in _FROM_JSON:
        raise DataError("bins", f"a kind of {sorted(_FROM_JSON)}", repr(kind), "save the reference again")
    return _FROM_JSON[kind](data)


_FROM_JSON: dict[str, Callable[[Mapping[str, Any]], Bins]] = {
    "numeric": lambda data: NumericBins(tuple(float(edge) for edge in data["edges"])),
    "category": lambda data: CategoryBins(tuple(str(name) for name in data["names"])),
}


def is_numeric(values: Column) -> bool:
    """Whether a column holds numbers or booleans, by its dtype."""
    return np.asarray(values).dtype.kind in _NUMBERS


def category_names(values: Column) -> list[str | None]:
    """Each value as text, or None where it is None or NaN (the column's dtype is text or object)."""
    texts = _one_dimensional(values, _NAMES, "text or objects").tolist()
    return [None if value is None or value != value else str(value) for value in texts]


def _one_dimensional(values: Column, kinds: str, wanted: str) -> Column:
    """The column as an array, refused unless it is flat and of the kind its reference had."""
    column = np.asarray(values)
    if column.ndim != 1 or (column.dtype.kind not in kinds and column.size > 0):
        raise DataError(
            "monitored column",
            f"one dimension of {wanted}",
            f"{column.ndim} dimensions of {column.dtype}",
            "pass the column in the type its reference had, or watch another one",
        )
    return column
