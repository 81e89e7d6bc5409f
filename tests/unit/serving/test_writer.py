"""The writer when the store fails: what was posted is safe in the log, said so, and counted once it works."""

from __future__ import annotations

import queue
import threading
import time
from contextlib import closing

import pytest

from heptad.errors import DataError, StateError
from heptad.serving.writer import Writer
from heptad.state.stores.memory import MemoryStore
from heptad.state.tally import TallyReader
from heptad.streams.appender import Appender
from heptad.streams.applier import Applier
from heptad.streams.clock import ReplayClock, WallClock
from heptad.streams.log import Log
from heptad.streams.tail import Tail
from heptad.testing.tiny_service import START, sale, tiny
from heptad.times import SECOND

PLAN = tiny.plan


class Failing:
    """A real store whose commits can be made to fail, or to hang until they are told how to end.

    Of those that hang ``inside`` has the names of their threads, and ``ends`` takes the error of each, None for none.
    """

    def __init__(self, store) -> None:
        self._store, self.broken, self.hangs = store, False, False
        self.inside, self.ends = queue.SimpleQueue(), queue.SimpleQueue()
        self.snapshot, self.saved, self.close = store.snapshot, store.saved, store.close

    def commit(self, change):
        if self.hangs:
            self.inside.put(threading.current_thread().name)
            error = self.ends.get(timeout=30)
            if error is not None:
                raise error
        if self.broken:
            raise OSError("no space left on device")
        self._store.commit(change)


def counted(store):
    with store.snapshot() as snapshot:
        return TallyReader(PLAN.tallies[0]).at(snapshot, START).counts.tolist()


@pytest.fixture
def parts(tmp_path):
    """A writer with its store and counts."""
    log, clock, store = Log.open(tmp_path), ReplayClock(START), Failing(MemoryStore(PLAN.state_hash))
    appender = Appender(PLAN, log, clock)
    writer = Writer(appender, lambda watch: Applier(PLAN, log, store, appender, watch=watch))
    yield writer, store, lambda: counted(store)
    writer.close()
    log.close()


def rows(*numbers):
    return [sale(number, START, 1, "p00", 5.0) for number in numbers]


def test_posts_are_answered_with_their_own_verdicts(parts):
    writer, _, counts = parts
    first, second = writer.post("Sale", rows(1, 2)), writer.post("Sale", rows(2, 3))
    assert first.result().verdicts == ["accepted", "accepted"]
    assert second.result().verdicts == ["duplicate", "accepted"]
    assert counts() == [3.0]


def test_a_failed_commit_is_told_and_made_good_by_the_next(parts):
    writer, store, counts = parts
    writer.post("Sale", rows(1)).result()
    store.broken = True
    with pytest.raises(StateError, match="safe in the log"):
        writer.post("Sale", rows(2)).result()
    assert isinstance(writer.failure, OSError)
    assert counts() == [1.0]
    store.broken = False
    assert writer.post("Sale", rows(3)).result().verdicts == ["accepted"]
    assert writer.failure is None
    assert counts() == [3.0]
    assert writer.applier.behind == 0


def test_a_row_that_does_not_fit_is_refused_before_it_is_logged(parts):
    writer, _, _ = parts
    with pytest.raises(DataError, match=r"Sale\.user"):
        writer.post("Sale", [rows(1)[0] | {"user": 1.5}])
    assert writer.post("Sale", rows(2)).result().offsets == range(1)


def applied_by(writer) -> list[str]:
    """The names of the threads that will have applied, one for each commit."""
    names, watch = [], writer.applier._watch

    def watching(step):
        names.append(threading.current_thread().name)
        watch(step)

    writer.applier._watch = watching
    return names


