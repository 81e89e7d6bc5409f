"""The part of docs/reference/features.md about derived features, generated from the worked examples."""

from __future__ import annotations

from typing import Any, Final

from heptad.testing.worked.expressions import ROWS, Derivation

_INTRODUCTION: Final = """\
## Derived features

A contextual feature may be an expression over other columns: a column of the request's event (`Offer.bid`), any column
of `Data` by its name (`hp.col("mean_bid_1d")`), the moment (`hp.hour()`, `hp.weekday()`) and constants. It is data, not
code: checked when the system is declared, part of the plan's hash, and computed by one evaluator offline and online, so
a value has the same bits in a batch of one and of a million ([record 18](../adr/0018-expressions-and-vectors.md)).

* Numbers are float64. A null argument makes a value null, except in `hp.coalesce`, `hp.is_null` and the branch that
  `hp.where` does not take. So does division by zero. -0.0 is 0.0.
* `+ - * /`, comparisons, `hp.sqrt`, `hp.clip` are exact to the last bit (IEEE 754). `hp.log1p` is within 1 unit in
  the last place; `hp.distance` within 16 up to 10,000 km, and within 0.5 m next to the antipode; `hp.dot` of n places
  within n · 2⁻⁵³ of the sum of the products' sizes; `hp.cosine` within 2 (n + 2) · 2⁻⁵³. They call the C library as
  Python's `math` does, so two machines agree where their C libraries do.
* A cross is a category. `buckets=` makes its bucket one: the first 8 bytes of BLAKE2b of the text's UTF-8, as a
  little-endian unsigned integer, modulo the buckets.
* `hp.distance` is the haversine (R. W. Sinnott, Sky & Telescope 68, 1984, p. 159) of degrees on a sphere of radius
  6371.0088 km, the mean radius R1 of GRS 80 (H. Moritz, Journal of Geodesy 74, 2000, p. 128).
* An expression gives a number or a category. Lists and vectors go in, through `hp.size`, `hp.contains`, `hp.dot` and
  `hp.cosine`. A vector is a column of `hp.Vector[64]`, of an event or a table: 64 float32 numbers, sent as a list; one
  of another size, or with NaN, is refused.
* What expressions cannot say, a function can: `@hp.feature` gets the same columns as arrays.

| says | feature | of | is |
|---|---|---|---|
"""


def section() -> str:
    """The section as Markdown, every row of it executed by the tests."""
    return _INTRODUCTION + "".join(map(_row, ROWS))


def _row(row: Derivation) -> str:
    given = ", ".join(f"{name} {_plain(value)}" for name, value in row.given.items()) or "nothing"
    return f"| {_cell(row.says)} | `{_cell(row.written)}` | {_cell(given)} | {_cell(_plain(row.value))} |\n"


def _plain(value: Any) -> str:
    if value is None or value != value:
        return "null"
    return (
        f"{value:.7g}" if isinstance(value, float) else str(value) if isinstance(value, str) else repr(value)
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(section(), end="")
