"""Least value of a numeric column."""

from heptad.algebra.spec import Aggregation, Merge, Segment

SPEC = Aggregation(
    name="min",
    takes="number",
    returns="number",
    default=float("nan"),
    nulls="skipped; -0.0 is 0.0",
    bound="exact",
    segments=lambda params: (Segment(Merge.MIN, 1),),
    define=lambda events, t, params: min((float(e.value) for e in events), default=float("nan")),  # type: ignore[arg-type]
)
