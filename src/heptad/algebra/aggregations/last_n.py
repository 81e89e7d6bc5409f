"""The n newest values of a column, newest first."""

from heptad.algebra.spec import Aggregation, Merge, Segment

SPEC = Aggregation(
    name="last_n",
    takes="any",
    returns="values",
    default=(),
    nulls="skipped",
    bound="exact; events at one time are ordered by id, or by a hash of the row",
    segments=lambda params: (Segment(Merge.LATEST, params.n),),
    define=lambda events, t, params: tuple(event.value for event in reversed(events[-params.n :])),
    options=("n",),
)
