"""Replay: time moves only when told, and a read asked at t meets what was posted before t."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import heptad as hp
from heptad.errors import DataError
from heptad.online.reader import Reader
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import column_of
from heptad.plan.compile import compile_features
from heptad.state.stores.memory import MemoryStore
from heptad.streams.clock import ReplayClock
from heptad.streams.ingest import Ingest
from heptad.streams.log import Log
from heptad.streams.payload import Codec
from heptad.streams.replay import Dated, Replay, history
from heptad.testing.compare import differences
from heptad.testing.dice import Dice
from heptad.testing.faults import FaultyFiles
from heptad.times import SECOND


class Film(hp.Table):
    film: hp.Id
    genre: str


class Rating(hp.Event, max_future="10s"):
    rating: hp.Key
    ts: hp.Time
    user: hp.Id
    film: hp.Id
    genre: str = hp.lookup(Film.genre)


PLAN = compile_features(
    hp.Data(
        static={"genre": Film.genre},
        dynamic={"n": Rating.per("user").count("1h"), "of_genre": Rating.per("genre").count()},
    ),
    hp.label(Rating),
)
FILMS = [{"film": "f", "genre": "noir"}]


def rating(id_: int, ts: int) -> dict[str, Any]:
    return {"rating": id_, "ts": ts, "user": "ann", "film": "f", "genre": None}


class Here:
    def __init__(self, rows: list[Dated], start: int = 0, batch: int = 3) -> None:
        self.log = Log.open("/log", files=FaultyFiles())
        self.clock, store = ReplayClock(start), MemoryStore(PLAN.state_hash)
        appender, applier = Ingest.open(PLAN, self.log, store, self.clock)
        self.replay = Replay(appender, applier, rows, self.clock, batch=batch)
        self.reader = Reader(PLAN, store, self.clock)

    def read(self) -> tuple[int, int, float, float]:
        """t, o and the two counts."""
        asked = {"rating": 0, "user": "ann", "film": "f", "genre": None}
        columns = {f.name: column_of([asked[f.name]], f.kind) for f in PLAN.request}
        answer = self.reader.read(columns, 1)
        return answer.t, answer.offsets[0], answer.values["n"][0], answer.values["of_genre"][0]


def test_a_read_at_a_moment_sees_what_was_before_it_and_not_what_was_at_it() -> None:
    times = [10, 20, 20, 30]
    here = Here(history(PLAN, {"Rating": [rating(i, t) for i, t in enumerate(times)], "Film": FILMS}))
    assert here.replay.next_at is not None
    found = [here.read() for _ in here.replay.stops([10, 20, 21, 30, 31])]
    assert found == [
        (10, 1, 0.0, 0.0),
        (20, 2, 1.0, 1.0),
        (21, 4, 3.0, 3.0),
        (30, 4, 3.0, 3.0),
        (31, 5, 4.0, 4.0),
    ]
    assert here.replay.next_at is None
    records = here.log.read_columns(0)
    assert records.arrivals.tolist() == [0, 10, 20, 20, 30]
    assert Codec(PLAN).logged(records)[1].row["genre"] == "noir"


def test_an_early_event_waits_for_its_time_and_a_late_one_is_posted_late() -> None:
    rows = [
        Dated(10, "Rating", rating(1, 25)),
        Dated(15, "Rating", rating(2, 15)),
        Dated(40, "Rating", rating(3, 12)),
    ]
    here = Here(rows)
    found = [here.read()[::2] for _ in here.replay.stops([16, 25, 26, 40, 41])]
    assert found == [(16, 1.0), (25, 1.0), (26, 2.0), (40, 2.0), (41, 3.0)]


def test_finish_posts_everything_and_reports_it() -> None:
    rows = [rating(i, 10 * i) for i in range(8)]
    here = Here(history(PLAN, {"Rating": [*rows, rows[7]], "Film": FILMS}))
    applied = here.replay.finish()
    assert ({verdict.value: n for verdict, n in applied.counts.items()}, applied.events) == (
        {"accepted": 9, "duplicate": 1},
        9,
    )
    assert here.clock.now() == 71
    assert here.read()[2] == 8.0
    assert here.replay.finish().records == 0


def test_a_replay_goes_on_in_a_deployment_whose_time_is_ahead() -> None:
    here = Here(history(PLAN, {"Rating": [rating(1, 10), rating(2, 200)]}), start=100)
    here.replay.advance_to(150)
    assert here.read() == (150, 1, 1.0, 0.0)
    here.replay.finish()
    assert here.log.read_columns(0).arrivals.tolist() == [100, 200]


def test_rows_out_of_order_are_refused() -> None:
    here = Here([Dated(20, "Rating", rating(1, 20)), Dated(10, "Rating", rating(2, 10))])
    with pytest.raises(
        DataError, match="rows in the order they were posted, got one posted at 10 after one at 20"
    ):
        here.replay.advance_to(30)


@given(st.integers(0, 2**64 - 1), st.integers(1, 7))
def test_every_stop_of_a_replay_is_what_the_oracle_says_of_the_log_so_far(seed: int, batch: int) -> None:
    dice = Dice(seed)
    plan = dice.plan()
    streams = sorted({group.stream for group in plan.groups})
    rows, clock = [], dice.setting.epoch
    for _ in range(dice.random.randint(1, 30)):
        post = dice.post(clock, streams)
        clock = post.arrival
        rows.append(Dated(post.arrival, post.stream, post.row))
    stops = sorted(dice.random.choice(rows).at + dice.random.choice((0, 0, 1, SECOND)) for _ in range(4))
    with Log.open("/log", files=FaultyFiles()) as log:
        clock_, store = ReplayClock(dice.setting.epoch), MemoryStore(plan.state_hash)
        appender, applier = Ingest.open(plan, log, store, clock_)
        reader = Reader(plan, store, clock_)
        for t in Replay(appender, applier, rows, clock_, batch=batch).stops(stops):
            request = dice.request()
            answer = reader.read({f.name: column_of([request[f.name]], f.kind) for f in plan.request}, 1)
            posted = [row for row in rows if row.at < t]
            assert (answer.t, answer.offsets[0], log.end) == (t, len(posted), len(posted))
            oracle = Oracle(plan, Codec(plan).logged(log.read_columns(0)))
            got = {name: values.tolist()[0] for name, values in answer.values.items()}
            assert differences(oracle.read(request, t, len(posted)), got) == []
