"""The table of aggregations: every module of `aggregations/` is one row, found by its file."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from heptad.algebra import aggregations
from heptad.algebra.spec import Aggregation
from heptad.errors import DeclarationError


@cache
def names() -> tuple[str, ...]:
    """The names of all aggregations, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(aggregations.__path__)))


@cache
def get(name: str) -> Aggregation:
    """The specification called ``name``.

    >>> get("count").default
    0.0
    """
    if name not in names():
        raise DeclarationError(
            f"aggregation {name!r}", f"one of {', '.join(names())}", repr(name),
            "use one of these, or add your own: CONTRIBUTING.md, 'Add an aggregation'",
        )  # fmt: skip
    spec = importlib.import_module(f"{aggregations.__name__}.{name}").SPEC
    if not isinstance(spec, Aggregation) or spec.name != name:
        raise DeclarationError(
            f"heptad/algebra/aggregations/{name}.py", f"SPEC = Aggregation(name={name!r}, ...)",
            repr(spec), "name the file after the aggregation",
        )  # fmt: skip
    return spec
