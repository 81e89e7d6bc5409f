"""From scores to a decision: calibration, the KPI beside the loss, and the gate with its reasons."""

from __future__ import annotations

from heptad.dashboard.charts.calibration import Bin, loss_and_kpi, reliability
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
from heptad.dashboard.numbers import between, score, significant, whole
from heptad.dashboard.reading import Part
from heptad.dashboard.sections.subject import in_order, subject_model


def calibration(summary: Part) -> Section | None:
    """Whether a predicted probability of 0.2 comes true one time in five."""
    part, own = summary.part("calibration"), subject_model(summary)
    if not part:
        return None
    curves = {model: _bins(part.parts(model)) for model in in_order(part.names(), own)}
    plot = reliability("calibration", f"Observed against predicted for {', '.join(curves)}.", curves)
    caption = (
        "On the dashed line a probability means what it says; above it the model promises too little, below "
        "it too much. Whiskers are 95 % Wilson intervals of the first model's bins."
    )
    numbers = table(
        [
            Column("model"),
            Column("rows", True),
            Column("predicted", True),
            Column("observed", True),
            Column("ratio", True),
        ],
        [_totals(model, bins, own) for model, bins in curves.items()],
        caption="On average: predicted, observed, and observed over predicted",
    )
    return Section("calibration", "Calibration", "", beside(figure(plot, caption), numbers))


def _bins(rows: list[Part]) -> list[Bin]:
    found = []
    for row in rows:
        predicted, observed, n = row.number("predicted"), row.number("observed"), row.count("n")
        if predicted is not None and observed is not None and n:
            found.append(Bin(predicted, observed, n))
    return found


def _totals(model: str, bins: list[Bin], own: str) -> list[Html]:
    n = sum(one.n for one in bins)
    predicted = sum(one.predicted * one.n for one in bins) / n if n else None
    observed = sum(one.observed * one.n for one in bins) / n if n else None
    ratio = observed / predicted if predicted and observed is not None else None
    name = tag("b", text(model)) if model == own else text(model)
    return [name, *(text(cell) for cell in (whole(n), score(predicted), score(observed), significant(ratio)))]


def kpi(summary: Part) -> Section | None:
    """The number the business wants beside the loss the model was trained on."""
    part, own = summary.part("kpi"), subject_model(summary)
    if not part:
        return None
    models = part.part("by_model")
    name = part.text("name") + (f" ({part.text('unit')})" if part.text("unit") else "")
    points = {}
    for model in in_order(models.names(), own):
        loss, value = models.part(model).number("loss"), models.part(model).number("kpi")
        if loss is not None and value is not None:
            points[model] = (loss, value)
    plot = loss_and_kpi("kpi", f"Loss and {name} of {len(points)} models.", points, ("loss", name), own)
    caption = (
        "The better corner is top left. Where a point lies right of another and still above it, the loss and "
        "the KPI disagree about which model is better. The axes show the range of the models, not from zero."
    )
    numbers = table(
        [Column("model"), Column("loss ↓", True), Column("KPI ↑", True)],
        [
            [
                tag("b", text(model)) if model == own else text(model),
                text(score(values.number("loss"))),
                text(significant(values.number("kpi"), 4)),
            ]
            for model, values in ((m, models.part(m)) for m in in_order(models.names(), own))
        ],
        caption=f"KPI: {name}",
    )
    said = part.texts("disagreements")
    if said:
        notes = tag("ul", *(tag("li", text(line)) for line in said), class_="notes")
        opinion = join(tag("h3", text("Where they disagree")), notes)
    else:
        opinion = tag("p", text("The run reported no disagreement between the loss and the KPI."))
    return Section("kpi", "KPI beside loss", "", beside(figure(plot, caption), join(numbers, opinion)))


def gate(summary: Part) -> Section | None:
    """Every check a model had to pass to go live, with the reason."""
    part = summary.part("gate")
    if not part:
        return None
    passed = part.flag("passed")
    said = "The model may go live." if passed else "The model stays out; the one before it keeps serving."
    lead = said if passed is not None else ""
    rows = []
    for check in part.parts("checks"):
        low, high = check.ends()
        spread = None if low is None or high is None else (low, high)
        rows.append(
            [
                text(check.text("check")),
                text(significant(check.number("measured"), 4)),
                text(between(spread)),
                text(significant(check.number("bound"), 4)),
                verdict(check.flag("passed"), "passed", "refused"),
                text(check.text("why")),
            ]
        )
    columns = [
        Column("check"),
        Column("measured", True),
        Column("95 % interval", True),
        Column("bound", True),
        Column("verdict"),
        Column("why", prose=True),
    ]
    body = table(columns, rows, caption="Checks of the gate", shown=False) if rows else NOTHING
    return Section("gate", "Gate", lead, body)
