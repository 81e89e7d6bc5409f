"""The state that fits a plan and a log: gone on from where it does, rebuilt where it does not."""

from pathlib import Path
from typing import Any

import pytest

import heptad as hp
from heptad.errors import StateError
from heptad.plan.compile import compile_features
from heptad.plan.nodes import Plan
from heptad.state.open import open_store
from heptad.state.store import Saved
from heptad.streams.clock import ReplayClock
from heptad.streams.ingest import Ingest, open_state
from heptad.streams.log import Log


class Sale(hp.Event):
    sale: hp.Key
    ts: hp.Time
    user: hp.Id


def plan_of(*windows: str) -> Plan:
    return compile_features(hp.Data(dynamic={"n": Sale.per("user").count(*windows)}), hp.label(Sale))


def applied(plan: Plan, log: Log, url: str, *sales: int) -> Saved:
    """Append these sales, apply the log to the state at the URL, close it; what it then holds."""
    store = open_state(url, plan, log)
    try:
        appender, applier = Ingest.open(plan, log, store, ReplayClock(100))
        rows: list[dict[str, Any]] = [{"sale": i, "ts": i, "user": "ann"} for i in sales]
        appender.append("Sale", rows)
        applier.apply()
        return store.saved()
    finally:
        store.close()


def test_a_state_that_fits_is_kept(tmp_path: Path) -> None:
    plan, url = plan_of("1h"), f"embedded:{tmp_path}/state"
    with Log.open(tmp_path / "log") as log:
        applied(plan, log, url, 1, 2)
        store = open_state(url, plan, log)
        assert store.saved().meta.offsets == {0: 2}
        store.close()


def test_a_state_ahead_of_its_log_is_rebuilt(tmp_path: Path) -> None:
    plan, url = plan_of("1h"), f"embedded:{tmp_path}/state"
    with Log.open(tmp_path / "log") as log:
        applied(plan, log, url, 1, 2, 3)
    with Log.open(tmp_path / "older copy") as log:
        found = applied(plan, log, url, 1)
        assert found.meta.offsets == {0: 1}
        assert len(found.ids) == 1, "nothing of the longer log is left"
        assert found == applied(plan, log, "memory:")


def test_a_state_of_another_plan_is_rebuilt_from_the_whole_log_only(tmp_path: Path) -> None:
    old, new, url = plan_of("1h"), plan_of("1h", "1d"), f"embedded:{tmp_path}/state"
    with Log.open(tmp_path / "log", segment_bytes=1) as log:
        applied(old, log, url, 1, 2)
        assert applied(new, log, url, 3) == applied(new, log, "memory:")
        log.truncate_before(2)
        with pytest.raises(StateError, match="a whole log to rebuild it from"):
            open_state(url, old, log)
    open_store(url, new.state_hash).close()  # it is still there


def test_a_store_that_cannot_be_opened_is_not_thrown_away(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("not a directory")
    with Log.open(tmp_path / "log") as log, pytest.raises(StateError, match="an LMDB directory to open"):
        open_state(f"embedded:{tmp_path}/state", plan_of("1h"), log)
    assert (tmp_path / "state").read_text() == "not a directory"
