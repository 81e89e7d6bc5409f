"""How a ranked list is finished: steps in the order they are written, each checked where it is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from heptad.declare.expressions import Expressible, Expression, col
from heptad.declare.field import Field
from heptad.declare.types import Kind
from heptad.declare.wording import is_number, is_whole, listed, shown
from heptad.errors import DeclarationError
from heptad.times import duration


@dataclass(frozen=True)
class Unseen:
    """Leaves out what the user has had before."""


@dataclass(frozen=True)
class Cap:
    """At most ``n`` of the shown items share a value of this static column (a list's first value)."""

    column: str
    n: int

    def __post_init__(self) -> None:
        _check_whole("Cap.n", self.n, "write hp.Cap('column', 3)")


@dataclass(frozen=True, eq=False)
class Block:
    """Leaves out every candidate for which the condition is true (not 0): ``hp.Block(hp.col("stock") == 0)``.

    Where the condition is null the candidate stays.
    """

    condition: Expression

    def __post_init__(self) -> None:
        example = "write hp.Block(hp.col('stock') == 0)"
        object.__setattr__(self, "condition", _expression("Block.condition", self.condition, example))


@dataclass(frozen=True, eq=False)
class Boost:
    """Multiplies the score by ``factor`` where the condition is true, and sorts by the scores again.

    A score below 0 is divided by it, so that a factor above 1 always raises and one below 1 always lowers.
    """

    condition: Expression
    factor: float

    def __post_init__(self) -> None:
        example = "write hp.Boost(hp.col('on_sale') == 1, 1.2)"
        object.__setattr__(self, "condition", _expression("Boost.condition", self.condition, example))
        if not is_number(self.factor) or not 0.0 < self.factor < float("inf"):
            raise DeclarationError(
                "Boost.factor", "a number above 0", shown(self.factor), "write 1.2 to raise, 0.8 to lower"
            )


@dataclass(frozen=True, eq=False)
class Freshness:
    """Raises the scores of new items, and sorts by them again: ``hp.Freshness("published", half_life="3d")``.

    ``since``: a column or expression, the microseconds UTC at which an item began. With age = t - since, at
    least 0, the score is multiplied by 1 + boost * 2^(-age / half_life), as `Boost` does; by 1 for a null.
    """

    since: Expression
    half_life: str
    boost: float = 0.5

    def __post_init__(self) -> None:
        example = "write hp.Freshness('published', half_life='3d')"
        since = col(self.since) if isinstance(self.since, str) else self.since
        object.__setattr__(self, "since", _expression("Freshness.since", since, example))
        if duration(self.half_life, thing="Freshness.half_life") < 1:
            raise DeclarationError("Freshness.half_life", "more than 0", shown(self.half_life), "write '3d'")
        if not is_number(self.boost) or not 0.0 < self.boost < float("inf"):
            raise DeclarationError(
                "Freshness.boost", "a number above 0", shown(self.boost), "write 0.5 for half as much again"
            )


@dataclass(frozen=True)
class MMR:
    """Maximal marginal relevance (Carbonell and Goldstein 1998): each next item is the best of

        relevance * score - (1 - relevance) * (its greatest similarity to an item placed before it)

    with the scores of the candidates at this step brought to 0..1 by their least and greatest. ``column`` is a
    static one: of vectors, alike by their cosine; of lists, by shared values over all values (Jaccard 1901);
    of categories, alike where equal. An item without a value is like no other. As many places as are asked for
    are filled; the rest follows in its order.
    """

    column: str
    relevance: float = 0.7

    def __post_init__(self) -> None:
        if not isinstance(self.column, str):
            raise DeclarationError(
                "MMR.column",
                "the name of a static column as text",
                shown(self.column),
                "write hp.MMR('genres')",
            )
        if not is_number(self.relevance) or not 0.0 <= self.relevance <= 1.0:
            raise DeclarationError(
                "MMR.relevance", "a number from 0 to 1", shown(self.relevance),
                "write 1.0 for the scores alone, less for more variety",
            )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Pin:
    """Keeps a place for an item, or for the best ``n`` that match a condition: ``hp.Pin("p01", 1)``.

    ``position`` 1 is the top; further items take the positions below it. What earlier steps left out is not
    brought back: written after a `Cap`, a pin takes an item that the cap let through; written before it, an
    item that the cap may still leave out. Later steps sort around it. Of two pins for one position the one
    written first has it, the other takes the next that is free; in a list that is shorter the item is last.
    """

    what: int | str | Expression
    position: int
    n: int = 1

    def __post_init__(self) -> None:
        if isinstance(self.what, Expressible):
            object.__setattr__(self, "what", self.what.expression())
        elif not is_whole(self.what) and not isinstance(self.what, str):
            raise DeclarationError(
                "Pin.what", "an item's id or a condition", shown(self.what), "write hp.Pin('p01', 1)"
            )
        _check_whole("Pin.position", self.position, "write 1 for the top of the list")
        _check_whole("Pin.n", self.n, "write n=1")


@dataclass(frozen=True)
class Explore:
    """Shows other candidates at some positions now and then, and logs how probable each was: the last step.

    At each of the ``positions`` shown (1 is the top) the item that belongs there is kept with probability
    1 - epsilon; else one is drawn from that item and all that are shown nowhere else: all alike, or with
    ``temperature`` in proportion to exp(score / temperature). A position that holds a pin is not explored, nor
    is the answer of a fallback. The draws follow from the request's id alone, so a logged decision can be
    computed again. `heptad.serving.rerank.explore` has the propensity's formula.
    """

    positions: tuple[int, ...] | list[int]
    epsilon: float = 0.1
    temperature: float | None = None

    def __post_init__(self) -> None:
        if not listed(self.positions) or not self.positions:
            raise DeclarationError(
                "Explore.positions",
                "a list of positions from 1",
                shown(self.positions),
                "write hp.Explore([5, 10])",
            )
        for position in self.positions:
            _check_whole("Explore.positions", position, "write 1 for the top of the list")
        object.__setattr__(self, "positions", tuple(sorted(set(self.positions))))
        if not is_number(self.epsilon) or not 0.0 < self.epsilon <= 1.0:
            raise DeclarationError(
                "Explore.epsilon", "a probability above 0", shown(self.epsilon), "write epsilon=0.1"
            )
        warm = self.temperature
        if warm is not None and (not is_number(warm) or not 0.0 < warm < float("inf")):
            raise DeclarationError(
                "Explore.temperature", "a number above 0, or None to draw all alike", shown(warm),
                "write temperature=0.1, in units of the score",
            )  # fmt: skip


Rerank = Unseen | Cap | Block | Boost | Freshness | MMR | Pin | Explore
STEPS: Final = (Unseen, Cap, Block, Boost, Freshness, MMR, Pin, Explore)
_COMPARABLE: Final = (Kind.VECTOR, Kind.TEXTS, Kind.TEXT, Kind.ID)


def condition_of(step: Rerank) -> Expression | None:
    """The expression that a step reads of every candidate; None where it reads no more than a column."""
    match step:
        case Block(condition) | Boost(condition):
            return condition
        case Freshness(since):
            return since
        case Pin(what) if isinstance(what, Expression):
            return what
        case _:
            return None


def check_order(steps: tuple[Rerank, ...]) -> None:
    """Exploration comes last, and nothing sorts by the scores what `MMR` has put in another order."""
    for place, step in enumerate(steps):
        before = [type(other).__name__ for other in steps[:place]]
        if "Explore" in before:
            raise DeclarationError(
                "Serving.rerank", "hp.Explore once, as the last step", f"hp.{type(step).__name__} after it",
                "move hp.Explore to the end: what is drawn has passed every other step",
            )  # fmt: skip
        if isinstance(step, (Boost, Freshness)) and "MMR" in before:
            name = type(step).__name__
            raise DeclarationError(
                "Serving.rerank", f"hp.{name} before hp.MMR", f"hp.{name} after it",
                "move it up: it sorts by score, which would undo the variety",
            )  # fmt: skip


def check_columns(steps: Iterable[Rerank], static: Mapping[str, Field], most: int) -> None:
    """Steps name ``static`` columns, of kinds they can compare, and positions up to the ``most`` candidates."""
    for step in steps:
        kind = type(step).__name__
        if isinstance(step, (Cap, MMR)) and step.column not in static:
            does = "cap by" if isinstance(step, Cap) else "compare"
            raise DeclarationError(
                f"{kind}({step.column!r})", f"a static column: {', '.join(static) or 'none declared'}",
                repr(step.column), f"declare it in Data.static, or {does} another column",
            )  # fmt: skip
        if isinstance(step, MMR) and static[step.column].kind not in _COMPARABLE:
            raise DeclarationError(
                f"MMR({step.column!r})", "a column of vectors, lists, text or ids",
                f"{static[step.column]} of kind {static[step.column].kind}", "compare another column",
            )  # fmt: skip
        last = (
            step.position
            if isinstance(step, Pin)
            else max(step.positions)
            if isinstance(step, Explore)
            else 1
        )
        if last > most:
            raise DeclarationError(
                kind, f"positions up to the {most} candidates", str(last), "take a position that is shown"
            )


def _expression(thing: str, value: object, fix: str) -> Expression:
    if not isinstance(value, Expressible):
        raise DeclarationError(thing, "an expression over hp.col(...)", shown(value), fix)
    return value.expression()


def _check_whole(thing: str, n: object, fix: str) -> None:
    if not is_whole(n) or n < 1:  # type: ignore[operator]
        raise DeclarationError(thing, "a whole number from 1", shown(n), fix)
