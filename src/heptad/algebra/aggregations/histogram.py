"""How many events have each value of a vocabulary, in its order, and how many have another one, last."""

from collections.abc import Sequence

from heptad.algebra.spec import Aggregation, Merge, Params, Seen, Segment


def define(events: Sequence[Seen], t: int, params: Params) -> tuple[float, ...]:
    counts = dict.fromkeys(params.vocabulary, 0)
    other = 0
    for event in events:
        if event.value in counts:
            counts[event.value] += 1
        else:
            other += 1
    return (*map(float, counts.values()), float(other))


SPEC = Aggregation(
    name="histogram",
    takes="discrete",
    returns="numbers",
    default="zeros",
    nulls="skipped; of a list column each distinct element counts",
    bound="exact to 2**32 - 1 events of one value",
    segments=lambda params: (Segment(Merge.ADD, len(params.vocabulary) // 2 + 1),),
    define=define,
    options=("vocabulary",),
    sees="places",
    lists=True,
    sparse=True,
    size=lambda params: len(params.vocabulary) + 1,
)
