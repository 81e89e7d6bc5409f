"""Admission as it runs in production decides as the oracle does, restarts included."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.errors import StateError
from heptad.oracle.admission import time_of, verdicts
from heptad.plan.batch import Logged
from heptad.state.admission import VERDICTS, Admission, Verdict, admit, docket_of
from heptad.state.ids import unpacked
from heptad.state.store import Meta, Saved
from heptad.testing.examples import Sale, sale
from heptad.testing.examples import log as sales
from heptad.testing.examples_table import EXAMPLES
from heptad.testing.strategies import worlds
from heptad.times import HOUR, MINUTE

PLAN = next(iter(EXAMPLES)).plan


@given(worlds(max_log=40))
def test_a_log_is_judged_as_the_oracle_judges_it(world):
    assert admit(world.plan, world.log) == verdicts(world.plan, world.log)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.says)
def test_the_worked_examples_are_judged_as_the_oracle_judges_them(example):
    assert admit(example.plan, example.log) == verdicts(example.plan, example.log)


@given(worlds(max_log=40), st.data())
def test_restarts_ticks_and_batches_change_no_verdict_and_lose_nothing(world, data):
    """Judge in batches, save what changed, and go on with a judge made from what is saved."""
    plan, log = world.plan, world.log
    ids, pending, frontier = {}, {}, None
    admission, found, applied, done = Admission(plan), [], [], 0
    while done < len(log):
        some = log[done : done + data.draw(st.integers(0, 5))]
        verdicts_, entered, due = judged(admission, plan, some)
        found += verdicts_
        done += len(some)
        if data.draw(st.booleans()) and done < len(log):
            tick = data.draw(st.integers(log[max(done - 1, 0)].arrival, log[done].arrival))
            due += admission.advance(max(tick, admission.clock or tick))
        assert [payload for _, payload in due] == [str(offset).encode() for offset, _ in due]
        applied += [log[offset] for offset in [*entered, *(offset for offset, _ in due)]]
        waiting = {record.offset for record in log[:done]} - {record.offset for record in applied}
        assert [o for o in sorted(waiting) if admission.is_pending(o)] == [
            o for o in sorted(waiting) if found[o] == "accepted"
        ]
        changes = admission.changes()
        for name in changes.ids_dropped:
            del ids[name]
        ids |= changes.ids_added
        for offset in changes.pending_dropped:
            del pending[offset]
        pending |= changes.pending_added
        times = [time_of(record, plan.stream(record.stream)) for record in applied]
        assert changes.frontier == max(times, default=None)
        assert changes.pending_from == min((time for time, _ in pending.values()), default=None)
        frontier = changes.frontier
        for (name, _), block in ids.items():  # a block that holds nothing within lateness is gone
            assert frontier is None or unpacked(block)[:, 2].max() >= frontier - plan.stream(name).lateness
        if data.draw(st.booleans()):
            admission = Admission(plan, Saved(Meta("", frontier), ids, pending, []))
    assert found == verdicts(plan, log)
    accepted = [record for record, verdict in zip(log, found, strict=True) if verdict == "accepted"]
    assert sorted(applied + [log[offset] for offset in pending]) == accepted


def judged(admission, plan, records):
    """(verdicts, offsets that entered, due) of records that follow each other."""
    first = records[0].offset if records else 0
    ruling = admission.judge(docket_of(plan, records), first, lambda asked: [str(o).encode() for o in asked])
    return [VERDICTS[code] for code in ruling.verdicts], ruling.entered.tolist(), ruling.due


def test_pending_events_come_back_by_time_when_the_clock_reaches_them():
    log = sales(
        sale(1, "10:00"), sale(2, "10:10", arrival="10:00"), sale(3, "10:05", arrival="10:00"),
        sale(4, "10:05", arrival="10:00"),
    )  # fmt: skip
    admission = Admission(PLAN)
    assert judged(admission, PLAN, log) == ([Verdict.ACCEPTED] * 4, [0], [])
    start = log[0].arrival
    assert (admission.frontier, admission.pending_from) == (start, start + 5 * MINUTE)
    assert admission.advance(start + 5 * MINUTE - 1) == []
    assert admission.advance(start + 5 * MINUTE) == [(2, b"2"), (3, b"3")]
    assert (admission.frontier, admission.pending_from) == (start + 5 * MINUTE, start + 10 * MINUTE)
    changes = admission.changes()
    assert (list(changes.pending_added), changes.pending_dropped) == ([1], [])
    assert admission.advance(start + HOUR) == [(1, b"1")]
    assert admission.changes()[1:] == (None, {}, [], {}, [1])


def test_an_int_and_a_text_are_two_ids():
    log = sales(sale(1, "10:00"), sale("1", "10:00"), sale(1, "10:00"), sale("1", "10:00", amount=2.0))
    assert admit(PLAN, log) == ["accepted", "accepted", "duplicate", "conflict"]


@pytest.mark.parametrize("batch", [1, 2, 10])
def test_an_id_is_remembered_to_the_last_microsecond_of_lateness_and_then_forgotten(batch):
    assert Sale.lateness == HOUR
    posts = [
        (5 * HOUR, "a", "accepted"), (6 * HOUR, "b", "accepted"), (5 * HOUR, "a", "duplicate"),
        (6 * HOUR + 1, "c", "accepted"), (5 * HOUR, "a", "late"),
        (6 * HOUR, "a", "accepted"),  # another event of a forgotten id
        (6 * HOUR, "a", "duplicate"),
    ]  # fmt: skip
    rows = [{"sale": i, "ts": t, "user": "u", "shop": "s", "amount": 1.0, "tags": None} for t, i, _ in posts]
    log = [Logged(offset, 10 * HOUR, "Sale", row) for offset, row in enumerate(rows)]
    admission, found, held = Admission(PLAN), [], {}
    for start in range(0, len(log), batch):
        found += judged(admission, PLAN, log[start : start + batch])[0]
        changes = admission.changes()
        held = {name: block for name, block in held.items() if name not in changes.ids_dropped}
        held |= changes.ids_added
    assert found == [verdict for _, _, verdict in posts]
    times = sorted(time for block in held.values() for time in unpacked(block)[:, 2].tolist())
    assert [time for time in times if time >= 5 * HOUR + 1] == [6 * HOUR, 6 * HOUR, 6 * HOUR + 1]


def test_the_clock_of_a_log_never_goes_back():
    admission = Admission(PLAN)
    admission.advance(10)
    with pytest.raises(StateError, match="at least 10"):
        admission.advance(9)
    assert judged(admission, PLAN, []) == ([], [], [])
    early = [Logged(0, 9, "Shop", {"shop": "s", "tags": [], "area": 1, "since": 0})]
    with pytest.raises(StateError, match="at least 10"):
        judged(admission, PLAN, early)


def test_many_ids_and_many_pending_events_find_room():
    draw = random.Random(4)
    log = []
    for offset in range(5_000):
        ahead = draw.choice((0, 0, draw.randrange(HOUR), -draw.randrange(2 * HOUR)))
        arrival = 10 * HOUR + offset * HOUR // 1000
        row = {"sale": draw.randrange(3_000), "ts": arrival + ahead, "user": "u", "shop": "s", "amount": 1.0}
        again = log and draw.random() < 0.2
        log.append(Logged(offset, arrival, "Sale", log[-1].row if again else row | {"tags": None}))
    admission, found = Admission(PLAN), []
    for start in range(0, len(log), 700):
        found += judged(admission, PLAN, log[start : start + 700])[0]
    slow = verdicts(PLAN, log)
    assert found == slow
    assert set(slow) == {"accepted", "late", "duplicate", "conflict"}


def test_a_table_row_has_no_id_and_may_be_of_any_age():
    rows = [
        Logged(i, 10 * HOUR, "Shop", {"shop": "s", "tags": [], "area": 1, "since": t})
        for i, t in enumerate((9, 0, 0))
    ]
    assert admit(PLAN, rows) == ["accepted"] * 3
