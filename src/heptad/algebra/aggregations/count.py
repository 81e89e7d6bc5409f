"""How many events are in the window; with a column, how many have a value there."""

from heptad.algebra.spec import Aggregation, Merge, Segment

SPEC = Aggregation(
    name="count",
    takes="nothing",
    returns="number",
    default=0.0,
    nulls="without a column every event counts; with one, events whose value is null do not; of a list column each distinct element counts",
    bound="exact to 2**53 events",
    segments=lambda params: (Segment(Merge.ADD, 1),),
    define=lambda events, t, params: float(len(events)),
    lists=True,
)
