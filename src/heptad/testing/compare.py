"""When two values of a column are the same: to the last bit, NaN equal to NaN, lists element by element."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_SEQUENCES = (list, tuple, np.ndarray)
_INTEGERS = (int, np.integer)
_FLOATS = (float, np.floating)


def same(a: object, b: object) -> bool:
    """Whether two values are one value.

    Floats are compared by their bits, except that every NaN is alike; so -0.0 differs from 0.0. An integer
    is the float it converts to without loss. Lists, tuples and arrays are compared element by element.

    >>> same(float("nan"), float("nan")), same(0.0, -0.0), same(3, 3.0), same((1, "a"), [1.0, "a"])
    (True, False, True, True)
    >>> same(2**53 + 1, float(2**53 + 1)), same(None, float("nan")), same("1", 1)
    (False, False, False)
    """
    if isinstance(a, _SEQUENCES) and isinstance(b, _SEQUENCES):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, _FLOATS) and isinstance(b, _FLOATS):
        return (a != a and b != b) or struct.pack("<d", a) == struct.pack("<d", b)
    if isinstance(a, (*_INTEGERS, *_FLOATS)) and isinstance(b, (*_INTEGERS, *_FLOATS)):
        return bool(a == b)
    return type(a) is type(b) and a == b


def differences(
    expected: Mapping[str, Sequence[Any] | Any], got: Mapping[str, Sequence[Any] | Any]
) -> list[str]:
    """One line for each value that differs between two mappings of columns (or of single values).

    >>> differences({"a": [1.0, 2.0], "b": None}, {"a": [1.0, 3.0], "b": None})
    ['a[1]: expected 2.0, got 3.0']
    """
    found = [f"{name}: missing" for name in expected if name not in got]
    found += [f"{name}: not expected" for name in got if name not in expected]
    for name in expected:
        if name in got:
            found += _differ(name, expected[name], got[name])
    return found


def _differ(name: str, expected: Any, got: Any) -> list[str]:
    if not isinstance(expected, (list, np.ndarray)) or not isinstance(got, (list, np.ndarray)):
        return [] if same(expected, got) else [f"{name}: expected {expected!r}, got {got!r}"]
    if len(expected) != len(got):
        return [f"{name}: expected {len(expected)} rows, got {len(got)}"]
    return [
        f"{name}[{i}]: expected {a!r}, got {b!r}"
        for i, (a, b) in enumerate(zip(expected, got, strict=True))
        if not same(a, b)
    ]
