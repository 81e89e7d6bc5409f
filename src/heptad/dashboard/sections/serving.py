"""Serving: how fast the answers were, and whether the features in them were right."""

from __future__ import annotations

from heptad.dashboard.charts.latency import histogram, stages
from heptad.dashboard.html import (
    NOTHING,
    Column,
    Html,
    Section,
    beside,
    figure,
    join,
    table,
    tag,
    text,
    verdict,
)
from heptad.dashboard.numbers import milliseconds, part_of, whole
from heptad.dashboard.reading import Part
from heptad.errors import DeclarationError
from heptad.times import MILLISECOND, duration


def latency(summary: Part) -> Section | None:
    """The histogram of requests with its percentiles, and where the time went."""
    part = summary.part("latency_ms")
    if not part:
        return None
    marks = {name: value for name in ("p50", "p99") if (value := part.number(name)) is not None}
    shape = part.part("histogram")
    plot = histogram(
        "latency",
        "Histogram of request latency with the median and the 99th percentile.",
        shape.numbers("edges_ms"),
        shape.numbers("counts"),
        marks,
        _budget(summary),
    )
    caption = (
        "Each bar counts requests; blue lines are the median and the 99th percentile, the red dashed line is "
        "the stated budget. Watch the right tail, not the peak."
    )
    rows = []
    for name, stage in part.part("stages").named():
        p50, p99 = stage.number("p50"), stage.number("p99")
        if p50 is not None and p99 is not None:
            rows.append((name, p50, p99))
    parts = figure(
        stages("stages", f"Median and 99th percentile of {len(rows)} stages.", rows),
        "Where a request spends its time: the strong bar is the median, the pale one the 99th percentile.",
    )
    facts = [
        (name, part.number(key)) for name, key in (("median", "p50"), ("99th", "p99"), ("longest", "max"))
    ]
    lead = " · ".join(f"{name} {milliseconds(value)} ms" for name, value in facts if value is not None)
    requests = part.number("requests")
    counted = f" over {whole(requests)} requests" if requests is not None else ""
    return Section("latency", "Serving latency", lead + counted, beside(figure(plot, caption), parts))


def _budget(summary: Part) -> float | None:
    """The stated 99th percentile in milliseconds, where the requirement is written as a duration."""
    for row in summary.parts("requirements"):
        if row.text("name") == "p99":
            try:
                return duration(row.text("target").lstrip("<=≤ ")) / MILLISECOND
            except DeclarationError:
                return None
    return None


def audit(summary: Part) -> Section | None:
    """Served values recomputed from the raw log, and the two faults planted to test the audit itself."""
    part = summary.part("audit")
    if not part:
        return None
    names = (
        ("compared", "compared"),
        ("equal", "equal to the last bit"),
        ("late", "changed by late events"),
        ("mismatches", "wrong"),
    )
    compared = part.number("compared")
    rows = []
    for key, name in names:
        value = part.number(key)
        if value is not None:
            share = part_of(value, compared) if compared and key in ("equal", "late") else ""
            rows.append([text(name), text(whole(value)), text(share)])
    counts = table(
        [Column("values"), Column("count", True), Column("share", True)], rows, caption="Audit", shown=False
    )
    planted = [
        [
            text(fault.text("fault")),
            verdict(fault.flag("found"), "found", "MISSED"),
            text(fault.text("detail")),
        ]
        for fault in part.parts("planted")
    ]
    faults = (
        table(
            [Column("planted fault", prose=True), Column("audit"), Column("detail", prose=True)],
            planted,
            caption="Planted faults",
            shown=False,
        )
        if planted
        else NOTHING
    )
    lead = (
        "Logged answers recomputed from the raw events by the slow interpreter that defines the meaning of "
        "the plan. A late event is no fault: it is counted apart."
    )
    return Section("audit", "Audit", lead, beside(counts, faults))


def requirements(summary: Part) -> Section | None:
    """Every number stated in step one, as measured."""
    rows: list[list[Html]] = [
        [
            text(row.text("name")),
            text(row.text("target")),
            text(row.text("measured")),
            verdict(row.flag("holds")),
        ]
        for row in summary.parts("requirements")
    ]
    if not rows:
        return None
    columns = [Column("requirement"), Column("stated", True), Column("measured", True), Column("")]
    body = table(columns, rows, caption="Requirements, stated and measured", shown=False)
    return Section("requirements", "Requirements", "", join(tag("div", body, class_="narrow")))
