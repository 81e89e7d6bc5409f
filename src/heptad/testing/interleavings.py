"""Interleavings of append, apply, clock, read and crash, drawn from seeds; `testing.deployment` runs them.

What a run returns is held to the oracle by the parity tests: every value that was read, and the log it was
read from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from heptad.plan.nodes import Plan
from heptad.testing.dice import Dice
from heptad.testing.strategies import Post
from heptad.times import SECOND


class Append(NamedTuple):
    """Move the clock to the last post's arrival and append them, in one call."""

    posts: tuple[Post, ...]


class Apply(NamedTuple):
    """Apply up to so many records, in commits of ``batch`` (None: all)."""

    limit: int | None
    batch: int


class Wait(NamedTuple):
    """Let time pass."""

    microseconds: int


class Tick(NamedTuple):
    """Let the applier look at the clock."""


class Read(NamedTuple):
    """Read all columns for these requests at once."""

    requests: tuple[Mapping[str, Any], ...]


class Crash(NamedTuple):
    """Every process dies, in the middle of an apply or not, and is started again.

    ``during``: idle, before the commit, or after it and before anyone knows. ``power``: unsynced writes go too.
    ``back``: by how much the clock is found set back.
    """

    during: str
    power: bool
    back: int
    seed: int


class Fail(NamedTuple):
    """An apply whose commit fails, before it is made or after, and the process lives on."""

    when: str


Step = Append | Apply | Wait | Tick | Read | Crash | Fail

_WAITS: Final = (
    1,
    499_999,
    500_000,
    SECOND - 1,
    SECOND - 1,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    8 * SECOND,
    40 * SECOND,
)
_SORTS: Final = "append", "apply", "read", "wait", "tick", "crash", "fail"
_WEIGHTS: Final = 12, 6, 8, 4, 2, 2, 1


class Interleaving(NamedTuple):
    """A plan, and what happens to its deployment, which begins at an instant."""

    plan: Plan
    start: int
    steps: tuple[Step, ...]


def interleavings(
    aggregations: Sequence[str] | None = None, size: int = 2, most: int = 16
) -> st.SearchStrategy[Interleaving]:
    """One of ``most`` steps or so for every seed; the last two are an apply and a read."""
    return st.integers(0, 2**64 - 1).map(lambda seed: interleaving(seed, aggregations, size, most))


def interleaving(
    seed: int,
    aggregations: Sequence[str] | None = None,
    size: int = 2,
    most: int = 16,
    table_rows: float = 0.15,
) -> Interleaving:
    """The interleaving of a seed; of the rows posted, ``table_rows`` is the share that are a table's."""
    dice = Dice(seed, table_rows)
    plan = dice.plan(aggregations, size)
    streams = sorted({group.stream for group in plan.groups})
    clock = dice.setting.epoch
    steps: list[Step] = []
    for sort in ("append", *dice.random.choices(_SORTS, _WEIGHTS, k=dice.random.randint(3, most - 3))):
        if sort == "append":
            posts = []
            for _ in range(dice.random.choice((1, 2, 4, 8))):
                posts.append(dice.post(clock, streams))
                clock = posts[-1].arrival
            steps.append(Append(tuple(posts)))
            if dice.random.random() < 0.6:
                steps.append(_other(dice, "apply"))
        else:
            steps.append(_other(dice, sort))
    steps += [Apply(dice.random.choice((None, None, 3)), 1000), _other(dice, "read")]
    return Interleaving(plan, dice.setting.epoch, tuple(steps))


def _other(dice: Dice, sort: str) -> Step:
    pick = dice.random.choice
    match sort:
        case "apply":
            return Apply(pick((None, None, None, 1, 2, 5)), pick((1, 2, 1000)))
        case "read":
            return Read(tuple(dice.request() for _ in range(3)))
        case "wait":
            return Wait(pick(_WAITS))
        case "tick":
            return Tick()
        case "fail":
            return Fail(pick(("before", "after")))
        case _:
            during = pick(("idle", "before", "after"))
            return Crash(during, pick((True, False)), pick((0, 0, SECOND, 60 * SECOND)), pick(range(4)))


def smallest(failing: Interleaving, fails: Callable[[Interleaving], bool]) -> Interleaving:
    """The same failure with every step, post and request left out that it does not need."""
    tried = True
    while tried:
        tried = False
        for less in _less(failing):
            if fails(less):
                failing, tried = less, True
                break
    return failing


def _less(whole: Interleaving) -> Iterator[Interleaving]:
    """All that lack one step, or one post or request of a step."""
    for place, step in enumerate(whole.steps):
        before, after = whole.steps[:place], whole.steps[place + 1 :]
        yield whole._replace(steps=before + after)
        for fewer in _fewer(step):
            yield whole._replace(steps=(*before, fewer, *after))


def _fewer(step: Step) -> Iterator[Step]:
    match step:
        case Append(some) if len(some) > 1:
            yield from (Append(some[:i] + some[i + 1 :]) for i in range(len(some)))
        case Read(asked) if len(asked) > 1:
            yield from (Read(asked[:i] + asked[i + 1 :]) for i in range(len(asked)))
