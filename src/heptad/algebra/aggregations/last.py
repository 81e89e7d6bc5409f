"""The newest value of a column (n = 1)."""

from heptad.algebra.spec import Aggregation, Merge, Segment

SPEC = Aggregation(
    name="last",
    takes="any",
    returns="value",
    default=None,
    nulls="skipped: the newest value that is not null",
    bound="exact; events at one time are ordered by id, or by a hash of the row",
    segments=lambda params: (Segment(Merge.LATEST, 1),),
    define=lambda events, t, params: events[-1].value if events else None,
)
