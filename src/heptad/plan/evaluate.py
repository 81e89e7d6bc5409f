"""Checked expressions over rows of columns: the one evaluator, offline and online.

Every operation treats each row alone, by IEEE 754 operations that are correctly rounded or by scalar loops,
so a row's value has the same bits in every batch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels import elementary
from heptad.plan.nodes import ExpressionColumn, Node

Array = NDArray[Any]
Floats = NDArray[np.float64]

_NONE: Final = np.array(None, object)


def evaluate(column: ExpressionColumn, leaf: Callable[[Node], Array], n: int) -> Array:
    """The column's n values: float64 with NaN for null, or objects with None for a category.

    ``leaf`` gives the values of a ``column``, ``request`` or ``calendar`` node: float64 (n,), objects (n,), or
    float32 (n, size) for vectors, whose null is a row of NaN.
    """
    found: list[Array] = []
    with np.errstate(all="ignore"):
        for node, args in column.steps:
            operation = _OPERATIONS.get(node.op)
            if operation is not None:
                found.append(operation(node, *(found[arg] for arg in args)))
            elif node.op == "constant":
                found.append(_constant(node, n))
            else:
                found.append(leaf(node))
        root: Array = found[-1]
        return root + 0.0 if column.root.holds == "number" else root.copy()


def _constant(node: Node, n: int) -> Array:
    return np.full(n, node.value, np.float64 if node.holds == "number" else object)


def _null(values: Array) -> NDArray[np.bool_]:
    """Where a value is null, (n,)."""
    if values.dtype != object:
        flat: NDArray[np.bool_] = np.isnan(values if values.ndim == 1 else values[:, 0])
        return flat
    return np.asarray(np.equal(values, _NONE), np.bool_)


def _known(result: Array, *args: Array) -> Floats:
    """Numbers, but null where an argument is."""
    null = _null(args[0])
    for arg in args[1:]:
        null = null | _null(arg)
    return np.where(null, np.nan, result)


def _compared(ufunc: Callable[[Array, Array], Array]) -> Callable[[Node, Array, Array], Floats]:
    def compare(_: Node, a: Array, b: Array) -> Floats:
        if a.dtype == object:  # ids and texts, each as it is: 1 and "1" differ
            return _known(np.asarray(ufunc(a, b), np.bool_), a, b)
        return _known(ufunc(a, b), a, b)

    return compare


def _clip(_: Node, x: Floats, lo: Floats, hi: Floats) -> Floats:
    return _known(np.where(x < lo, lo, np.where(x > hi, np.where(hi < lo, lo, hi), x)), x, lo, hi)


def _div(_: Node, a: Floats, b: Floats) -> Floats:
    return np.where(b == 0.0, np.nan, a / b)


def _where(node: Node, condition: Floats, a: Array, b: Array) -> Array:
    chosen: Array = np.where(condition != 0.0, a, b)
    chosen[np.isnan(condition)] = np.nan if node.holds == "number" else None
    return chosen


def _coalesce(_: Node, x: Array, default: Array) -> Array:
    return np.where(_null(x), default, x)


def _cross(node: Node, *columns: Array) -> Array:
    crossed: list[Any] = ["×".join(row) for row in zip(*map(_spelled, columns), strict=True)]
    if isinstance(node.value, int):
        buckets = {text: bucket(text, node.value) for text in set(crossed)}
        crossed = [buckets[text] for text in crossed]
    out = np.fromiter(crossed, object, len(crossed))
    for column in columns:
        out[_null(column)] = None
    return out


def _spelled(column: Array) -> list[str]:
    """The parts of a cross, each value spelled once; anything for a null."""
    values = column.tolist()
    parts = {value: spelled(value) for value in set(values)}
    return [parts[value] for value in values]


def spelled(value: Any) -> str:
    """A category or number as a part of a cross; empty for null.

    >>> spelled(3.0), spelled(0.5), spelled("a×b"), spelled(float("nan"))
    ('3', '0.5', 'a\\\\×b', '')
    """
    if value is None or value != value:
        return ""
    if type(value) is str:
        return value.replace("\\", "\\\\").replace("×", "\\×")
    return str(int(value)) if type(value) is int or value.is_integer() else repr(value)


@lru_cache(1 << 16)
def bucket(text: str, buckets: int) -> int:
    """The bucket of a text, as `hp.cross` states it.

    >>> bucket("mobile×news", 1000)
    208
    """
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") % buckets


def _elementary(loop: Callable[..., None]) -> Callable[..., Floats]:
    def run(_: Node, *args: Array) -> Floats:
        out = np.empty(len(args[0]))
        loop(*map(np.ascontiguousarray, args), out)
        return out

    return run


def _size(_: Node, lists: Array) -> Floats:
    return np.fromiter((np.nan if v is None else len(v) for v in lists.tolist()), np.float64, len(lists))


def _contains(_: Node, lists: Array, values: Array) -> Floats:
    pairs = zip(lists.tolist(), values.tolist(), strict=True)
    held = (v is not None and w in v for v, w in pairs)
    return _known(np.fromiter(held, np.bool_, len(lists)), lists, values)


_OPERATIONS: Final[Mapping[str, Callable[..., Array]]] = {
    "add": lambda _, a, b: a + b,
    "sub": lambda _, a, b: a - b,
    "mul": lambda _, a, b: a * b,
    "div": _div,
    "neg": lambda _, x: -x,
    "abs": lambda _, x: np.abs(x),
    "lt": _compared(np.less),
    "le": _compared(np.less_equal),
    "gt": _compared(np.greater),
    "ge": _compared(np.greater_equal),
    "eq": _compared(np.equal),
    "ne": _compared(np.not_equal),
    "and": lambda _, a, b: _known((a != 0.0) & (b != 0.0), a, b),
    "or": lambda _, a, b: _known((a != 0.0) | (b != 0.0), a, b),
    "not": lambda _, x: _known(x == 0.0, x),
    "clip": _clip,
    "log1p": _elementary(elementary.log1p),
    "sqrt": lambda _, x: np.sqrt(x),
    "where": _where,
    "coalesce": _coalesce,
    "is_null": lambda _, x: _null(x).astype(np.float64),
    "cross": _cross,
    "distance": _elementary(elementary.distance),
    "dot": _elementary(elementary.dot),
    "cosine": _elementary(elementary.cosine),
    "size": _size,
    "contains": _contains,
}
