"""Population standard deviation of a numeric column: the root of the exact variance."""

import math
from collections.abc import Sequence

from heptad.algebra.aggregations import variance
from heptad.algebra.spec import Aggregation, Params, Seen


def define(events: Sequence[Seen], t: int, params: Params) -> float:
    return math.sqrt(variance.define(events, t, params))


SPEC = Aggregation(
    name="std",
    takes="number",
    returns="number",
    default=float("nan"),
    nulls="skipped",
    bound="as the variance's; one rounding by the root",
    segments=variance.SPEC.segments,
    define=define,
    options=("decimals",),
    state_of="variance",
)