def test_the_thread_that_made_a_post_durable_applies_it(parts, monkeypatch):
    writer, _, counts = parts
    names, posted, append = applied_by(writer), threading.Event(), Tail.append

    def appended(tail, *records):
        posted.wait(30)
        return append(tail, *records)

    monkeypatch.setattr(Tail, "append", appended)
    for number in range(3):
        posted.clear()
        post = writer.post("Sale", rows(number))
        posted.set()
        assert post.result().verdicts == ["accepted"]
    assert names == ["heptad-log-commit"] * 3
    assert counts() == [3.0]


def test_whoever_posts_does_not_apply_though_the_disk_was_quicker(parts, monkeypatch):
    writer, _, _ = parts
    names, submit = applied_by(writer), Appender.submit

    def submitted(appender, stream, some):
        durable = submit(appender, stream, some)
        durable.result()
        return durable

    monkeypatch.setattr(Appender, "submit", submitted)
    writer.post("Sale", rows(1)).result()
    assert names == ["heptad-writer"]


def test_the_disk_does_not_wait_for_states_while_somebody_waits_for_the_disk(parts, monkeypatch):
    writer, _, _ = parts
    names = applied_by(writer)
    monkeypatch.setattr(Appender, "idle", False)
    writer.post("Sale", rows(1)).result()
    assert names == ["heptad-writer"]


def test_a_store_that_fails_is_tried_by_the_writers_own_thread_until_it_works(parts):
    writer, store, counts = parts
    names = applied_by(writer)
    store.broken = True
    with pytest.raises(StateError, match="safe in the log"):
        writer.post("Sale", rows(1)).result()
    store.broken = False
    until = time.monotonic() + 30
    while writer.failure is not None and time.monotonic() < until:
        time.sleep(0.01)
    assert counts() == [1.0]  # without another post
    assert names[-1] == "heptad-writer"


def test_a_store_that_hangs_holds_up_the_disk_once(parts, monkeypatch):
    """Until its time-out; from then on posts become durable while the writer's own thread waits for the store."""
    writer, store, counts = parts
    posted, written, append = threading.Event(), queue.SimpleQueue(), Tail.append

    def appended(tail, *records):
        posted.wait(30)
        found = append(tail, *records)
        written.put(found)
        return found

    monkeypatch.setattr(Tail, "append", appended)
    store.hangs = True
    first = writer.post("Sale", rows(1))
    posted.set()  # the disk was not quicker than the post: its thread applies
    assert store.inside.get(timeout=30) == "heptad-log-commit"
    written.get(timeout=30)
    second = writer.post("Sale", rows(2))
    time.sleep(0.1)
    assert written.empty(), "the disk is held up"
    store.ends.put(TimeoutError("the store does not answer"))
    with pytest.raises(StateError, match="safe in the log"):
        first.result(30)
    written.get(timeout=30)
    assert store.inside.get(timeout=30) == "heptad-writer"
    third = writer.post("Sale", rows(3))
    written.get(timeout=30)  # durable, and nobody has told the store to go on
    store.hangs = False
    store.ends.put(None)
    assert [post.result(30).verdicts for post in (second, third)] == [["accepted"], ["accepted"]]
    assert counts() == [3.0]


def test_what_waits_for_the_clock_enters_without_another_post(tmp_path):
    """A post that the disk's thread applies tells the writer's own when to look again."""
    with Log.open(tmp_path) as log, closing(MemoryStore(PLAN.state_hash)) as store:
        clock = WallClock()
        appender = Appender(PLAN, log, clock)
        writer = Writer(appender, lambda watch: Applier(PLAN, log, store, appender, watch=watch))
        soon = [sale(1, clock.now() + SECOND // 5, 1, "p00", 5.0)]
        assert writer.post("Sale", soon).result().verdicts == ["pending"]
        until = time.monotonic() + 30
        while writer.applier.meta.pending_from is not None and time.monotonic() < until:
            time.sleep(0.01)
        assert writer.applier.meta.pending_from is None
        assert writer.applier.meta.frontier == soon[0]["ts"]
        writer.close()
