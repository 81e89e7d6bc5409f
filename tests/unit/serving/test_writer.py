"""The writer when the store fails: what was posted is safe in the log, said so, and counted once it works."""

from __future__ import annotations

import pytest

from heptad.errors import DataError, StateError
from heptad.serving.writer import Writer
from heptad.state.stores.memory import MemoryStore
from heptad.state.tally import TallyReader
from heptad.streams.appender import Appender
from heptad.streams.applier import Applier
from heptad.streams.clock import ReplayClock
from heptad.streams.log import Log
from heptad.testing.tiny_service import START, sale, tiny

PLAN = tiny.plan


class Failing:
    """A real store whose commits can be made to fail."""

    def __init__(self, store) -> None:
        self._store, self.broken = store, False
        self.snapshot, self.saved, self.close = store.snapshot, store.saved, store.close

    def commit(self, change):
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
