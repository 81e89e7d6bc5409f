"""The table of worked examples: all rows, by theme (see `examples` for what a row means)."""

from __future__ import annotations

from typing import Final, NamedTuple

from heptad.testing.examples import Example
from heptad.testing.worked import admission, aggregations, future, keys, tables, time, windows


class Theme(NamedTuple):
    """Rows that belong together, and the decision record (in docs/adr) that gives the reasons."""

    title: str
    says: str
    record: str
    rows: tuple[Example, ...]


THEMES: Final = (
    Theme("Time and knowledge", time.__doc__, "0001-event-time-and-knowledge", time.ROWS),
    Theme("Windows", windows.__doc__, "0002-window-edges", windows.ROWS),
    Theme("Late, duplicate, conflict", admission.__doc__, "0004-late-duplicate-conflict", admission.ROWS),
    Theme("The future", future.__doc__, "0003-clock-pending-future", future.ROWS),
    Theme("Keys, lists, ties", keys.__doc__, "0009-the-plan", keys.ROWS),
    Theme("Tables and enrichment", tables.__doc__, "0019-table-rows-whole", tables.ROWS),
    Theme("Aggregations", aggregations.__doc__, "0005-exact-numbers", aggregations.ROWS),
)

EXAMPLES: Final[tuple[Example, ...]] = tuple(row for theme in THEMES for row in theme.rows)
