"""Every worked example of a derived feature, by the oracle, offline, and online."""

from __future__ import annotations

import numpy as np
import pytest

from heptad.offline.training_set import training_set
from heptad.online.reader import Reader
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import column_of
from heptad.state.stores.memory import MemoryStore
from heptad.streams.clock import ReplayClock
from heptad.testing.compare import same
from heptad.testing.expression_page import section
from heptad.testing.worked.expressions import ROWS, Derivation

T = 21 * 3_600_000_000


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.says}: {row.written}")
def test_a_row_is_what_it_says(row: Derivation) -> None:
    plan, ask = row.plan, row.ask
    defined = Oracle(plan, []).read(ask, T, 0)["value"]
    if isinstance(row.value, float) and row.value == row.value:
        assert defined == pytest.approx(row.value, rel=1e-6, abs=0)
    else:
        assert same(defined, row.value)
    columns = {f.name: column_of([ask[f.name]], f.kind) for f in plan.request}
    (offline,) = training_set(plan, {}, columns, np.array([T]))["value"].tolist()
    reader = Reader(plan, MemoryStore(plan.state_hash), ReplayClock(T))
    (online,) = reader.read(columns, 1).values["value"].tolist()
    assert same(offline, defined)
    assert same(online, defined)


def test_every_operation_has_a_row_and_every_row_is_on_the_page() -> None:
    page = section()
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert len(rows) == len(ROWS) + 1
    assert all(line.replace("\\|", "").count("|") == 5 for line in rows)
