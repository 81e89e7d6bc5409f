"""Which tiles a read can see: what is remembered is what would be found anew."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heptad.state.sights import Sights

edges = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 7)), max_size=4)


@given(edges, st.lists(st.integers(-30, 60), max_size=40))
def test_remembered_is_found_anew(edges, times):
    behind, hop = np.array(edges, np.int64).reshape(-1, 2).T
    sights = Sights(behind, hop)
    for t in [step for near in times for step in (near, near + 1, near)]:
        assert sights.place(t) == ((t - behind) // hop).tobytes()
