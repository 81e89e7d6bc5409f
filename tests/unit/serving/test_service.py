"""A service: what is posted is known to the next read, all or nothing; and it goes on where it ended."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from heptad.errors import DataError, StateError
from heptad.serving.prediction_log import PredictionLog
from heptad.serving.service import Refused
from heptad.serving.turns import Turn
from heptad.streams.clock import WallClock
from heptad.testing.compare import differences
from heptad.testing.tiny_service import START, past, sale
from heptad.times import HOUR, MINUTE

NOON = START + 12 * HOUR  #: after the past


def features(service, name, user=3, product="p00"):
    return service.features({"user": user, "product": product}).values[name][0]


def test_a_posted_event_is_in_the_next_read_and_the_next_answer(service_of):
    service = service_of()
    before = features(service, "user_sales_all")
    best = service.rank(service.ask(3, None, None)).items[0]
    posted = service.post("Sale", [sale(9_001, NOON, 3, best, 5.0)]).result()
    assert posted.verdicts == ["accepted"]
    assert features(service, "user_sales_all") == before + 1
    answer = service.rank(service.ask(3, None, None))
    assert best not in answer.items
    assert answer.offsets == {0: posted.offsets.stop}
    assert answer.t == NOON + 1  # the replay clock went along


def test_of_requests_answered_together_none_is_answered_twice_or_too_late(service_of):
    service = service_of()
    asked = [service.ask(user, None, None) for user in (3, 4, 5, 999)]
    turns = [Turn(), Turn(time.monotonic()), Turn(), Turn()]
    assert turns[0].take()
    answers = service.rank_all(list(zip(asked, turns, strict=True)))
    assert answers[:2] == [None, None]
    assert [answer.request_id for answer in answers[2:]] == [one.request_id for one in asked[2:]]
    assert [answer.flags for answer in answers[2:]] == [{}, {"fallback": "unknown user"}]
    assert turns[1].run is None  # it was not begun
    service.drain()
    assert service.health().decisions_logged == 2


def test_verdicts_are_those_of_the_log(service_of):
    service = service_of()
    rows = [
        sale(9_001, NOON, 3, "p00", 5.0),
        sale(9_001, NOON, 3, "p00", 5.0),
        sale(9_001, NOON, 3, "p00", 6.0),
        sale(9_002, NOON - 2 * HOUR, 3, "p00", 5.0),
        sale(9_003, NOON - MINUTE, 3, "p00", 5.0),
    ]
    posted = service.post("Sale", rows).result()
    assert posted.verdicts == ["accepted", "duplicate", "conflict", "late", "accepted"]
    assert len(posted.offsets) == 5


def test_a_wall_clock_lets_the_future_wait(service_of):
    clock = WallClock()
    service = service_of(with_past=False, clock=clock)
    now = clock.now()
    rows = [
        sale(1, now, 3, "p00", 5.0),
        sale(2, now + HOUR, 3, "p01", 5.0),
        sale(3, now + 48 * HOUR, 3, "p02", 5.0),
    ]
    assert service.post("Sale", rows).result().verdicts == ["accepted", "pending", "future"]
    assert features(service, "had") == ("p00",)
    assert service.health().pending_from is not None


def test_one_bad_row_refuses_the_whole_post_and_each_is_named(service_of):
    service = service_of()
    offsets = service.health().offsets
    bad = {"sale": 9_002, "ts": "yesterday", "user": 3, "product": "p00", "amount": 5.0, "device": None}
    with pytest.raises(Refused) as caught:
        service.post("Sale", [sale(9_001, NOON, 3, "p00", 5.0), bad, {"sale": 9_003}])
    assert list(caught.value.rows) == [1, 2]
    assert "Sale.ts" in str(caught.value.rows[1])
    assert service.health().offsets == offsets
    assert service.post("Sale", [sale(9_001, NOON, 3, "p00", 5.0)]).result().verdicts == ["accepted"]
    with pytest.raises(DataError, match="at least one"):
        service.post("Sale", [])


def test_posts_from_many_threads_are_all_counted_once(service_of):
    service = service_of()
    before = features(service, "product_sales_all")

    def post(thread):
        return [
            service.post("Sale", [sale(10_000 + 20 * thread + i, NOON, thread, "p00", 5.0)]).result()
            for i in range(20)
        ]

    with ThreadPoolExecutor(6) as pool:
        posted = [one for batch in pool.map(post, range(6)) for one in batch]
    assert {v for one in posted for v in one.verdicts} == {"accepted"}
    assert len({o for one in posted for o in one.offsets}) == 120
    assert features(service, "product_sales_all") == before + 120
    popular = service.rank(service.ask("nobody", None, None))
    assert popular.items[0] == "p00"
    assert popular.scores[0] == before + 120


@pytest.mark.parametrize("store", ["memory:", "embedded"])
def test_a_restart_goes_on_with_the_same_state(service_of, tmp_path, store):
    url = store if store == "memory:" else f"embedded:{tmp_path / 'state'}"
    first = service_of(store=url)
    first.post("Sale", [sale(9_001, NOON, 3, "p05", 5.0)]).result()
    before = first.features({"user": 3, "product": ["p00", "p05"]})
    answer = first.rank(first.ask(3, None, None))
    popular = first.rank(first.ask("nobody", None, None))
    first.drain()
    second = service_of(store=url, with_past=False)
    after = second.features({"user": 3, "product": ["p00", "p05"]})
    assert (after.t, dict(after.offsets)) == (before.t, dict(before.offsets))
    for row in range(2):
        values = [{name: column[row] for name, column in read.values.items()} for read in (before, after)]
        assert differences(*values) == []
    again = second.rank(second.ask(3, None, None))
    assert (again.items, again.scores, again.t) == (answer.items, answer.scores, answer.t)
    assert second.rank(second.ask("nobody", None, None)).scores == popular.scores
    assert second.post("Sale", [sale(9_001, NOON, 3, "p05", 5.0)]).result().verdicts == ["duplicate"]


def test_after_the_drain_nothing_is_accepted_and_every_decision_is_on_disk(service_of, tmp_path):
    service = service_of()
    asked = [service.rank(service.ask(user, None, None)).request_id for user in (1, 2, "nobody")]
    pending = [service.post("Sale", [sale(9_000 + i, NOON, 1, "p00", 5.0)]) for i in range(20)]
    service.drain()
    assert all(one.done() and one.result().verdicts == ["accepted"] for one in pending)
    with pytest.raises(StateError, match="ending"):
        service.post("Sale", [sale(9_100, NOON, 1, "p00", 5.0)])
    service.drain()
    kept = PredictionLog.open(tmp_path / "service" / "predictions", readonly=True)
    assert [d.request_id for d in kept.read()] == asked


def test_health_says_what_is_served_and_how_far_the_state_is(service_of):
    service = service_of()
    health = service.health()
    assert (health.status, health.clock, health.model_version, health.lag) == ("ok", "replay", "tiny", 0)
    assert health.offsets == {0: len(past())}
    assert health.frontier_us == max(row.at for row in past())
    service.drain()
    assert service.health().status == "draining"


def test_without_a_model_it_is_degraded_until_one_is_served(service_of, scorer):
    service = service_of(scorer=None)
    assert service.health().status == "degraded"
    assert service.rank(service.ask(3, None, None)).flags == {"fallback": "model unavailable"}
    service.serve(scorer)
    assert service.health().status == "ok"
    assert service.rank(service.ask(3, None, None)).flags == {}


def test_dead_letters_have_the_reason(service_of, tmp_path):
    service = service_of()
    service.post("Sale", [sale(9_001, NOON, 3, "p00", 5.0), sale(9_001, NOON, 3, "p00", 6.0)]).result()
    service.drain()
    assert "conflict" in (tmp_path / "service" / "dead_letters.jsonl").read_text()
