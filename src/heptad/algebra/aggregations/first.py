"""The oldest value of a column in the window (n = 1)."""

from heptad.algebra.spec import Aggregation, Merge, Segment

SPEC = Aggregation(
    name="first",
    takes="any",
    returns="value",
    default=None,
    nulls="skipped: the oldest value that is not null",
    bound="exact; events at one time are ordered by id, or by a hash of the row",
    segments=lambda params: (Segment(Merge.EARLIEST, 1),),
    define=lambda events, t, params: events[0].value if events else None,
)
