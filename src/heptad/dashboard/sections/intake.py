"""What came in: rows of each source, those put aside and why, columns with more nulls than expected."""

from __future__ import annotations

from heptad.dashboard.html import Column, Section, join, paragraph, table, text
from heptad.dashboard.numbers import percent, whole
from heptad.dashboard.reading import Part


def intake(summary: Part) -> Section | None:
    """The rows of every source; left out where all of them were as expected."""
    part = summary.part("intake")
    sources = [(name, part.part(name)) for name in part.names()]
    reasons = [
        [text(name), text(why.text("column")), text(why.text("expected")), text(whole(why.number("rows")))]
        for name, source in sources
        for why in source.parts("reasons")
    ]
    nulls = [
        [
            text(name),
            text(many.text("column")),
            text(percent(many.number("share"))),
            text(percent(many.number("limit"))),
        ]
        for name, source in sources
        for many in source.parts("too_many_nulls")
    ]
    if not reasons and not nulls:
        return None
    tables = []
    if reasons:
        columns = [Column("source"), Column("column"), Column("expected", prose=True), Column("rows", True)]
        tables.append(table(columns, reasons, caption="Rows put aside, by reason"))
    if nulls:
        columns = [Column("source"), Column("column"), Column("null", True), Column("at most", True)]
        tables.append(table(columns, nulls, caption="Columns with too many nulls"))
    said = "Rows that did not fit their class are in refused.jsonl, each with its reason; the others went on."
    return Section("intake", "What was put aside", "", join(paragraph(said), *tables))
