"""What a ranking's candidate sources go by: events of each item, of all time and in windows, and rows of the items' tables."""

from __future__ import annotations

from collections.abc import Mapping

from heptad.declare.labels import Label
from heptad.declare.schema import Field
from heptad.declare.search import Nearest
from heptad.declare.serving import Serving, Trending
from heptad.plan.nodes import TallyPlan, TrendPlan


def tallies_of(
    label: Label, item: Field, serving: Serving, static: Mapping[str, Field]
) -> tuple[TallyPlan, ...]:
    """The tally of all time first, then one for each window, then the rows of each table that holds items' vectors."""
    counted = label.event.__name__, item.name
    trending = [one for one in serving.candidates if isinstance(one, Trending)]
    windows = dict.fromkeys((one.width, one.hop) for one in trending)
    vectors = [
        static[one.column].owner for one in serving.candidates if isinstance(one, Nearest) and one.column
    ]
    tables = dict.fromkeys(owner.__name__ for owner in vectors)
    return (
        TallyPlan(*counted),
        *(TrendPlan(*counted, *window) for window in windows),
        *(TallyPlan(table, item.name) for table in tables),
    )
