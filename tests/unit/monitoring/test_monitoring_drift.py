"""The drift monitor: parts merge to the whole, order is free, shifts are found, files read back."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.errors import DataError
from heptad.monitoring import DriftMonitor

RNG = np.random.default_rng(1)
REFERENCE = {
    "amount": RNG.exponential(size=3_000),
    "clicks": RNG.poisson(1.0, size=3_000),
    "genre": RNG.choice(["drama", "comedy", "war"], size=3_000, p=[0.6, 0.3, 0.1]),
}


def batch(rng: np.random.Generator, n: int, shift: float = 0.0) -> dict[str, np.ndarray]:
    """Rows like the reference; ``shift`` moves the amounts and the genres."""
    odds = [0.6 - shift / 2, 0.3, 0.1 + shift / 2]
    return {
        "amount": rng.exponential(1.0 + shift, size=n),
        "clicks": rng.poisson(1.0, size=n),
        "genre": rng.choice(["drama", "comedy", "war"], size=n, p=odds),
    }


@given(
    rows=st.lists(
        st.tuples(
            st.floats(allow_nan=True, width=32), st.integers(-5, 5), st.sampled_from(["drama", "new", None])
        ),
        min_size=1,
        max_size=60,
    ),
    cuts=st.lists(st.integers(0, 60), max_size=4),
    seed=st.integers(0, 1_000),
)
def test_merged_parts_are_the_whole_in_any_order(
    rows: list[tuple[float, int, str | None]], cuts: list[int], seed: int
) -> None:
    amounts, clicks, genres = zip(*rows, strict=True)
    columns = {"amount": np.array(amounts), "clicks": np.array(clicks), "genre": np.array(genres, object)}
    whole = DriftMonitor.reference(REFERENCE)
    whole.observe(columns)
    order = np.random.default_rng(seed).permutation(len(rows))
    parts = []
    for index in np.split(order, sorted(min(cut, len(rows)) for cut in cuts)):
        part = DriftMonitor.reference(REFERENCE)
        part.observe({name: values[index] for name, values in columns.items()})
        parts.append(part)
    merged = parts[-1]
    for part in parts[:-1]:
        merged = merged.merge(part)
    assert merged == whole
    assert merged.report(5) == whole.report(5)


def test_false_alarms_of_a_report_stay_below_alpha() -> None:
    """400 seeded reports of three columns without a shift: at alpha 0.05, Bonferroni, 20 + 5 sigma = 42."""
    rng = np.random.default_rng(11)
    alarms = 0
    for _ in range(400):
        monitor = DriftMonitor.reference(REFERENCE, alpha=0.05, practical=0.0)
        monitor.observe(batch(rng, 400))
        alarms += bool(monitor.report(0).drifted)
    assert alarms <= 42


def test_a_shift_is_found_and_only_where_it_is() -> None:
    """All of 100 seeded shifts are found at 400 rows, and the column that did not move stays quiet."""
    rng = np.random.default_rng(12)
    for _ in range(100):
        monitor = DriftMonitor.reference(REFERENCE)
        monitor.observe(batch(rng, 400, shift=1.0))
        assert monitor.report(0).drifted == ("amount", "genre")


def test_a_small_sample_needs_a_larger_shift() -> None:
    monitor = DriftMonitor.reference(REFERENCE)
    monitor.observe(batch(np.random.default_rng(3), 30))
    amount = monitor.report(0).columns[0]
    assert amount.psi > 0.1  # by the customary bar alone, chance would have raised an alarm
    assert not amount.drifted
    assert amount.threshold > amount.psi


def test_nulls_and_new_names_are_drift() -> None:
    rng = np.random.default_rng(4)
    nulls, renamed = batch(rng, 500), batch(rng, 500)
    nulls["amount"][:150] = np.nan
    renamed["genre"] = np.where(renamed["genre"] == "war", "Krieg", renamed["genre"])
    for columns, expected in ((nulls, "amount"), (renamed, "genre")):
        monitor = DriftMonitor.reference(REFERENCE)
        monitor.observe(columns)
        assert monitor.report(0).drifted == (expected,)


def test_report_before_any_row_and_after_a_restart() -> None:
    monitor = DriftMonitor.reference(REFERENCE)
    untouched = monitor.report(0)
    assert untouched.drifted == ()
    assert [column.threshold for column in untouched.columns] == [math.inf] * 3
    assert untouched.columns[0].to_json()["threshold"] is None
    monitor.observe(batch(np.random.default_rng(5), 50))
    monitor.restart()
    assert monitor.report(0) == untouched


def test_timeline_names_the_worst_column() -> None:
    monitor = DriftMonitor.reference(REFERENCE)
    monitor.observe({**batch(np.random.default_rng(6), 500), "amount": np.full(500, 9.0)})
    point = monitor.report(86_400_000_000).timeline()
    assert point["time"] == "1970-01-02T00:00:00Z"
    assert point["column"] == "amount"
    assert point["max_psi"] > point["threshold"]


def test_save_and_load(tmp_path: Path) -> None:
    monitor = DriftMonitor.reference(REFERENCE, alpha=0.02, practical=0.2)
    monitor.observe(batch(np.random.default_rng(8), 77))
    path = monitor.save(tmp_path / "drift.json")
    assert [entry.name for entry in tmp_path.iterdir()] == ["drift.json"]
    assert DriftMonitor.load(path) == monitor
    assert json.loads(path.read_text())["version"] == 1


def test_a_refused_batch_counts_in_no_column() -> None:
    monitor = DriftMonitor.reference(REFERENCE)
    with pytest.raises(DataError, match="genre"):
        monitor.observe({"amount": np.ones(3), "clicks": np.ones(3)})
    with pytest.raises(DataError, match="text or objects"):
        monitor.observe({"amount": np.ones(3), "clicks": np.ones(3), "genre": np.ones(3)})
    assert {column.n_current for column in monitor.report(0).columns} == {0}


def test_errors_say_what_is_wrong() -> None:
    with pytest.raises(DataError, match="at least one column"):
        DriftMonitor.reference({})
    with pytest.raises(DataError, match="at least one row"):
        DriftMonitor.reference({"amount": np.array([])})
    with pytest.raises(DataError, match="one reference"):
        DriftMonitor.reference(REFERENCE).merge(DriftMonitor.reference({"amount": np.ones(4)}))
    with pytest.raises(DataError, match="version 1"):
        DriftMonitor.from_json({"version": 9})


def test_a_constant_column_without_a_bar_has_a_worst() -> None:
    monitor = DriftMonitor.reference({"constant": np.ones(9)}, practical=0.0)
    monitor.observe({"constant": np.ones(5)})
    report = monitor.report(0)
    assert (report.worst.psi, report.worst.threshold, report.drifted) == (0.0, 0.0, ())
