"""Mean of a numeric column: the exact fixed-point sum over the count."""

from collections.abc import Sequence

from heptad.algebra.aggregations import sum
from heptad.algebra.fixed import fixed, value_of
from heptad.algebra.spec import Aggregation, Params, Seen


def define(events: Sequence[Seen], t: int, params: Params) -> float:
    if not events:
        return float("nan")
    return value_of([fixed(event.value, params.decimals) for event in events], params.decimals) / len(events)


SPEC = Aggregation(
    name="mean",
    takes="number",
    returns="number",
    default=float("nan"),
    nulls="skipped",
    bound="as the sum's; one rounding by the division",
    segments=sum.SPEC.segments,
    define=define,
    options=("decimals",),
    state_of="sum",
)
