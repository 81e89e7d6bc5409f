"""What a notebook gets: N rows in, N out, each equal to the oracle; and the same numbers live."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from heptad.errors import DataError, ReadError
from heptad.monitoring.audit import same_bits
from heptad.oracle.oracle import Oracle
from heptad.run.replay import on_time
from heptad.state.open import open_store
from heptad.streams.appender import Appender
from heptad.streams.applier import Applier
from heptad.streams.clock import ReplayClock
from heptad.streams.log import Log
from heptad.streams.payload import Codec
from heptad.streams.replay import Replay
from heptad.testing import world as made
from heptad.times import DAY, format_instant

VOTES = made.votes().slice(0, 700)
EVENTS = {"Movie": made.movies(), "Vote": VOTES}
END = int(VOTES.column("ts")[-1].as_py())


@pytest.fixture(scope="module")
def system():
    return made.world()


@pytest.fixture(scope="module")
def deployed(system, tmp_path_factory):
    """(store URL, oracle of its log, end of the log): the events, posted and applied."""
    home = tmp_path_factory.mktemp("notebook")
    plan, url = system.plan, f"embedded:{home / 'state'}"
    rows = on_time(made.history(plan, **EVENTS))
    clock = ReplayClock(rows[0].at)
    with Log.open(home / "log") as log:
        store = open_store(url, plan.state_hash)
        appender = Appender(plan, log, clock)
        Replay(appender, Applier(plan, log, store, appender), rows, clock).finish()
        store.close()
        records = Codec(plan).logged(log.read_columns(0, log.end))
        return url, Oracle(plan, records), log.end


def labels():
    """Users and films at moments of the history: some of them unknown, one of them null."""
    draw = np.random.default_rng(8)
    n = 60
    films = draw.integers(1, 70, n).tolist()
    films[5] = None
    return {
        "row": list(range(n)),
        "user": draw.integers(1, 620, n).tolist(),
        "movie": films,
        "ts": (END - draw.integers(0, 20 * DAY, n)).tolist(),
        "screen": [["tv", None, "phone"][place % 3] for place in range(n)],
    }


def plainly(value):
    if isinstance(value, list):
        return tuple(value)
    return math.nan if value is None else value


def assert_oracle(system, table, oracle, end):
    held = table.to_pydict()
    columns = [column.name for column in system.plan.columns]
    for row in range(table.num_rows):
        request = {name: held[name][row] for name in ("user", "movie", "screen")}
        expected = oracle.read(request, held["ts"][row], end)
        for name in columns:
            found = held[name][row]
            assert same_bits(plainly(found), plainly(expected[name])), (row, name, found, expected[name])


AS = {
    "dict": lambda columns: columns,
    "arrow": lambda columns: pa.table(columns),
    "pandas": lambda columns: pd.DataFrame(columns),
    "polars": lambda columns: pl.DataFrame(columns),
}


@pytest.mark.parametrize("form", AS)
def test_a_training_set_is_the_oracles_whatever_the_frame(system, deployed, form):
    _, oracle, end = deployed
    events = {name: AS[form](table.to_pydict()) for name, table in EVENTS.items()}
    table = system.training_set(AS[form](labels()), events=events)
    assert table.column("row").to_pylist() == list(range(60))
    assert table.column_names[:5] == list(labels())
    assert set(table.column_names) == set(labels()) | {column.name for column in system.plan.columns}
    assert_oracle(system, table, oracle, end)


def test_events_from_files_and_times_as_text(system, tmp_path, deployed):
    _, oracle, end = deployed
    parquet.write_table(VOTES, tmp_path / "votes.parquet")
    held = labels()
    texts = held | {"ts": [format_instant(t) for t in held["ts"]]}
    table = system.training_set(texts, events={"Movie": made.movies(), "Vote": tmp_path / "votes.parquet"})
    back = table.set_column(table.column_names.index("ts"), "ts", pa.array(held["ts"]))
    assert_oracle(system, back, oracle, end)


def test_rows_stay_in_their_order_and_none_is_lost(system):
    held = labels()
    order = np.random.default_rng(1).permutation(60)
    shuffled = {name: [values[place] for place in order] for name, values in held.items()}
    ordered, mixed = (system.training_set(rows, events=EVENTS) for rows in (held, shuffled))
    assert mixed.equals(ordered.take(order))


def test_a_frame_with_an_index_of_its_own_gives_no_column_for_it(system):
    frame = pd.DataFrame(labels())
    some = frame[frame["row"] % 2 == 0]
    table = system.training_set(some, events=EVENTS)
    assert table.column("row").to_pylist() == list(range(0, 60, 2))
    assert not [name for name in table.column_names if name.startswith("__")]


def test_a_column_that_only_a_request_brings_may_be_missing(system):
    held = labels()
    del held["screen"]
    assert system.training_set(held, events=EVENTS).column("screen").null_count == 60


def test_what_is_missing_or_ambiguous_is_said(system):
    held = labels()
    with pytest.raises(DataError, match="a time column 'when'"):
        system.training_set(held, events=EVENTS, at="when")
    with pytest.raises(DataError, match="no Movie"):
        system.training_set(held, events={"Vote": VOTES})
    with pytest.raises(ReadError, match="a value of 'user'"):
        system.training_set({name: held[name] for name in ("movie", "ts")}, events=EVENTS)
    with pytest.raises(DataError, match=r"labels\.ts.*with a zone"):
        system.training_set(held | {"ts": ["2026-01-05T00:00:00"] * 60}, events=EVENTS)
    with pytest.raises(DataError, match="label column 'movie_mean'"):
        system.training_set(held | {"movie_mean": [1.0] * 60}, events=EVENTS)


@pytest.mark.parametrize("later", [1, DAY, 9 * DAY])
def test_live_features_are_those_of_a_training_set_at_that_time(system, deployed, later):
    url, oracle, end = deployed
    films, at = [1, 2, 30, 61, 999], END + later
    live = system.features(at=at, store=url, user=17, movie=films, screen="tv")
    rows = {"user": [17] * 5, "movie": films, "screen": ["tv"] * 5, "ts": [at] * 5}
    table = system.training_set(rows, events=EVENTS).to_pydict()
    for name, values in live.items():
        assert all(
            same_bits(plainly(a), plainly(b)) for a, b in zip(values.tolist(), table[name], strict=True)
        ), name
    expected = oracle.read({"user": 17, "movie": 1, "screen": "tv"}, at, end)
    assert {name: plainly(values.tolist()[0]) for name, values in live.items()}.keys() == expected.keys()


def test_live_features_without_a_time_are_as_of_the_newest_event(system, deployed):
    url, oracle, end = deployed
    live = system.features(store=url, user=17, movie=3, screen=None)
    expected = oracle.read({"user": 17, "movie": 3, "screen": None}, END + 1, end)
    for name, values in live.items():
        assert same_bits(plainly(values.tolist()[0]), plainly(expected[name])), name
    as_text = system.features(store=url, at=format_instant(END + DAY), user=17, movie=3)
    assert as_text["hour"][0] == oracle.read({"user": 17}, END + DAY, end)["hour"]


def test_live_reads_that_cannot_be_answered_are_refused(system, deployed):
    url, _, _ = deployed
    with pytest.raises(ReadError):
        system.features(store=url, at=END - DAY, user=17, movie=3)
    with pytest.raises(DataError, match="lists of one length"):
        system.features(store=url, user=[1, 2], movie=[1, 2, 3])
    with pytest.raises(DataError, match="film: expected one of"):
        system.features(store=url, user=17, film=3)
