"""A classification's finds: who is caught at which cost, by score and by period."""

from __future__ import annotations

from heptad.dashboard.charts.detection import lines, scores
from heptad.dashboard.html import Column, Html, Section, beside, figure, join, table, tag, text
from heptad.dashboard.numbers import score, significant, whole
from heptad.dashboard.reading import Part
from heptad.dashboard.sections.subject import in_order, subject_model


def detection(summary: Part) -> Section | None:
    """The precision-recall curve, the scores by outcome, precision at the load by period, and the review."""
    part = summary.part("detection")
    if not part:
        return None
    own = subject_model(summary)
    curves = part.part("curve")
    models = in_order(curves.names(), own)
    found = {model: _points(curves, model) for model in models}
    plot = lines(
        "precision-recall",
        f"Precision against recall of {', '.join(models)}.",
        {model: line for model, line in found.items() if len(line[0]) > 1},
        ("recall: share of the true labels found", "precision"),
    )
    held = part.part("scores")
    review = part.part("review")
    spread = scores(
        "scores", "Predicted probabilities by outcome.", held.numbers("edges"), held.numbers("true"),
        held.numbers("false"), review.number("threshold"),
    )  # fmt: skip
    cases, positives = part.number("cases"), part.number("positives")
    lead = (
        f"{whole(positives)} of {whole(cases)} cases have a true label; "
        f"{whole(review.number('load'))} per {review.text('every')} are reviewed."
    )
    flagged = review.number("flagged")
    threshold = (
        f"The threshold that is served, {significant(review.number('threshold'), 3)}, was set on training rows held "
        f"out; in the test it would have sent {significant(flagged, 3)} to review per {review.text('every')}."
        if flagged is not None
        else ""
    )
    body = join(
        beside(
            figure(
                plot, "Every cut of the ranking: how much is found, and how much of what is shown is right."
            ),
            figure(
                spread,
                "Outcomes lie apart where the model tells them apart; each is a share of its own rows.",
            ),
        ),
        tag("p", text(threshold)) if threshold else Html(""),
        _by_period(part.part("precision"), models),
    )
    return Section("detection", "What is found", lead, body)


def _points(curves: Part, model: str) -> tuple[list[float], list[float]]:
    pairs = [(float(x), float(y)) for x, y in curves.data.get(model) or ()]
    return [x for x, _ in pairs], [y for _, y in pairs]


def _by_period(part: Part, models: list[str]) -> Html:
    """The precision at the load of every period, as lines and as numbers."""
    by_model = part.part("by_model")
    values = {model: by_model.numbers(model) for model in models if model in by_model.names()}
    periods = len(next(iter(values.values()), []))
    if not periods:
        return Html("")
    plot = lines(
        "precision-by-period",
        f"{part.text('metric')}, period by period.",
        {model: (list(range(1, len(found) + 1)), found) for model, found in values.items()},
        ("period of the test", part.text("metric")),
        marked=True,
    )
    rows = [
        [text(model), *(text(score(value)) for value in found), text(score(sum(found) / len(found)))]
        for model, found in values.items()
    ]
    heads = [Column("model"), *(Column(str(n + 1), True) for n in range(periods)), Column("mean", True)]
    numbers = table(heads, rows, caption=f"{part.text('metric')}, period by period")
    return beside(figure(plot, "How steady the finds are: one point per period."), numbers)
