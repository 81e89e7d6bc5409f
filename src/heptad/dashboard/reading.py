"""Reading a run summary in which anything may be missing, and nothing may be of the wrong kind."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from heptad.errors import DataError


@dataclass(frozen=True, slots=True)
class Part:
    """One object of a summary and the path it was found at; missing and null read alike.

    >>> part = Part({"n": 3, "inner": {"name": "x"}})
    >>> part.number("n"), part.number("m"), part.part("inner").text("name")
    (3.0, None, 'x')
    """

    data: Mapping[str, Any]
    path: str = "summary"

    def __bool__(self) -> bool:
        """Whether there is anything in it."""
        return bool(self.data)

    def names(self) -> list[str]:
        """The keys in the order they were written."""
        return [str(key) for key in self.data]

    def number(self, key: str) -> float | None:
        """A finite number, or None where it is missing, null or NaN."""
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, Real):
            raise self._wrong(key, "a number")
        return float(value) if math.isfinite(value) else None

    def count(self, key: str) -> int | None:
        """A whole number, or None."""
        value = self.number(key)
        return None if value is None else round(value)

    def text(self, key: str) -> str:
        """The value as text; empty where it is missing."""
        value = self.data.get(key)
        return "" if value is None else str(value)

    def flag(self, key: str) -> bool | None:
        """A truth value, or None where nobody knows."""
        value = self.data.get(key)
        if value is None:
            return None
        if not isinstance(value, bool | np.bool_):
            raise self._wrong(key, "true or false")
        return bool(value)

    def part(self, key: str) -> Part:
        """The object under a key; an empty one where it is missing."""
        value = self.data.get(key)
        if value is None:
            return Part({}, f"{self.path}.{key}")
        if not isinstance(value, Mapping):
            raise self._wrong(key, "an object")
        return Part(value, f"{self.path}.{key}")

    def named(self) -> Iterator[tuple[str, Part]]:
        """Each key with the object under it."""
        return ((key, self.part(key)) for key in self.names())

    def parts(self, key: str) -> list[Part]:
        """The list of objects under a key."""
        rows = self._list(key)
        if not all(isinstance(row, Mapping) for row in rows):
            raise self._wrong(key, "a list of objects")
        return [Part(row, f"{self.path}.{key}[{place}]") for place, row in enumerate(rows)]

    def numbers(self, key: str) -> list[float]:
        """The list of finite numbers under a key; null and NaN are refused, a gap would move the rest."""
        rows = self._list(key)
        if not all(isinstance(row, Real) and math.isfinite(row) for row in rows):
            raise self._wrong(key, "a list of finite numbers")
        return [float(row) for row in rows]

    def texts(self, key: str) -> list[str]:
        """The list of texts under a key."""
        return [str(row) for row in self._list(key)]

    def interval(self, key: str) -> tuple[float, float] | None:
        """A pair ``[low, high]``, or None where it or one of its ends is missing."""
        rows = self._list(key)
        if not rows:
            return None
        if len(rows) != 2:
            raise self._wrong(key, "a pair [low, high]")
        low, high = Part({"low": rows[0], "high": rows[1]}, f"{self.path}.{key}").ends()
        return None if low is None or high is None else (low, high)

    def ends(self) -> tuple[float | None, float | None]:
        """The numbers ``low`` and ``high`` of an object that holds an interval beside other things."""
        return self.number("low"), self.number("high")

    def _list(self, key: str) -> Sequence[Any]:
        value = self.data.get(key)
        if value is None:
            return ()
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise self._wrong(key, "a list")
        return value

    def _wrong(self, key: str, expected: str) -> DataError:
        got = repr(self.data.get(key))[:80]
        return DataError(f"{self.path}.{key}", expected, got, "write the summary as documented")
