"""Quality: every metric of every model, paired differences, and the slices with and without history."""

from __future__ import annotations

from heptad.dashboard.charts.canvas import ACCENT, BAD, MUTED
from heptad.dashboard.charts.comparison import Dot, axis_start, dots
from heptad.dashboard.html import NOTHING, Column, Html, Section, beside, figure, join, table, tag, text
from heptad.dashboard.numbers import between, lower_is_better, score, signed, whole
from heptad.dashboard.reading import Part
from heptad.dashboard.sections.subject import in_order, primary_metric, subject_model


def metrics(summary: Part) -> Section | None:
    """The main metric with intervals, the paired differences, and the table of all metrics."""
    measured, spreads = summary.part("metrics"), summary.part("intervals")
    if not measured:
        return None
    metric, own = primary_metric(summary), subject_model(summary)
    rows = _dots(measured, spreads, metric, own)
    plot = dots(
        "metrics",
        f"{metric} of {len(rows)} models with 95 % intervals.",
        sorted(rows, key=lambda row: row.value if lower_is_better(metric) else -row.value),
        metric,
        start=axis_start(metric, _ends(rows)),
    )
    figures = beside(
        figure(plot, f"{metric} of each model, best first; whiskers are 95 % bootstrap intervals."),
        _paired_figure(summary, metric),
    )
    lead = "All models answered the same requests with the same information."
    body = join(figures, _all_metrics(measured, spreads, own), _paired_table(summary))
    return Section("metrics", "Quality and its uncertainty", lead, body)


def slices(summary: Part) -> Section | None:
    """The main metric apart for users with and without history (or whatever the run sliced by)."""
    parts = list(summary.part("slices").named())
    if not parts:
        return None
    metric, own = primary_metric(summary), subject_model(summary)
    rows = [
        row
        for name, part in parts
        for row in _dots(part.part("metrics"), part.part("intervals"), metric, own, _slice_title(name, part))
    ]
    plot = dots(
        "slices",
        f"{metric} by slice and model with 95 % intervals.",
        rows,
        metric,
        start=axis_start(metric, _ends(rows)),
    )
    caption = f"{metric} within each slice. Wide whiskers mean few requests: read the order there with care."
    models = in_order(list(dict.fromkeys(m for _, part in parts for m in part.part("metrics").names())), own)
    numbers = table(
        [Column("model"), *(Column(name, True) for name, _ in parts)],
        [
            [
                _model(model, own),
                *(
                    _cell(
                        part.part("metrics").part(model).number(metric),
                        part.part("intervals").part(model).interval(metric),
                    )
                    for _, part in parts
                ),
            ]
            for model in models
        ],
        caption=f"{metric} by slice",
    )
    title, lead = (
        "With and without history",
        "An average hides who is served badly; these are the same answers, apart.",
    )
    if summary.part("pictures"):
        title = "Other columns as what is relevant"
        lead = "The same rankings: a result counts where it shares this column with the query."
    return Section("slices", title, lead, beside(figure(plot, caption), numbers))


def _slice_title(name: str, part: Part) -> str:
    n = part.number("n")
    return name if n is None else f"{name} (n = {whole(n)})"


def _dots(measured: Part, spreads: Part, metric: str, own: str, group: str = "") -> list[Dot]:
    """One dot per model that has this metric."""
    found = []
    for model in in_order(measured.names(), own):
        value = measured.part(model).number(metric)
        if value is not None:
            colour = ACCENT if model == own else MUTED
            found.append(Dot(model, value, spreads.part(model).interval(metric), colour, group))
    return found


def _ends(rows: list[Dot]) -> list[float]:
    return [end for row in rows for end in (row.value, *(row.interval or ()))]


def _paired_figure(summary: Part, metric: str) -> Html:
    """Differences of the main metric, with the line of no difference."""
    rows = []
    for pair in summary.parts("paired"):
        difference, (low, high) = pair.number("difference"), pair.ends()
        if pair.text("metric") != metric or difference is None:
            continue
        spread = None if low is None or high is None else (low, high)
        rows.append(Dot(f"vs {pair.text('against')}", difference, spread, _tone(metric, spread)))
    plot = dots(
        "paired",
        f"Paired differences of {metric} with 95 % intervals and a line at no difference.",
        rows,
        f"difference of {metric}",
        start=None,
        zero=True,
    )
    caption = (
        "The model under test minus each other one, request by request. An interval that leaves out zero "
        "is a difference beyond chance: blue is better, red is worse, grey is undecided."
    )
    return figure(plot, caption)


def _tone(metric: str, spread: tuple[float, float] | None) -> str:
    if spread is None or spread[0] <= 0.0 <= spread[1]:
        return MUTED
    return ACCENT if (spread[0] > 0.0) is not lower_is_better(metric) else BAD


def _all_metrics(measured: Part, spreads: Part, own: str) -> Html:
    """Models down, metrics across; the best of each column is bold."""
    names = list(dict.fromkeys(metric for _, values in measured.named() for metric in values.names()))
    best = {name: _best(name, [values.number(name) for _, values in measured.named()]) for name in names}
    rows = []
    for model in in_order(measured.names(), own):
        values = measured.part(model)
        cells = [_cell(values.number(name), spreads.part(model).interval(name), best[name]) for name in names]
        rows.append([_model(model, own), *cells])
    heads = [Column(f"{name} {'↓' if lower_is_better(name) else '↑'}", True) for name in names]
    caption = "All metrics; ↑ more is better, ↓ less is better, bold is best, small is the 95 % interval"
    return table([Column("model"), *heads], rows, caption=caption)


def _best(metric: str, values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    return min(known) if lower_is_better(metric) else max(known)


def _model(model: str, own: str) -> Html:
    return tag("b", text(model)) if model == own else text(model)


def _cell(value: float | None, spread: tuple[float, float] | None, best: float | None = None) -> Html:
    shown = text(score(value))
    written = tag("b", shown) if value is not None and value == best else shown
    return join(written, tag("div", text(between(spread)), class_="small") if spread else NOTHING)


def _paired_table(summary: Part) -> Html:
    pairs = summary.parts("paired")
    if not pairs:
        return NOTHING
    rows = []
    for pair in pairs:
        low, high = pair.ends()
        spread = None if low is None or high is None else (low, high)
        rows.append(
            [
                text(pair.text("metric")),
                tag("span", text(f"{pair.text('model')} − {pair.text('against')}"), class_="nowrap"),
                text(signed(pair.number("difference"))),
                text(f"{signed(low)} to {signed(high)}" if spread else ""),
                text(_reading(pair.text("metric"), spread)),
            ]
        )
    columns = [
        Column("metric"),
        Column("difference of"),
        Column("difference", True),
        Column("95 % interval", True),
        Column("reading"),
    ]
    return table(columns, rows, caption="Paired differences")


def _reading(metric: str, spread: tuple[float, float] | None) -> str:
    tone = _tone(metric, spread)
    return {ACCENT: "better", BAD: "worse", MUTED: "undecided"}[tone] if spread else "no interval"
