"""The disease and the cure: what each way of computing features promises offline, and what it delivers."""

from __future__ import annotations

from heptad.dashboard.charts.comparison import Pair, pairs
from heptad.dashboard.html import NOTHING, Column, Html, Section, beside, figure, join, table, tag, text
from heptad.dashboard.numbers import MISSING, between, percent, score, signed
from heptad.dashboard.reading import Part
from heptad.dashboard.sections.subject import gain


def disease(summary: Part) -> Section | None:
    """Offline score against replayed score for each way of computing features, heptad beside."""
    part = summary.part("disease")
    rows, metric = part.parts("rows"), part.text("metric") or "score"
    if not rows:
        return None
    plot = pairs(
        "disease",
        f"Paired bars of {metric}: offline and replayed, for {', '.join(row.text('name') for row in rows)}.",
        [
            Pair(
                row.text("name"),
                row.number("offline"),
                row.interval("offline_interval"),
                row.number("replayed"),
                row.interval("replayed_interval"),
            )
            for row in rows
        ],
        metric,
        ("offline: what the notebook says", "replayed: what users get"),
    )
    caption = (
        "See whether the two bars of a pair agree. A pale bar longer than the strong one below it is a promise "
        "that serving does not keep; whiskers are 95 % intervals."
    )
    numbers = table(
        [
            Column("features computed by", prose=True),
            Column("offline", True),
            Column("replayed", True),
            Column("gap", True),
        ],
        [_row(row, metric) for row in rows],
        caption=f"{metric} by way of computing features",
    )
    lead = (
        "The same model, trained on features computed in different ways. Offline is the score on the "
        "training pipeline's own features; replayed is the score when requests are answered one by one, with "
        "only what was known at the time."
    )
    return Section("disease", "The disease and the cure", lead, beside(figure(plot, caption), numbers))


def _row(row: Part, metric: str) -> list[Html]:
    offline, replayed = row.number("offline"), row.number("replayed")
    name = tag("div", tag("b", text(row.text("name"))))
    what = tag("div", text(row.text("what")), class_="small") if row.text("what") else NOTHING
    gap = text(MISSING)
    if offline is not None and replayed is not None:
        lost = gain(metric, replayed, offline)
        share = tag("div", text(percent(lost / abs(offline))), class_="small") if offline else NOTHING
        gap = join(tag("div", text(signed(lost))), share)
    return [
        join(name, what),
        _score(offline, row.interval("offline_interval")),
        _score(replayed, row.interval("replayed_interval")),
        gap,
    ]


def _score(value: float | None, interval: tuple[float, float] | None) -> Html:
    spread = tag("div", text(between(interval)), class_="small") if interval else NOTHING
    return join(tag("div", text(score(value))), spread)
