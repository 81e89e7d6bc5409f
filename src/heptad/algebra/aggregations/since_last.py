"""Seconds from the newest event to the read."""

from heptad.algebra.spec import Aggregation, Merge, Segment

SPEC = Aggregation(
    name="since_last",
    takes="nothing",
    returns="number",
    default=float("nan"),
    nulls="without a column every event counts; with one, events whose value is null, or an empty list, do not",
    bound="exact to the microsecond below 2**53 microseconds (285 years)",
    segments=lambda params: (Segment(Merge.MAX, 1),),
    define=lambda events, t, params: (t - events[-1].time) / 1e6 if events else float("nan"),
    lists=True,
)
