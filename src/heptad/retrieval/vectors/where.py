"""Filters: attributes of items as columns, and conditions on them compiled to a mask over rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from heptad.errors import DataError
from heptad.retrieval.vectors.rows import Columns

Mask = NDArray[np.bool_]
Kinds = Mapping[str, type]
_SEVERAL: Final = (tuple, list, set, frozenset)
_PREFIX: Final = "attribute:"


@dataclass(frozen=True)
class Between:
    """A number from ``low`` up to and with ``high``; None leaves that end open."""

    low: float | None = None
    high: float | None = None


class _Column(Protocol):
    words: dict[str, int]

    def coded(self, name: str, values: Sequence[Any]) -> NDArray[Any]: ...
    def plain(self, column: NDArray[Any]) -> list[Any]: ...
    def any_of(self, name: str, column: NDArray[Any], values: Sequence[Any]) -> Mask: ...
    def between(self, name: str, column: NDArray[Any], bounds: Between) -> Mask: ...


class _Text:
    """Texts as numbers: the place of each in a list that only grows; -1 is no text."""

    def __init__(self, words: Sequence[str] = ()) -> None:
        self.words: dict[str, int] = {word: code for code, word in enumerate(words)}

    def coded(self, name: str, values: Sequence[Any]) -> NDArray[Any]:
        wrong = [value for value in values if value is not None and type(value) is not str]
        if wrong:
            raise _unfit(name, "texts or None", wrong[0])
        codes = (-1 if value is None else self.words.setdefault(value, len(self.words)) for value in values)
        return np.fromiter(codes, np.int32, len(values))

    def plain(self, column: NDArray[Any]) -> list[Any]:
        words = [*self.words, None]  # code -1 is the last
        return [words[code] for code in column.tolist()]

    def any_of(self, name: str, column: NDArray[Any], values: Sequence[Any]) -> Mask:
        wrong = [value for value in values if type(value) is not str]
        if wrong:
            raise _unfit(name, "texts", wrong[0])
        return _equal_to_any(column, [self.words[value] for value in values if value in self.words])

    def between(self, name: str, column: NDArray[Any], bounds: Between) -> Mask:
        raise _unfit(name, "texts to compare with", bounds)


class _Number:
    """Numbers as float64; NaN is no number, and fits no condition."""

    def __init__(self, words: Sequence[str] = ()) -> None:
        self.words: dict[str, int] = {}

    def coded(self, name: str, values: Sequence[Any]) -> NDArray[Any]:
        try:
            return np.asarray([math.nan if value is None else float(value) for value in values], np.float64)
        except (TypeError, ValueError) as error:
            raise _unfit(name, "numbers or None", str(error)) from error

    def plain(self, column: NDArray[Any]) -> list[Any]:
        return [None if value != value else value for value in column.tolist()]

    def any_of(self, name: str, column: NDArray[Any], values: Sequence[Any]) -> Mask:
        return _equal_to_any(column, self.coded(name, values).tolist())

    def between(self, name: str, column: NDArray[Any], bounds: Between) -> Mask:
        mask: Mask = ~np.isnan(column)
        if bounds.low is not None:
            mask &= column >= bounds.low
        if bounds.high is not None:
            mask &= column <= bounds.high
        return mask


_KINDS: Final[Mapping[type, type[_Text] | type[_Number]]] = {
    str: _Text,
    float: _Number,
    int: _Number,
    bool: _Number,
}


class Attributes:
    """The attributes an index keeps of its items. One writer codes values (`rows`), any thread compiles masks."""

    def __init__(self, kinds: Kinds, words: Mapping[str, Sequence[str]] | None = None) -> None:
        for name, kind in kinds.items():
            if kind not in _KINDS:
                raise DataError(
                    f"attribute {name!r}",
                    "str, float, int or bool",
                    kind,
                    "write attributes={'category': str}",
                )
        self.kinds = dict(kinds)
        self._columns: dict[str, _Column] = {
            name: _KINDS[kind]((words or {}).get(name, ())) for name, kind in kinds.items()
        }

    def words(self) -> dict[str, list[str]]:
        """The texts met so far by attribute, in the order of their codes."""
        return {name: list(column.words) for name, column in self._columns.items()}

    def rows(self, given: Mapping[str, Iterable[Any]] | None, n: int) -> dict[str, NDArray[Any]]:
        """The columns of n new rows; `DataError` unless every attribute is given with n values."""
        lists = {name: _plain(values) for name, values in (given or {}).items()}
        if set(lists) != set(self.kinds) or any(len(values) != n for values in lists.values()):
            shown = ", ".join(f"{len(values)} of {name!r}" for name, values in lists.items()) or "none"
            raise DataError(
                "attributes", f"{n} values each of {', '.join(map(repr, self.kinds)) or 'no attribute'}", shown,
                "give one value per item for every attribute the index was made with",
            )  # fmt: skip
        return {_PREFIX + name: column.coded(name, lists[name]) for name, column in self._columns.items()}

    def values(self, rows: Columns) -> dict[str, list[Any]]:
        """What `rows` was given, back from its columns."""
        return {name: column.plain(rows[_PREFIX + name]) for name, column in self._columns.items()}

    def mask(self, where: Mapping[str, Any], rows: Columns) -> Mask:
        """Which rows fit every condition: a value, several (any of them), or `Between`."""
        n = len(next(iter(rows.values())))
        mask = np.ones(n, np.bool_)
        for name, condition in where.items():
            if name not in self._columns:
                raise DataError(
                    f"filter on {name!r}", f"an attribute of {', '.join(map(repr, self.kinds)) or 'none'}",
                    repr(name), "make the index with this attribute, or filter by a mask",
                )  # fmt: skip
            column, held = self._columns[name], rows[_PREFIX + name]
            if type(condition) is Between:
                mask &= column.between(name, held, condition)
            else:
                several = list(condition) if type(condition) in _SEVERAL else [condition]
                mask &= column.any_of(name, held, several)
        return mask


def _equal_to_any(column: NDArray[Any], values: Sequence[Any]) -> Mask:
    if len(values) == 1:
        return np.asarray(column == values[0], np.bool_)
    return np.isin(column, np.asarray(values, column.dtype))


def _plain(values: Iterable[Any]) -> list[Any]:
    plain: list[Any] = values.tolist() if type(values) is np.ndarray else list(values)
    return plain


def _unfit(name: str, expected: str, got: object) -> DataError:
    return DataError(f"attribute {name!r}", expected, repr(got), "see the attributes the index was made with")
