"""Sum of a numeric column, in fixed point: exact, and the same whatever the order."""

from collections.abc import Sequence

from heptad.algebra.fixed import fixed, value_of
from heptad.algebra.spec import Aggregation, Merge, Params, Seen, Segment


def define(events: Sequence[Seen], t: int, params: Params) -> float:
    return value_of([fixed(event.value, params.decimals) for event in events], params.decimals)


SPEC = Aggregation(
    name="sum",
    takes="number",
    returns="number",
    default=0.0,
    nulls="skipped",
    bound="each value rounded half to even at the stated decimals; null where count * max|x| reaches 2**63",
    segments=lambda params: (Segment(Merge.ADD, 2), Segment(Merge.MAX, 1)),
    define=define,
    options=("decimals",),
    guarded=True,
)
