"""The table of aggregations: every module of `aggregations/` is one row, found by its file; users add theirs."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Final

from heptad.algebra import aggregations
from heptad.algebra.spec import Aggregation
from heptad.errors import DeclarationError

SHIPPED: Final = tuple(sorted(module.name for module in pkgutil.iter_modules(aggregations.__path__)))
_SPECS: Final[dict[str, Aggregation]] = {}
_KERNELS: Final[dict[str, object]] = {}


def names() -> tuple[str, ...]:
    """The names of all aggregations, sorted: those shipped and those added in this process."""
    return tuple(sorted({*SHIPPED, *_KERNELS}))


def get(name: str) -> Aggregation:
    """The specification called ``name``.

    >>> get("count").default
    0.0
    """
    found = _SPECS.get(name)
    if found is not None:
        return found
    if name not in SHIPPED:
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
    _SPECS[name] = spec
    return spec


def add(spec: Aggregation, kernel: object) -> None:
    """Add an aggregation of your own: from now on it is a method of ``Event.per(...)`` in this process.

    ``kernel`` holds `lift` (or `touch`) and `finalize` (`heptad.algebra.kernels.base.Kernel`): a module or a
    class of static methods. Call it where the declaration is imported, since every process that runs the
    declaration must know it. The states hold what the kernel made: name it anew when you change it.
    """
    if not spec.name.isidentifier() or spec.name.startswith("_") or spec.name in SHIPPED:
        raise DeclarationError(
            f"aggregation {spec.name!r}", "a name of its own that is a Python identifier",
            "a name heptad uses" if spec.name in SHIPPED else repr(spec.name), "rename it",
        )  # fmt: skip
    if _SPECS.get(spec.name, spec).define.__module__ != spec.define.__module__:
        raise DeclarationError(
            f"aggregation {spec.name!r}", "one specification of this name", "two", "rename one of them"
        )
    _SPECS[spec.name], _KERNELS[spec.name] = spec, kernel


def added(name: str) -> object | None:
    """The kernel a user added under this name."""
    return _KERNELS.get(name)
