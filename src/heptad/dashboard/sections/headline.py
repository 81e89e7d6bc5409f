"""The top of the page: what ran, and the five answers a reader came for."""

from __future__ import annotations

from heptad.dashboard.html import NOTHING, Html, code, join, tag, text
from heptad.dashboard.numbers import between, lower_is_better, milliseconds, score, whole
from heptad.dashboard.reading import Part
from heptad.dashboard.sections.subject import in_order, primary_metric, subject_model


def header(summary: Part) -> Html:
    """Name, one line, provenance, and the cards."""
    facts = [
        ("version", text(summary.text("version"))),
        (
            "created",
            text(summary.text("created").replace("T", " ").replace("+00:00", " UTC").replace("Z", " UTC")),
        ),
        ("plan", code(summary.text("plan_hash"), 12)),
        ("rows", text(_rows(summary.part("rows")))),
    ]
    provenance = [tag("span", tag("b", text(name)), text(" "), fact) for name, fact in facts if fact]
    cards = [
        card
        for card in (_gate(summary), _quality(summary), _audit(summary), _latency(summary), _stated(summary))
        if card
    ]
    return tag(
        "header",
        tag("p", text("heptad run report"), class_="kicker"),
        tag("h1", text(summary.text("system") or "run")),
        tag("p", text(summary.text("title")), class_="lead") if summary.text("title") else NOTHING,
        tag("p", *provenance, class_="provenance") if provenance else NOTHING,
        tag("div", *cards, class_="cards") if cards else NOTHING,
        id="top",
    )


def _card(name: str, value: str, tone: str, *notes: Html) -> Html:
    """One answer: a large value and what it is compared with."""
    return tag(
        "div",
        tag("p", text(name), class_="name"),
        tag("p", text(value), class_="value"),
        *(tag("p", note, class_="note") for note in notes),
        class_=f"card {tone}".strip(),
    )


def _gate(summary: Part) -> Html:
    gate = summary.part("gate")
    passed = gate.flag("passed")
    if passed is None:
        return NOTHING
    checks = [check.flag("passed") for check in gate.parts("checks")]
    held = f"{sum(check is True for check in checks)} of {len(checks)} checks hold" if checks else ""
    return _card("Gate", "passed" if passed else "refused", "good" if passed else "bad", text(held))


def _quality(summary: Part) -> Html:
    metric, own = primary_metric(summary), subject_model(summary)
    metrics, intervals = summary.part("metrics"), summary.part("intervals")
    value = metrics.part(own).number(metric)
    if value is None:
        return NOTHING
    others = [model for model in in_order(metrics.names(), own) if model != own]
    known = [(model, metrics.part(model).number(metric)) for model in others]
    ranked = sorted(
        ((model, number) for model, number in known if number is not None),
        key=lambda pair: pair[1] if lower_is_better(metric) else -pair[1],
    )
    spread = between(intervals.part(own).interval(metric))
    notes = [text(f"95 %: {spread}")] if spread else []
    notes += [text(f"{model} {score(number)}") for model, number in ranked[:3]]
    return _card(metric.upper() if "@" in metric else metric, score(value), "", *notes)


def _audit(summary: Part) -> Html:
    audit = summary.part("audit")
    wrong, compared = audit.count("mismatches"), audit.count("compared")
    if wrong is None or compared is None:
        return NOTHING
    planted = [fault.flag("found") for fault in audit.parts("planted")]
    found = f"{sum(one is True for one in planted)} of {len(planted)} planted faults found" if planted else ""
    good = wrong == 0 and compared > 0 and False not in planted
    return _card(
        "Audit: values wrong",
        whole(wrong),
        "good" if good else "bad",
        text(f"of {whole(compared)} compared"),
        text(found),
    )


def _latency(summary: Part) -> Html:
    latency = summary.part("latency_ms")
    p99 = latency.number("p99")
    if p99 is None:
        return NOTHING
    stated = next((row for row in summary.parts("requirements") if row.text("name") == "p99"), Part({}))
    holds = stated.flag("holds")
    tone = "" if holds is None else "good" if holds else "bad"
    notes = [text(f"stated: {stated.text('target')}")] if stated.text("target") else []
    notes += (
        [text(f"median {milliseconds(latency.number('p50'))} ms")]
        if latency.number("p50") is not None
        else []
    )
    return _card("99th percentile", f"{milliseconds(p99)} ms", tone, *notes)


def _stated(summary: Part) -> Html:
    rows = [row.flag("holds") for row in summary.parts("requirements")]
    if not rows:
        return NOTHING
    held, failed = sum(row is True for row in rows), sum(row is False for row in rows)
    rest = len(rows) - held - failed
    note = f"{failed} fail" + (f", {rest} not measured" if rest else "")
    return _card("Requirements hold", f"{held} of {len(rows)}", "bad" if failed else "good", text(note))


def _rows(rows: Part) -> str:
    """How much data there was, in one line."""
    names = [key for key in ("events", "train", "test", "requests") if rows.count(key) is not None]
    return " · ".join(f"{whole(rows.number(name))} {name}" for name in names)


def footer() -> Html:
    """What the page is made of."""
    return tag("footer", join(text("Written by heptad. One file: no script, no network, no tracking.")))
