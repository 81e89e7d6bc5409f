"""Plain numbers finalized together are those of each aggregation's own kernel, to the last bit."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heptad.algebra import catalogue
from heptad.algebra.kernels import plain
from heptad.algebra.kernels.base import kernel
from heptad.algebra.spec import IDENTITY, Params

WORDS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-3, 3),
    st.sampled_from(sorted({*IDENTITY.values(), 2**31, 2**31 - 1, 2**32, 2**62, -(2**62)})),
)
USES = st.lists(
    st.tuples(st.sampled_from(sorted(plain.PLAIN)), st.sampled_from([0, 1, 6])), min_size=1, max_size=6
)


@given(USES, st.data(), st.integers(-(2**40), 2**60))
def test_they_are_the_kernels_own(uses: list[tuple[str, int]], data: st.DataObject, t: int) -> None:
    columns, width = [], 0
    for name, decimals in uses:
        params = Params(decimals=decimals)
        columns.append((name, params, width))
        width += catalogue.get(name).words(params)
    rows = data.draw(st.lists(st.lists(WORDS, min_size=width, max_size=width), max_size=4))
    words = np.array(rows, np.int64).reshape(len(rows), width)
    ops, units = plain.table(columns)
    at = np.array(
        data.draw(st.lists(st.sampled_from(range(len(rows))), max_size=8) if rows else st.just([])), np.int64
    )
    found = plain.shown(plain.kept(words, ops, units), at, t, ops)
    words, times = words[at], np.full(len(at), t, np.int64)
    with np.errstate(all="ignore"):
        for row, (name, params, first) in zip(found, columns, strict=True):
            own = words[:, first : first + catalogue.get(name).words(params)]
            expected = np.asarray(kernel(name).finalize(own, times, params))
            assert np.isnan(row).tolist() == np.isnan(expected).tolist()
            known = ~np.isnan(expected)
            assert row[known].tobytes() == expected[known].tobytes()


def test_every_plain_aggregation_is_one_number() -> None:
    assert {catalogue.get(name).returns for name in plain.PLAIN} == {"number"}
