"""The n oldest values of a column in the window, oldest first."""

from heptad.algebra.spec import Aggregation, Merge, Segment

SPEC = Aggregation(
    name="first_n",
    takes="any",
    returns="values",
    default=(),
    nulls="skipped",
    bound="exact; events at one time are ordered by id, or by a hash of the row",
    segments=lambda params: (Segment(Merge.EARLIEST, params.n),),
    define=lambda events, t, params: tuple(event.value for event in events[: params.n]),
    options=("n",),
)
