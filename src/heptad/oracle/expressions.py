"""The value of an expression for one row, in plain Python: what every engine's evaluator is held to.

A number is a float, NaN for null; a category is a text or an int, None for null; a list is a tuple, None for
null; a vector is a tuple of floats, None for null.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import Any

from heptad.plan.nodes import Node

_NAN = math.nan
_RADIUS = 6371.0088  # km, the mean radius R1 of GRS 80


def value_of(node: Node, leaf: Callable[[Node], Any]) -> Any:
    """The value of a node; ``leaf`` gives those of columns of the plan, of the request, and of the calendar."""
    value = _value(node, leaf)
    return value + 0.0 if node.holds == "number" else value


def _value(node: Node, leaf: Callable[[Node], Any]) -> Any:
    if node.op == "constant":
        return node.value
    if node.op in ("column", "request", "calendar"):
        return leaf(node)
    args = [_value(arg, leaf) for arg in node.args]
    match node.op:
        case "is_null":
            return float(_null(args[0]))
        case "coalesce":
            return args[1] if _null(args[0]) else args[0]
        case "where":
            if _null(args[0]):
                return _NAN if node.holds == "number" else None
            return args[1] if args[0] != 0 else args[2]
    if any(_null(arg) for arg in args):
        return None if node.holds == "category" else _NAN
    return _known(node, args)


def _null(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _known(node: Node, args: list[Any]) -> Any:
    """The value of an operation none of whose arguments is null."""
    match node.op, args:
        case "add", [a, b]:
            return a + b
        case "sub", [a, b]:
            return a - b
        case "mul", [a, b]:
            return a * b
        case "div", [a, b]:
            return a / b if b != 0 else _NAN
        case "neg", [a]:
            return -a
        case "abs", [a]:
            return abs(a)
        case "lt", [a, b]:
            return float(a < b)
        case "le", [a, b]:
            return float(a <= b)
        case "gt", [a, b]:
            return float(a > b)
        case "ge", [a, b]:
            return float(a >= b)
        case "eq", [a, b]:
            return float(a == b)
        case "ne", [a, b]:
            return float(a != b)
        case "and", [a, b]:
            return float(a != 0 and b != 0)
        case "or", [a, b]:
            return float(a != 0 or b != 0)
        case "not", [a]:
            return float(a == 0)
        case "clip", [x, lo, hi]:
            return max(lo, min(x, hi)) + 0.0
        case "log1p", [x]:
            return math.log1p(x) if x > -1 else _NAN
        case "sqrt", [x]:
            return math.sqrt(x) if x >= 0 else _NAN
        case "distance", [lat1, lon1, lat2, lon2]:
            return _distance(lat1, lon1, lat2, lon2)
        case "dot", [u, v]:
            return _dot(u, v)
        case "cosine", [u, v]:
            lengths = _dot(u, u) * _dot(v, v)
            return max(-1.0, min(1.0, _dot(u, v) / math.sqrt(lengths))) if lengths > 0 else _NAN
        case "cross", parts:
            text = "×".join(_spelled(part) for part in parts)
            return text if node.value is None else _bucket(text, int(node.value))
        case "size", [values]:
            return float(len(values))
        case "contains", [values, value]:
            return float(any(one == value for one in values))
        case _:
            raise TypeError(node)


def _distance(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Haversine, as Sinnott (1984) gives it."""
    if abs(lat1) > 90 or abs(lat2) > 90 or not math.isfinite(lon2 - lon1):
        return _NAN
    radian = math.pi / 180
    south = math.sin((lat2 - lat1) * radian / 2)
    east = math.sin((lon2 - lon1) * radian / 2)
    a = south * south + math.cos(lat1 * radian) * math.cos(lat2 * radian) * (east * east)
    return 2 * _RADIUS * math.asin(math.sqrt(a) if a < 1 else 1.0)


def _dot(u: Sequence[float], v: Sequence[float]) -> float:
    total = 0.0
    for a, b in zip(u, v, strict=True):
        total += a * b
    return total


def _spelled(value: Any) -> str:
    if isinstance(value, str):
        return value.replace("\\", "\\\\").replace("×", "\\×")
    if isinstance(value, float) and not value.is_integer():
        return repr(value)
    return str(int(value))


def _bucket(text: str, buckets: int) -> int:
    digest = hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=False) % buckets
