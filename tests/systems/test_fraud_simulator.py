"""The fraud system's simulator: seeded, at any scale, with drift on demand, and like the published data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import parquet

from heptad.systems.fraud import data
from heptad.systems.fraud.data import DAY, START, Drift, simulate

FILE = Path(__file__).resolve().parents[2].parent / "shared/data/fraud/transactions.parquet"
SMALL = {"customers": 500, "terminals": 1_000, "days": 60}


@pytest.fixture(scope="module")
def paid():
    return simulate(**SMALL)


def days_of(paid):
    return (paid.time - START) // DAY


def test_one_seed_gives_the_same_payments_and_another_gives_others(paid):
    again, other = simulate.__wrapped__(**SMALL), simulate(**SMALL, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(paid, again, strict=True))
    assert not np.array_equal(paid.amount[:100], other.amount[:100])


def test_payments_come_in_order_of_time_inside_the_days(paid):
    assert (np.diff(paid.time) >= 0).all()
    assert days_of(paid).min() == 0
    assert days_of(paid).max() == SMALL["days"] - 1
    assert (paid.amount >= 0).all()


def test_the_first_scenario_is_exactly_the_high_amounts_that_no_other_took(paid):
    high = paid.amount > 220
    assert (paid.scenario[high] > 0).all()
    assert high[paid.scenario == 1].all()


def test_all_payments_at_a_compromised_terminal_are_frauds_for_28_days():
    paid = simulate(**SMALL)
    day = days_of(paid)
    for terminal in np.unique(paid.terminal[paid.scenario == 2])[:20]:
        here = paid.terminal == terminal
        bad = here & (paid.scenario == 2)
        inside = here & (day >= day[bad].min()) & (day <= day[bad].max())
        if day[bad].max() - day[bad].min() < 28:  # compromised once
            assert (paid.scenario[inside] > 0).all()


def test_a_third_of_a_leaked_cards_payments_is_stolen(paid):
    day = days_of(paid)
    stolen = paid.scenario == 3
    for customer in np.unique(paid.customer[stolen])[:20]:
        mine = paid.customer == customer
        first = day[mine & stolen].min()
        window = mine & (day > first - 14) & (day < first + 28)  # every fortnight the leak can have been in
        assert (mine & stolen).sum() <= -(-window.sum() // 3) or day[mine & stolen].max() >= first + 14


def test_every_fraud_is_reported_once_and_known_a_week_later(paid):
    reports, payments = data.reports(**SMALL), data.transactions(**SMALL)
    row = reports["transaction"].to_numpy()
    assert np.array_equal(row, np.flatnonzero(paid.scenario))
    assert np.array_equal(reports["ts"].to_numpy(), payments["ts"].to_numpy()[row])
    assert np.array_equal(reports["known_at"].to_numpy(), reports["ts"].to_numpy() + 7 * DAY)
    assert set(payments.column_names).isdisjoint({"fraud", "scenario"})


@pytest.mark.parametrize("factor", [0.5, 4])
def test_the_share_of_frauds_does_not_depend_on_the_scale(paid, factor):
    other = simulate(int(factor * SMALL["customers"]), int(factor * SMALL["terminals"]), SMALL["days"])
    assert close(share(paid.scenario == 2, paid.terminal), share(other.scenario == 2, other.terminal))
    assert close(share(paid.scenario == 3, paid.customer), share(other.scenario == 3, other.customer))


def test_drift_begins_on_its_day_and_does_what_it_says():
    drift = Drift(day=30, amounts=1.5, terminals=3.0, thefts=60.0)
    paid, calm = simulate(**SMALL, drift=drift), simulate(**SMALL)
    later, before = days_of(paid) >= 30, days_of(paid) < 30
    honest = (paid.scenario == 0) & (calm.scenario == 0)
    assert np.array_equal(paid.time, calm.time)
    assert np.array_equal(paid.scenario[before] == 2, calm.scenario[before] == 2)
    assert np.array_equal(paid.amount[before & honest], calm.amount[before & honest])
    assert (paid.amount[later & honest] / np.maximum(calm.amount[later & honest], 1)).mean() > 1.4
    assert np.abs(paid.amount[later & honest] - 1.5 * calm.amount[later & honest]).max() < 0.01
    assert (paid.scenario[later] == 2).sum() > 1.5 * (calm.scenario[later] == 2).sum()
    assert not (paid.scenario[before] == 4).any()
    assert (paid.scenario[later] == 4).any()
    assert paid.amount[paid.scenario == 4].max() <= 6


def share(hit, clusters):
    """The share of rows that ``hit``, and its standard error where rows of one cluster go together (ratio of sums)."""
    rows, hits = np.bincount(clusters), np.bincount(clusters, weights=hit)
    value = hits.sum() / rows.sum()
    return value, np.sqrt(((hits - value * rows) ** 2).sum()) / rows.sum()


def close(one, other):
    """Whether two estimates differ by less than four standard errors of their difference."""
    return abs(one[0] - other[0]) < 4 * np.hypot(one[1], other[1])


@pytest.mark.slow
@pytest.mark.skipif(not FILE.is_file(), reason="needs ../shared/data/fraud/transactions.parquet")
def test_marginals_are_those_of_the_published_data():
    """Every share within four standard errors, which follow from drawing other customers and terminals."""
    held = parquet.read_table(FILE)
    ours = simulate(5_000, 10_000, 183)
    theirs = data.Payments(
        pc.cast(pc.cast(held["TX_DATETIME"], pa.timestamp("us")), pa.int64()).to_numpy(),
        *(held[name].to_numpy() for name in ("CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT", "TX_FRAUD_SCENARIO")),
    )
    made = [np.bincount(paid.customer, minlength=5_000) for paid in (ours, theirs)]
    paid = [(rows.mean(), rows.std() / np.sqrt(len(rows))) for rows in made]
    assert close(*paid), f"payments per customer {paid}"
    for scenario in (1, 2, 3):
        of = "terminal" if scenario == 2 else "customer"
        found = [share(world.scenario == scenario, getattr(world, of)) for world in (ours, theirs)]
        assert close(*found), f"share of scenario {scenario}: {found}"
    for level in (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99):
        bound = np.quantile(theirs.amount, level)
        found = [share(world.amount <= bound, world.customer) for world in (ours, theirs)]
        assert close(*found), f"amounts up to {bound}: {found}"
    for hour in (3, 7, 12, 20):
        found = [share(world.time % DAY < hour * DAY // 24, world.customer) for world in (ours, theirs)]
        assert close(*found), f"payments before {hour}:00: {found}"
    for often in (1, 2, 3):
        found = [(np.mean(rows > 183 * often), np.std(rows > 183 * often) / np.sqrt(5_000)) for rows in made]
        assert close(*found), f"customers of more than {often} payments a day: {found}"
