"""The table of aggregations as a page: ``python -m heptad.testing.aggregation_page > docs/reference/aggregations.md``."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from typing import Final

from heptad.algebra import catalogue
from heptad.algebra.spec import ENTRY, Aggregation, Merge, Params, Segment

_TAKES: Final = {
    "nothing": "events, or a column",
    "number": "a numeric column",
    "any": "any scalar column",
}
_RETURNS: Final = {
    "number": "float64, NaN for null",
    "value": "a value of the column, or null",
    "values": "a list of values",
}

_INTRODUCTION: Final = """\
# Aggregations

This page is generated from `heptad.algebra.catalogue` by `make docs`. Every aggregation is a method of
`Event.per(...)`: `Sale.per("user").mean("amount", "1h", "7d")`. The default is the value of a window without events,
and of an unknown or null key. A state is a run of 8-byte words, and each word merges by one of four rules
([record 6](../adr/0006-four-merges.md)). To add one, follow *Add an aggregation* in
[CONTRIBUTING](../../CONTRIBUTING.md).

| name | gives | takes | returns | default | nulls | bound | words | merge |
|---|---|---|---|---|---|---|---|---|
"""


def page() -> str:
    """The page as Markdown."""
    return _INTRODUCTION + "".join(f"| {' | '.join(_cells(name))} |\n" for name in catalogue.names())


def _cells(name: str) -> Iterator[str]:
    spec = catalogue.get(name)
    says = inspect.getdoc(importlib.import_module(f"heptad.algebra.aggregations.{name}")) or ""
    yield f"`{name}`"
    yield says.partition("\n\n")[0].replace("\n", " ").rstrip(".")
    yield _TAKES[spec.takes]
    yield _RETURNS[spec.returns]
    yield f"`{spec.default!r}`"
    yield spec.nulls
    yield spec.bound.replace("|", "\\|")
    yield _size(spec)
    yield ", ".join(map(_merge, spec.segments(Params())))


def _size(spec: Aggregation) -> str:
    """Words and bytes of a state; per n where n sets them."""
    one, two = spec.words(Params(n=1)), spec.words(Params(n=2))
    if two == one:
        return f"{one} ({8 * one} B)"
    each, fixed = two - one, 2 * one - two
    plus = f"{fixed} + " if fixed else ""
    return f"{plus}{each} n ({8 * each} B each)"


def _merge(segment: Segment) -> str:
    if segment.merge is Merge.LATEST:
        return f"LATEST, entries of {ENTRY} words"
    return f"{segment.merge.name}" + (f" × {segment.size}" if segment.size > 1 else "")


if __name__ == "__main__":
    print(page(), end="")
