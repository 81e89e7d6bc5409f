"""The open loop in virtual time, held to queueing theory; and its shares of a core, windows and doubts."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from virtual_queue import ANSWER, Queue, measured

from heptad.run.load.measured import Measured, Window
from heptad.run.load.open_loop import Load, due_times

LOAD = Load([b"{}"], rate=100.0, seconds=20.0, warm_up=0.0)


def test_latencies_are_those_of_the_queue_from_the_due_time_on():
    service = 0.007
    found = measured(Queue(service), LOAD)
    due, free, expected = due_times(LOAD), 0.0, []
    for moment in due:  # Lindley's recursion
        free = max(free, moment) + service
        expected.append(1e3 * (free - moment))
    assert found.requests == len(due) == 2_000
    for share in (50, 90, 99, 100):
        exact = np.percentile(expected, share, method="inverted_cdf")
        assert found.percentile(share) == pytest.approx(exact, rel=2e-3, abs=2e-3)


def test_waiting_in_a_queue_of_constant_service_is_what_pollaczek_and_khinchine_say():
    service, rate = 0.006, 100.0
    load = replace(LOAD, seconds=600.0, warm_up=10.0, window=600.0)
    found = measured(Queue(service), load)
    busy = rate * service
    mean = service + busy * service / (2 * (1 - busy))
    levels = [found.percentile(share) for share in np.linspace(0.05, 99.95, 1_000)]
    assert np.mean(levels) == pytest.approx(1e3 * mean, rel=0.08)


def test_a_stall_is_felt_by_all_that_were_due_in_it():
    load = Load([b"{}"], rate=500.0, seconds=10.0, warm_up=0.0)
    found = measured(Queue(0.0, stall=(5.0, 5.2)), load)
    # a fiftieth of the requests fall into the stall, and wait for its end: evenly between 0 and 200 ms
    assert found.percentile(97) == pytest.approx(0.0, abs=0.01)
    assert found.percentile(99) == pytest.approx(100.0, rel=0.25)
    assert found.percentile(99.5) == pytest.approx(150.0, rel=0.2)
    assert found.percentile(100) == pytest.approx(200.0, rel=0.1)


def test_a_closed_loop_would_have_hidden_that_stall():
    seen = [0.0] * 4_999 + [200.0]  # one client that waits sees one slow answer
    assert np.percentile(seen, 99.9) == 0.0


def test_the_rate_is_the_one_asked_for_and_more_than_the_server_can_is_seen():
    quick, slow = measured(Queue(0.001), LOAD), measured(Queue(0.02), LOAD)
    assert quick.offered == slow.offered == LOAD.rate
    assert quick.achieved == pytest.approx(LOAD.rate, rel=0.01)
    assert slow.achieved == pytest.approx(50.0, rel=0.02)
    assert slow.percentile(100) > 15_000.0


def test_the_warm_up_counts_for_nothing():
    slow_at_first = Queue(0.0, stall=(0.0, 1.9))
    found = measured(slow_at_first, replace(LOAD, warm_up=2.0))
    assert found.requests == pytest.approx(LOAD.rate * LOAD.seconds, rel=0.1)
    assert found.percentile(100) < 1.0


def test_every_request_is_counted_in_its_window_by_what_became_of_it():
    def answers(n):
        kinds = [(200, ANSWER), (503, b"{}"), (200, b"not json"), (200, b'{"flags":{"fallback":"too slow"}}')]
        return kinds[n % 4]

    found = measured(Queue(0.0, answers=answers), replace(LOAD, window=5.0))
    assert found.whole.failed == {"status 503": 500, "broken answer": 500}
    assert found.whole.flagged == {"fallback: too slow": 500}
    assert (found.failed, found.flagged, len(found.whole.latency)) == (1_000, 500, 1_000)
    assert len(found.windows) == 4
    assert sum(window.requests for window in found.windows) == found.requests == 2_000


def test_bodies_are_sent_in_turn_and_times_are_drawn_by_the_seed():
    load = replace(LOAD, bodies=[b"a", b"b", b"c"], seconds=1.0)
    sent = []
    queue = Queue()
    send = queue.send
    queue.send = lambda payload, ended: (sent.append(payload), send(payload, ended))
    measured(queue, load)
    assert sent[:4] == [b"a", b"b", b"c", b"a"]
    assert due_times(load) == due_times(load) != due_times(replace(load, seed=1))
    gaps = np.diff(due_times(replace(load, seconds=100.0)))
    assert np.std(gaps) == pytest.approx(np.mean(gaps), rel=0.05)  # exponential, as Poisson times have it


def test_a_generator_that_cannot_be_believed_says_so():
    fine = measured(Queue(0.004), LOAD)
    assert fine.doubts() == []

    def doubts(**changed):
        parts = {name: getattr(fine, name) for name in Measured.__dataclass_fields__}
        return Measured(**parts | changed).doubts()

    late = Window().latency
    late.record(0.05)
    assert "of a core" in doubts(cpu=0.9)[0]
    assert "50.0 ms late" in doubts(late=late)[0].replace("50.01", "50.0").replace("50.02", "50.0")
    assert "--connections" in doubts(waited=100)[0]


def test_the_summary_is_json_and_its_histogram_is_read_by_its_own_tools():
    from hdrh.histogram import HdrHistogram

    found = measured(Queue(0.004), replace(LOAD, window=5.0))
    told = json.loads(json.dumps(found.summary()))
    assert [window["requests"] for window in told["windows"]] == [w.requests for w in found.windows]
    again = HdrHistogram.decode(told["histogram_us"])
    assert again.get_total_count() == found.requests
    assert again.get_value_at_percentile(99) / 1e3 == told["latency_ms"]["p99"]
