"""What a ranking's candidate sources count: events of each item, of all time and in the windows of trending ones."""

from __future__ import annotations

from heptad.declare.labels import Label
from heptad.declare.schema import Field
from heptad.declare.serving import Serving, Trending
from heptad.plan.nodes import TallyPlan, TrendPlan


def tallies_of(label: Label, item: Field, serving: Serving) -> tuple[TallyPlan, ...]:
    """The tally of all time first, then one for each window."""
    counted = label.event.__name__, item.name
    trending = [one for one in serving.candidates if isinstance(one, Trending)]
    windows = dict.fromkeys((one.width, one.hop) for one in trending)
    return TallyPlan(*counted), *(TrendPlan(*counted, *window) for window in windows)
