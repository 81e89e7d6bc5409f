"""Population variance of a numeric column, exact: no difference of large rounded numbers."""

from collections.abc import Sequence

from heptad.algebra.fixed import fixed
from heptad.algebra.spec import Aggregation, Merge, Params, Seen, Segment

_MOST = 2**31  #: events: sums of 32-bit limbs stay in int64


def define(events: Sequence[Seen], t: int, params: Params) -> float:
    """(n * sum of squares - square of the sum) / n**2, in integers up to the division."""
    terms = [fixed(event.value, params.decimals) for event in events]
    n = len(terms)
    if n == 0 or n >= _MOST or n * max(map(abs, terms)) >= 2**63 - 1:
        return float("nan")
    spread = n * sum(term * term for term in terms) - sum(terms) ** 2
    return float(spread) / float(n * n) / float(10 ** (2 * params.decimals))


SPEC = Aggregation(
    name="variance",
    takes="number",
    returns="number",
    default=float("nan"),
    nulls="skipped",
    bound="as the sum's; then 5 roundings (2**-50 relative) at the end; null from 2**31 events on",
    segments=lambda params: (Segment(Merge.ADD, 2), Segment(Merge.MAX, 1), Segment(Merge.ADD, 3)),
    define=define,
    options=("decimals",),
)
