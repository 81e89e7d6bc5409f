"""A quantile of a numeric column, of its values rounded to a stated relative error inside a stated range."""

from collections.abc import Sequence

from heptad.algebra.rounding import rounded, span
from heptad.algebra.spec import Aggregation, Merge, Params, Seen, Segment


def define(events: Sequence[Seen], t: int, params: Params) -> float:
    """The least of the rounded values that at least a fraction q of them do not exceed."""
    values = sorted(rounded(float(event.value), params) for event in events)  # type: ignore[arg-type]
    rank = max(1, -(-params.q * len(values) // 1_000_000))
    return values[rank - 1] if values else float("nan")


def _segments(params: Params) -> tuple[Segment, ...]:
    first, last, _ = span(params)
    return (Segment(Merge.ADD, (last - first) // 2 + 1),)


SPEC = Aggregation(
    name="quantile",
    takes="number",
    returns="number",
    default=float("nan"),
    nulls="skipped",
    bound="each value within the stated relative error, the rank exact; values below low or above high count as "
    "these, and nearer to zero than unit as zero; exact to 2**32 - 1 events of one bucket",
    segments=_segments,
    define=define,
    options=("q", "low", "high", "unit", "error"),
    at_read=("q",),
    sparse=True,
)
