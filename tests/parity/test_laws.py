"""Two laws of a running deployment: values move with time alone (P3), and order and batching do not matter (P4)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_interleavings import STORES

from heptad.oracle.oracle import Oracle
from heptad.plan.nodes import Plan, RateColumn, WindowColumn
from heptad.testing.compare import differences
from heptad.testing.deployment import Deployment, Seen
from heptad.testing.dice import Dice
from heptad.testing.interleavings import Append, Apply, Read, Step, Tick, Wait
from heptad.testing.strategies import Post
from heptad.times import SECOND

SEEDS = st.integers(0, 2**64 - 1)
NOBODY = {
    "user": "nobody",
    "item": "nothing",
    "tags": [],
    "brand": "none",
    "shelf": 99,
    "device": "none",
    "gift": None,
}


def run(plan: Plan, start: int, store: str, steps: list[Step]) -> tuple[list[Seen], Oracle]:
    with STORES[store](plan) as open_store:
        deployment = Deployment(plan, start, open_store)
        try:
            deployment.run(steps)
            return deployment.seen, Oracle(plan, deployment.records())
        finally:
            deployment.close()


def widest(plan: Plan) -> int:
    """Microseconds after which every window but those over all time is empty."""
    return max((ring.retention or 0) for group in plan.groups for ring in group.rings) + SECOND


def moving(plan: Plan) -> list[str]:
    """The columns that time alone empties."""
    out = []
    for column in plan.columns:
        match column.source:
            case WindowColumn(window=window) | RateColumn(numerator=WindowColumn(window=window)):
                out += [column.name] * (window.width is not None)
    return out


@pytest.mark.parametrize("store", STORES)
@given(SEEDS)
def test_values_move_with_time_and_windows_empty_without_an_event(store: str, seed: int) -> None:
    dice = Dice(seed)
    plan = dice.plan(size=3)
    streams = sorted({group.stream for group in plan.groups})
    posts = [dice.post(dice.setting.epoch, streams)]
    while len(posts) < 12:
        posts.append(dice.post(posts[-1].arrival, streams))
    request = dice.request()
    steps: list[Step] = [Append(tuple(posts)), Apply(None, 1000)]
    for _ in range(4):
        steps += [Read((request,)), Wait(dice.random.choice((1, SECOND, 3 * SECOND, 7 * SECOND))), Tick()]
    steps += [
        Wait(widest(plan) + 5 * SECOND),
        Tick(),
        Read((request, {**request, **NOBODY})),
    ]  # 5 s: what is pending
    seen, oracle = run(plan, dice.setting.epoch, store, steps)
    for read in seen:
        assert differences(oracle.read(read.request, read.t, read.o), read.values) == []
    assert [read.t for read in seen] == sorted(read.t for read in seen)
    *_, last, nobody = seen
    empty = moving(plan)
    assert differences({c: nobody.values[c] for c in empty}, {c: last.values[c] for c in empty}) == []


@pytest.mark.parametrize("store", STORES)
@given(SEEDS)
def test_a_state_that_is_up_to_date_is_read_as_of_now(store: str, seed: int) -> None:
    """No pending event holds a read back once the clock has passed it."""
    dice = Dice(seed)
    plan = dice.plan()
    posts = [dice.post(dice.setting.epoch, [g.stream for g in plan.groups]) for _ in range(5)]
    posts.sort(key=lambda post: post.arrival)
    wait = dice.random.choice((1, SECOND, 6 * SECOND))
    steps = [Append(tuple(posts)), Apply(None, 2), Wait(wait), Tick(), Read((dice.request(),))]
    (seen,), oracle = run(plan, dice.setting.epoch, store, steps)
    assert (seen.t, seen.o) == (posts[-1].arrival + wait, len(posts))
    assert differences(oracle.read(seen.request, seen.t, seen.o), seen.values) == []


def uncontradicted(posts: list[Post]) -> list[Post]:
    """Without the posts that repeat an id with other values."""
    first: dict[Any, dict[str, Any]] = {}
    return [
        post for post in posts if first.setdefault(post.row.get("buy_id", id(post)), post.row) == post.row
    ]


@given(SEEDS)
def test_order_and_batching_do_not_matter_inside_lateness(seed: int) -> None:
    dice = Dice(seed)
    pick = dice.random.choice
    plan = dice.plan(pick((None, ["last", "last_n"])), size=3)
    streams = sorted({group.stream for group in plan.groups})
    drawn = [dice.post(dice.setting.epoch, streams) for _ in range(25)]
    facts = [
        post for post in drawn if post.stream == "Item"
    ]  # what an event looks up does depend on the order
    start, end = dice.setting.epoch, dice.setting.epoch + 8 * SECOND
    ties = [pick((start, start + SECOND, start + 2 * SECOND, end)) for _ in drawn]
    events = uncontradicted(
        [p._replace(row={**p.row, "ts": t}) for p, t in zip(drawn, ties, strict=True) if p.stream != "Item"]
    )
    request = tuple(dice.request() for _ in range(3))

    def told(store: str) -> list[Seen]:
        shuffled = dice.random.sample(events, len(events))
        steps: list[Step] = [Wait(end - start)]
        for post in facts + shuffled:
            steps.append(Append((post._replace(arrival=end),)))
            if dice.random.random() < 0.3:
                steps.append(Apply(dice.random.choice((None, 1, 3)), dice.random.choice((1, 2, 100))))
        seen, oracle = run(
            plan, start, store, [*steps, Apply(None, 100), Wait(60 * SECOND), Tick(), Read(request)]
        )
        assert set(oracle.verdicts) <= {"accepted", "duplicate"}
        return seen

    for one, other in zip(told("memory"), told("embedded"), strict=True):
        assert (one.t, one.o) == (other.t, other.o)
        assert differences(one.values, other.values) == []
