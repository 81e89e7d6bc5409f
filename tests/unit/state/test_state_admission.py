"""Admission as it runs in production decides as the oracle does, restarts included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.errors import StateError
from heptad.oracle.admission import time_of, verdicts
from heptad.plan.batch import Logged
from heptad.state.admission import Admission, Verdict, admit, facts
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
def test_restarts_and_ticks_change_no_verdict_and_lose_nothing(world, data):
    """Judge in batches, save what changed, and go on with a judge made from what is saved."""
    plan, log = world.plan, world.log
    ids, pending, frontier = {}, {}, None
    admission, found, applied, done = Admission(plan), [], [], 0
    while done < len(log):
        for record in log[done : done + data.draw(st.integers(0, 5))]:
            applied += [log[offset] for offset, _ in admission.advance(record.arrival)]
            stream = plan.stream(record.stream)
            payload = str(record.offset).encode()
            found.append(admission.judge(stream, *facts(stream, record.row), record.offset, payload))
            if found[-1] == "accepted" and not admission.is_pending(record.offset):
                applied.append(record)
            done += 1
        if data.draw(st.booleans()) and done < len(log):
            tick = data.draw(st.integers(log[max(done - 1, 0)].arrival, log[done].arrival))
            due = admission.advance(max(tick, admission.clock or tick))
            assert [payload for _, payload in due] == [str(offset).encode() for offset, _ in due]
            applied += [log[offset] for offset, _ in due]
        changes = admission.changes()
        for id_ in changes.ids_dropped:
            ids.pop(id_, None)
        ids |= changes.ids_added
        for offset in changes.pending_dropped:
            del pending[offset]
        pending |= changes.pending_added
        times = [time_of(record, plan.stream(record.stream)) for record in applied]
        assert changes.frontier == max(times, default=None)
        assert changes.pending_from == min((time for time, _ in pending.values()), default=None)
        frontier = changes.frontier
        for (name, _), (time, _) in ids.items():  # out of lateness is out of memory
            assert frontier is None or time >= frontier - plan.stream(name).lateness
        if data.draw(st.booleans()):
            admission = Admission(plan, Saved(Meta("", frontier), ids, pending, []))
    assert found == verdicts(plan, log)
    accepted = [record for record, verdict in zip(log, found, strict=True) if verdict == "accepted"]
    assert sorted(applied + [log[offset] for offset in pending]) == accepted


def test_pending_events_come_back_by_time_when_the_clock_reaches_them():
    log = sales(
        sale(1, "10:00"), sale(2, "10:10", arrival="10:00"), sale(3, "10:05", arrival="10:00"),
        sale(4, "10:05", arrival="10:00"),
    )  # fmt: skip
    admission, stream = Admission(PLAN), PLAN.stream("Sale")
    for record in log:
        assert admission.advance(record.arrival) == []
        verdict = admission.judge(stream, *facts(stream, record.row), record.offset, bytes([record.offset]))
        assert verdict is Verdict.ACCEPTED
    start = log[0].arrival
    assert (admission.frontier, admission.pending_from) == (start, start + 5 * MINUTE)
    assert admission.advance(start + 5 * MINUTE - 1) == []
    assert admission.advance(start + 5 * MINUTE) == [(2, b"\2"), (3, b"\3")]
    assert (admission.frontier, admission.pending_from) == (start + 5 * MINUTE, start + 10 * MINUTE)
    changes = admission.changes()
    assert (list(changes.pending_added), changes.pending_dropped) == ([1], [])
    assert admission.advance(start + HOUR) == [(1, b"\1")]
    assert admission.changes()[1:] == (None, {}, [], {}, [1])


def test_an_int_and_a_text_are_two_ids():
    log = sales(sale(1, "10:00"), sale("1", "10:00"), sale(1, "10:00"), sale("1", "10:00", amount=2.0))
    assert admit(PLAN, log) == ["accepted", "accepted", "duplicate", "conflict"]


def test_an_id_is_remembered_to_the_last_microsecond_of_lateness_and_then_forgotten():
    stream, admission = PLAN.stream("Sale"), Admission(PLAN)
    assert Sale.lateness == HOUR

    def post(offset, time, id_):
        admission.advance(10 * HOUR)
        row = {"sale": id_, "ts": time, "user": "u", "shop": "s", "amount": 1.0, "tags": None}
        return admission.judge(stream, *facts(stream, row), offset, b"")

    assert post(0, 5 * HOUR, "a") == "accepted"
    assert post(1, 6 * HOUR, "b") == "accepted"
    assert post(2, 5 * HOUR, "a") == "duplicate"
    assert post(3, 6 * HOUR + 1, "c") == "accepted"
    assert post(4, 5 * HOUR, "a") == "late"
    assert post(5, 6 * HOUR, "a") == "accepted"  # another event of a forgotten id
    changes = admission.changes()
    assert [key[1] for key in changes.ids_dropped] == []
    assert sorted(time for time, _ in changes.ids_added.values()) == [6 * HOUR, 6 * HOUR, 6 * HOUR + 1]


def test_the_clock_of_a_log_never_goes_back():
    admission = Admission(PLAN)
    admission.advance(10)
    with pytest.raises(StateError, match="at least 10"):
        admission.advance(9)


def test_a_record_is_not_judged_before_its_arrival_is_known():
    stream = PLAN.stream("Sale")
    row = sales(sale(1, "10:00"))[0].row
    with pytest.raises(StateError, match="advance"):
        Admission(PLAN).judge(stream, *facts(stream, row), 0, b"")


def test_a_table_row_has_no_id_and_may_be_of_any_age():
    stream = PLAN.stream("Shop")
    rows = [
        Logged(i, 10 * HOUR, "Shop", {"shop": "s", "tags": [], "area": 1, "since": t})
        for i, t in enumerate((9, 0, 0))
    ]
    assert admit(PLAN, rows) == ["accepted"] * 3
    assert facts(stream, rows[1].row) == (None, 0, 0)
