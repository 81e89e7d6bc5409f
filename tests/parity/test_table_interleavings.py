"""Tables under interleavings: lag, ttl, versions, deletes, ties and older rows after newer ones, on both stores.

Half of what is posted are rows of the table, so that most reads and lookups meet several versions of a row.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_interleavings import STORES, hold

from heptad.testing.interleavings import interleaving


def tables(seed: int) -> None:
    """Parity of one seed on every store."""
    for store in STORES:
        hold(interleaving(seed, ["count"], size=1, table_rows=0.5), store)


@given(st.integers(0, 2**64 - 1))
@settings(max_examples=40)
def test_a_few_interleavings_of_table_rows(seed: int) -> None:
    tables(seed)


@pytest.mark.slow
@given(st.integers(0, 2**64 - 1))
@settings(max_examples=500)
def test_many_interleavings_of_table_rows(seed: int) -> None:
    tables(seed)
