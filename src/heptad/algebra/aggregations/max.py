"""Greatest value of a numeric column."""

from heptad.algebra.spec import Aggregation, Merge, Segment

SPEC = Aggregation(
    name="max",
    takes="number",
    returns="number",
    default=float("nan"),
    nulls="skipped; -0.0 is 0.0",
    bound="exact",
    segments=lambda params: (Segment(Merge.MAX, 1),),
    define=lambda events, t, params: max((float(e.value) for e in events), default=float("nan")),  # type: ignore[arg-type]
)
