"""The k values of a vocabulary that the most events have, most frequent first; fewer where fewer occur."""

from collections.abc import Sequence

from heptad.algebra.spec import Aggregation, Merge, Params, Seen, Segment


def define(events: Sequence[Seen], t: int, params: Params) -> tuple[object, ...]:
    counts = {value: sum(event.value == value for event in events) for value in params.vocabulary}
    ranked = sorted(counts, key=lambda value: -counts[value])  # stable: ties stay in the vocabulary's order
    return tuple(value for value in ranked if counts[value])[: params.k]


SPEC = Aggregation(
    name="top_k",
    takes="discrete",
    returns="choices",
    default=(),
    nulls="skipped; of a list column each distinct element counts; values outside the vocabulary do not",
    bound="exact to 2**32 - 1 events of one value; ties in the vocabulary's order",
    segments=lambda params: (Segment(Merge.ADD, (len(params.vocabulary) + 1) // 2),),
    define=define,
    options=("k", "vocabulary"),
    at_read=("k",),
    sees="places",
    lists=True,
    sparse=True,
)
