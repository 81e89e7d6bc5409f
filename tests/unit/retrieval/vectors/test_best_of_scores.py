"""The k best by score and id, against sorting; the rough shortlist holds them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heptad.retrieval.vectors.best import at_least, best
from heptad.retrieval.vectors.metric import METRICS

scored = st.lists(
    st.tuples(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), st.integers(0, 10**6)), unique_by=lambda s: s[1]
)


@given(scored, st.integers(1, 12), st.booleans())
def test_best_is_the_head_of_the_sorted_list(pairs, k, texts):
    ids = [str(i) if texts and i % 2 else i for _, i in pairs]
    array = np.fromiter(ids, object, len(ids)) if texts else np.asarray(ids, np.int64)
    order = sorted(range(len(pairs)), key=lambda p: (-pairs[p][0], type(ids[p]) is str, ids[p]))
    assert best(np.asarray([s for s, _ in pairs], np.float64), array, k).tolist() == order[:k]


@given(
    st.sampled_from(sorted(METRICS)), st.integers(0, 2**32 - 1), st.sampled_from([1e-20, 1.0, 1e6, 3e15]),
    st.sampled_from([1, 9]), st.integers(1, 6),
)  # fmt: skip
def test_the_exact_best_are_within_the_bound_of_the_rough_ones(metric, seed, scale, batch, k):
    draw = np.random.default_rng(seed)
    centre = draw.normal(size=7) * draw.choice(
        [0, 30]
    )  # far from the origin the differences drown in the roundings
    vectors, queries = (
        METRICS[metric].vectors("v", (centre + draw.normal(size=(n, 7))) * scale, 7) for n in (40, batch)
    )
    vectors[20:] = vectors[:20] + np.float32(1e-6 * scale) * draw.normal(size=(20, 7)).astype(np.float32)
    rough, margin = METRICS[metric].rough(vectors, METRICS[metric].squares(vectors), queries)
    for row, query, wide in zip(rough, queries, margin, strict=True):
        exact = METRICS[metric].exact(vectors, query)
        edge = np.sort(exact)[-k]
        assert set(np.flatnonzero(exact >= edge)) <= set(at_least(row, k, float(wide)).tolist())
