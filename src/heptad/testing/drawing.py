"""Any feature over events, thrown together: one aggregation, its options, windows, delay and hop.

``pick`` chooses one of several: Hypothesis's draw, or a seeded die.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, Final

from heptad.algebra import catalogue
from heptad.algebra.spec import Aggregation
from heptad.declare.features import Decay, Per, Windowed
from heptad.declare.schema import Field
from heptad.declare.types import Kind, Role
from heptad.times import duration

Pick = Callable[[Sequence[Any]], Any]

DECAYS: Final = ("decay_count", "decay_sum")
#: Half-life, hop and cut.
_FADING: Final = (("4s", None, None), ("4s", "1s", "20s"), ("10s", "5s", "20s"), ("2s", "500ms", "7s"))
_WORDS: Final[dict[str, tuple[tuple[Any, ...], ...]]] = {
    "user": (("u", 1), (-7, "1", 2**63 - 1), ("v",)),
    "item": ((1,), ("u", "v", -7), (2**62, 0)),
    "amount": ((1, 2), (2**53 + 1, 0, -5)),
    "gift": ((True, False), (False,)),
    "device": (("web", "app"), ("app",)),
    "page": (("home",), ("cart", "home", "none")),
    "tags": (("x", "y"), ("z", "x", "y"), ("y",)),
    "brand": (("a", "b"), ("c",)),
    "shelf": ((2, 1), (1,)),
}
_OPTIONS: Final[dict[str, tuple[Any, ...]]] = {
    "n": (1, 2, 3, 4),
    "decimals": (0, 1, 2, 3),
    "precision": (4, 5, 8),
    "q": (0.0, 0.1, 0.5, 0.999999, 1.0),
    "low": (-100.0, 0.0, 1.0),
    "high": (2.0, 1000.0, 1e12),
    "unit": (1e-3, 0.5, 1.0),
    "error": (0.5, 0.1, 0.05),
    "k": (None, 1),
}


def names() -> tuple[str, ...]:
    """Every aggregation of the table, and the decays, which are made of them."""
    return (*catalogue.names(), *DECAYS)


def fits(column: Field, spec: Aggregation) -> bool:
    """Whether an aggregation can aggregate the column."""
    if column.kind is Kind.TEXTS:
        return spec.lists
    if spec.takes == "number":
        return column.kind.numeric
    if column.kind is Kind.VECTOR:
        return spec.returns == "value"
    if spec.takes == "discrete" and column.kind is Kind.FLOAT:
        return False
    return column.kind is not Kind.TIME and column.role is not Role.KEY


def windowed(
    pick: Pick, per: Per, columns: Sequence[Field], name: str, widths: Sequence[str]
) -> Windowed | Decay:
    """A feature of the aggregation or decay called ``name`` over one of the columns."""
    delays = ("0s", "0s", "2s", "1500ms", "7s")
    numbers = [column.name for column in columns if column.kind.numeric]
    if name in DECAYS:
        half_life, hop, cut = pick(_FADING)
        fading = {"half_life": half_life, "hop": hop, "cut": cut, "delay": pick(delays)}
        if name == "decay_count":
            return per.decay_count(**fading)
        return per.decay_sum(pick(numbers), decimals=pick(_OPTIONS["decimals"]), **fading)
    spec = catalogue.get(name)
    fitting = [column.name for column in columns if fits(column, spec)]
    column = pick([None, *fitting] if spec.takes == "nothing" else fitting)
    over = pick([some for size in (1, 2, 3) for some in combinations(widths, size)])
    shift: dict[str, Any] = {}
    if "all" not in over:
        narrowest = min(map(duration, over))
        hops = [hop for hop in ("500ms", "1s", "2s", "5s", "7s") if duration(hop) <= narrowest]
        shift = {"hop": pick([None, *hops]), "delay": pick(delays)}
    for option in spec.options:
        value = pick(_WORDS[column]) if option == "vocabulary" else pick(_OPTIONS[option])
        if value is not None:
            shift[option] = value
    return per.aggregate(name, column, *over, **shift)
