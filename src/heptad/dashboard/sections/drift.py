"""Drift: which columns moved, when it was noticed, and what was done about it."""

from __future__ import annotations

from heptad.dashboard.charts.drift import Point, Shift, columns, timeline
from heptad.dashboard.html import (
    NOTHING,
    Column,
    Html,
    Section,
    beside,
    code,
    figure,
    join,
    table,
    tag,
    text,
    verdict,
)
from heptad.dashboard.numbers import thousandths, whole
from heptad.dashboard.reading import Part
from heptad.times import instant

_PLOTTED = 16


def drift(summary: Part) -> Section | None:
    """The timeline with its events first, then the columns of the last report."""
    part = summary.part("drift")
    if not part:
        return None
    lead = (
        "PSI compares what arrives with what the model was trained on. A column has drifted where its PSI "
        "exceeds both the customary bar and what chance alone gives at this sample size."
    )
    return Section("drift", "Drift and what it caused", lead, join(_over_time(part), _by_column(part)))


def _over_time(part: Part) -> Html:
    points = []
    for row in part.parts("timeline"):
        psi = row.number("max_psi")
        if psi is not None and row.text("time"):
            points.append(Point(instant(row.text("time")), psi, row.number("threshold")))
    events = [event for event in part.parts("events") if event.text("time")]
    plot = timeline(
        "timeline",
        f"PSI of the worst column over time with {len(events)} numbered events.",
        points,
        [instant(event.text("time")) for event in events],
    )
    caption = (
        "PSI of the worst column at each report; red points are above the dashed threshold. The numbers mark "
        "the events listed beside."
    )
    listed = tag(
        "ol",
        *(
            tag(
                "li",
                tag("b", text(event.text("what"))),
                tag("div", text(event.text("time").replace("T", " ").replace("Z", " UTC")), class_="small"),
                tag("div", text(event.text("detail"))) if event.text("detail") else NOTHING,
            )
            for event in events
        ),
        class_="events",
    )
    return beside(figure(plot, caption), listed if events else NOTHING)


def _by_column(part: Part) -> Html:
    rows = part.parts("columns")
    if not rows:
        return NOTHING
    worst = sorted(rows, key=_excess, reverse=True)
    shifts = [
        Shift(
            row.text("name"), row.number("psi") or 0.0, row.number("threshold"), row.flag("drifted") is True
        )
        for row in worst[:_PLOTTED]
        if row.number("psi") is not None
    ]
    plot = columns("columns", f"PSI of {len(shifts)} columns with their thresholds.", shifts)
    some = f" The {_PLOTTED} nearest to theirs are drawn." if len(rows) > _PLOTTED else ""
    caption = f"PSI of each column; the upright mark is its own threshold, red bars exceed it.{some}"
    numbers = table(
        [
            Column("column"),
            Column("PSI", True),
            Column("threshold", True),
            Column("reference", True),
            Column("current", True),
            Column(""),
        ],
        [
            [
                code(row.text("name")),
                text(thousandths(row.number("psi"))),
                text(thousandths(row.number("threshold"))),
                text(whole(row.number("n_reference"))),
                text(whole(row.number("n_current"))),
                verdict(_steady(row.flag("drifted")), "steady", "drifted"),
            ]
            for row in worst
        ],
        caption="Drift by column; reference and current are rows",
    )
    return beside(figure(plot, caption), numbers)


def _excess(row: Part) -> tuple[bool, float]:
    """Drifted columns first, then by PSI over threshold."""
    psi, threshold = row.number("psi") or 0.0, row.number("threshold")
    return row.flag("drifted") is True, psi / threshold if threshold else 0.0


def _steady(drifted: bool | None) -> bool | None:
    return None if drifted is None else not drifted
