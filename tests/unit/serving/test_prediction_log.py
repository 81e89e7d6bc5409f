"""Decisions come back from disk with the bits they were made with."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from heptad.errors import StateError
from heptad.serving.decision import Decision, decode, encode
from heptad.serving.prediction_log import PredictionLog
from heptad.streams.log import Log
from heptad.testing.faults import FaultyFiles

floats = arrays.arrays(np.float64, (3,), elements=st.floats(width=64))
ids = st.one_of(st.integers(-(2**63) + 1, 2**63 - 1), st.text(max_size=5))


@st.composite
def decisions(draw):
    return Decision(
        request_id=draw(st.text(max_size=5)), t=draw(st.none() | st.integers(-(2**60), 2**60)),
        offsets={0: draw(st.integers(0, 2**60))}, user=draw(ids), context={"device": draw(st.none() | ids)},
        history=draw(st.lists(ids, max_size=4)), items=draw(st.lists(ids, min_size=3, max_size=3)),
        shown=[2, 0], scores=draw(floats), p=draw(floats), flags=draw(st.sampled_from([{}, {"fallback": "x"}])),
        model_version="v1", plan_hash="h", took_us={"model": 12}, sources={"ease": draw(floats)},
        columns=["a", "b"], numbers=draw(arrays.arrays(np.float64, (3, 2), elements=st.floats(width=64))),
        categories={"maker": draw(st.lists(st.none() | ids, min_size=3, max_size=3))},
        lists={"tags": [("x", "y"), (), None]},
        propensities=draw(st.just(np.empty(0)) | arrays.arrays(np.float64, (2,), elements=st.floats(0, 1))),
        n=draw(st.integers(0, 50)),
    )  # fmt: skip


def same(a: Decision, b: Decision) -> bool:
    """Equal in every field, floats to the last bit."""
    plain = ("request_id", "t", "offsets", "user", "context", "history", "items", "shown", "flags",
             "model_version", "plan_hash", "took_us", "columns", "categories", "lists", "n",
             "proposed", "digests")  # fmt: skip
    return (
        all(getattr(a, name) == getattr(b, name) for name in plain)
        and [a.scores.tobytes(), a.p.tobytes(), a.numbers.tobytes(), a.propensities.tobytes()]
        == [b.scores.tobytes(), b.p.tobytes(), b.numbers.tobytes(), b.propensities.tobytes()]
        and {n: v.tobytes() for n, v in a.sources.items()} == {n: v.tobytes() for n, v in b.sources.items()}
    )


@given(decisions())
def test_a_decision_comes_back_to_the_last_bit(decision):
    assert same(decode(encode(decision)), decision)


def simple(name="r"):
    return Decision(name, 5, {0: 1}, 1, {}, [], [7], [0], np.array([0.5]), np.array([0.5]), {}, "v", "h", {})


def test_a_decision_of_the_format_before_is_read_as_one_that_explored_nothing():
    parts = msgspec.msgpack.decode(encode(simple()))
    found = decode(msgspec.msgpack.encode([2, *parts[1:-4]]))
    assert same(found, simple())
    assert found.propensities.tolist() == []


def test_features_are_the_columns_as_they_were_read():
    decision = Decision(
        "r", 5, {0: 1}, 1, {}, [], [7, 8], [0], np.zeros(2), np.zeros(2), {}, "v", "h", {},
        columns=["price"], numbers=np.array([[1.5], [np.nan]]), lists={"tags": [("x",), ()]},
    )  # fmt: skip
    features = decode(encode(decision)).features
    assert features["price"].tobytes() == np.array([1.5, np.nan]).tobytes()
    assert features["tags"].tolist() == [("x",), ()]


def test_decisions_are_read_in_order_also_beside_the_writer(tmp_path):
    with PredictionLog.open(tmp_path) as log:
        done = [log.append(simple(f"r{i}"), i) for i in range(5)]
        assert [len(future.result()) for future in done] == [1] * 5
        beside = PredictionLog.open(tmp_path, readonly=True)
        assert [d.request_id for d in beside.read()] == [f"r{i}" for i in range(5)]
        assert [d.request_id for d in beside.read(3)] == ["r3", "r4"]
        log.append(simple("r5"), 9).result()
        assert [d.request_id for d in beside.read(5)] == ["r5"]
    assert log.logged == 6


def test_decisions_older_than_their_age_are_forgotten_file_by_file(tmp_path):
    with PredictionLog(Log.open(tmp_path, segment_bytes=1), age=10) as log:
        for i in range(30):
            log.append(simple(f"r{i}"), i).result()
    # A decision is told as kept before old ones are forgotten: only the close waits for both.
    names = [d.request_id for d in PredictionLog.open(tmp_path, readonly=True).read()]
    assert names == [f"r{i}" for i in range(19, 30)]  # those of the last 10, the moment before them included


class Stubborn(FaultyFiles):
    """A disk that removes no file while it is ``stubborn``."""

    stubborn = True

    def remove(self, path):
        if self.stubborn:
            raise OSError("not now")
        super().remove(path)


def test_a_disk_that_removes_nothing_is_told_and_loses_no_decision():
    files = Stubborn()
    log = PredictionLog(Log.open("/predictions", files=files, segment_bytes=1), age=2)
    for i in range(6):
        assert log.append(simple(f"r{i}"), i).result() == range(i, i + 1)
    assert str(log.failure) == "not now"
    files.stubborn = False
    log.append(simple("r6"), 6).result()
    log.close()
    assert log.failure is None
    kept = [d.request_id for d in PredictionLog.open("/predictions", readonly=True, files=files).read()]
    assert kept == ["r4", "r5", "r6"]


def test_what_was_queued_is_on_disk_after_the_close(tmp_path):
    log = PredictionLog.open(tmp_path)
    for i in range(100):
        log.append(simple(f"r{i}"), i)
    log.close()
    assert sum(1 for _ in PredictionLog.open(tmp_path, readonly=True).read()) == 100


def test_a_log_that_cannot_be_written_is_reported_and_raises_nothing(tmp_path):
    log = PredictionLog.open(tmp_path)
    log.close()
    assert isinstance(log.append(simple(), 1).exception(), StateError)
    assert isinstance(log.failure, StateError)


def test_another_format_is_refused(tmp_path):
    with Log.open(tmp_path) as log:
        log.append([b"\x01"], 1)
    with pytest.raises(StateError, match="decisions in format 2, 3, 4"):
        list(PredictionLog.open(tmp_path, readonly=True).read())
