"""The options of aggregations: what a user writes, checked, as the parameters that states and kernels know."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from heptad.algebra.rounding import span
from heptad.algebra.spec import Aggregation, Params
from heptad.declare.schema import Field
from heptad.declare.types import Kind
from heptad.declare.wording import is_number, is_whole, listed, shown
from heptad.errors import DeclarationError

_LARGEST: Final = 4096  #: buckets of a quantile, 16 KB in every tile
_WORDS: Final = 1000  #: values of a vocabulary


class Asked(NamedTuple):
    """An aggregation as a user asks for it: ``thing`` names it in errors."""

    thing: str
    column: Field | None
    options: Mapping[str, Any]


def parameters(spec: Aggregation, asked: Asked) -> Params:
    """The parameters of these options, with defaults where none is given. Raises DeclarationError."""
    unknown = sorted(set(asked.options) - set(spec.options))
    if unknown:
        known = [f"{name}=" for name in (*spec.options, "delay")]
        raise DeclarationError(
            asked.thing, f"{', '.join(known)} or hop=", f"{unknown[0]}=", f"remove {unknown[0]}="
        )
    found: dict[str, Any] = {}
    for option in spec.options:
        found |= _OPTIONS[option](asked)
    params = Params(**found)
    if "error" in spec.options:
        _check_range(asked, params)
    return params


def _whole(
    name: str, least: int, most: int, default: int | None, fix: str
) -> Callable[[Asked], dict[str, Any]]:
    def check(asked: Asked) -> dict[str, Any]:
        value = asked.options.get(name, default)
        if not is_whole(value) or not least <= value <= most:
            raise DeclarationError(
                asked.thing, f"{name}, a whole number from {least} to {most}", _came(asked, name), fix
            )
        return {name: value}

    return check


def _came(asked: Asked, name: str) -> str:
    return shown(asked.options[name]) if name in asked.options else "none"


def _decimals(asked: Asked) -> dict[str, Any]:
    """6 for floats and 0 for whole numbers, unless said otherwise."""
    value = asked.options.get("decimals")
    if value is None:
        return {"decimals": 6 if asked.column is not None and asked.column.kind is Kind.FLOAT else 0}
    if not is_whole(value) or not 0 <= value <= 15:
        raise DeclarationError(
            asked.thing, "decimals, a whole number from 0 to 15", shown(value), "keep the default of 6"
        )
    return {"decimals": value}


def _q(asked: Asked) -> dict[str, Any]:
    """In millionths, so that ranks are counted in whole numbers."""
    q = asked.options.get("q", 0.5)
    if not is_number(q) or not 0.0 <= q <= 1.0 or abs(q * 1e6 - round(q * 1e6)) > 1e-6:
        raise DeclarationError(
            asked.thing, "q, from 0 to 1 with at most six decimals", shown(q),
            "write q=0.5 for the median, q=0.99 for the 99th percentile",
        )  # fmt: skip
    return {"q": round(q * 1e6)}


def _number(name: str, default: float) -> Callable[[Asked], dict[str, Any]]:
    def check(asked: Asked) -> dict[str, Any]:
        value = asked.options.get(name, default)
        if not is_number(value) or not abs(value) <= 1e300:
            raise DeclarationError(
                asked.thing,
                f"{name}, a number within 1e300",
                shown(value),
                f"write for example {name}={default:g}",
            )
        return {name: float(value) + 0.0}

    return check


def _error(asked: Asked) -> dict[str, Any]:
    """The significant bits that keep the relative error."""
    error = asked.options.get("error", 0.1)
    if not is_number(error) or not 0.001 <= error <= 0.5:
        raise DeclarationError(
            asked.thing, "error, the relative error of a value, from 0.001 to 0.5", shown(error),
            "write error=0.05 for 5 %; the state doubles with every halving",
        )  # fmt: skip
    return {"bits": math.ceil(-math.log2(error))}


def _check_range(asked: Asked, params: Params) -> None:
    if not params.low < params.high or not params.unit >= 1e-300:
        raise DeclarationError(
            asked.thing, "low below high, and unit, the least magnitude that is not zero, above 0",
            f"low={params.low:g}, high={params.high:g}, unit={params.unit:g}",
            "write for example low=0, high=1e6, unit=0.01",
        )  # fmt: skip
    first, last, _ = span(params)
    if last - first >= _LARGEST:
        raise DeclarationError(
            asked.thing, f"at most {_LARGEST} buckets", f"{last - first + 1}",
            "raise error or unit, or narrow low and high",
        )  # fmt: skip


_FITS: Final[Mapping[Kind, tuple[type, ...]]] = {
    Kind.TEXT: (str,), Kind.TEXTS: (str,), Kind.ID: (int, str), Kind.INT: (int,), Kind.BOOL: (bool,),
}  # fmt: skip


def _vocabulary(asked: Asked) -> dict[str, Any]:
    given: Any = asked.options.get("vocabulary")
    kind = asked.column.kind if asked.column is not None else Kind.TEXT
    example = "vocabulary=(True, False)" if kind is Kind.BOOL else "vocabulary=('a', 'b')"
    example = "vocabulary=(1, 2, 3)" if kind is Kind.INT else example
    if not listed(given) or not 1 <= len(given) <= _WORDS:
        raise DeclarationError(
            asked.thing, f"vocabulary, a tuple of 1 to {_WORDS} values of {asked.column}",
            "none" if given is None else f"{len(given)} values" if listed(given) else shown(given),
            f"write for example {example}",
        )  # fmt: skip
    for value in given:
        if type(value) not in _FITS[kind] or (type(value) is int and not -(2**63) < value < 2**63):
            raise DeclarationError(
                asked.thing,
                f"a vocabulary of values of kind {kind}",
                shown(value),
                f"write for example {example}",
            )
    twice = [value for place, value in enumerate(given) if value in given[:place]]
    if twice:
        raise DeclarationError(
            asked.thing, "a vocabulary of different values", f"{shown(twice[0])} twice", "name it once"
        )
    return {"vocabulary": tuple(given)}


def _k(asked: Asked) -> dict[str, Any]:
    size = len(_vocabulary(asked)["vocabulary"])
    return _whole("k", 1, size, min(3, size), "ask for no more values than the vocabulary has")(asked)


#: What each option becomes: fields of `Params`. An aggregation names those it has in its ``options``.
_OPTIONS: Final[Mapping[str, Callable[[Asked], dict[str, Any]]]] = {
    "n": _whole("n", 1, 10_000, 1, "write for example n=50"),
    "decimals": _decimals,
    "precision": _whole("precision", 4, 14, 8, "keep 8 (6.5 % error, 256 bytes), or write 10 (3.3 %, 1 KB)"),
    "q": _q,
    "low": _number("low", 0.0),
    "high": _number("high", 1e6),
    "unit": _number("unit", 0.01),
    "error": _error,
    "vocabulary": _vocabulary,
    "k": _k,
}
