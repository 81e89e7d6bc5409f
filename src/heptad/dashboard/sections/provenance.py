"""Where it all came from: models and their lineage, the plan, the time each stage took, the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from heptad.dashboard.html import NOTHING, Column, Html, Section, code, join, paragraph, table, tag, text
from heptad.dashboard.numbers import seconds
from heptad.dashboard.reading import Part

_LONG = 20


def models(summary: Part) -> Section | None:
    """The versions in the registry, newest stage first as the run wrote them, with what made each."""
    rows = [
        [
            tag("b", text(model.text("version"))),
            tag(
                "span",
                text(model.text("stage")),
                class_=f"stage {'live' if model.text('stage') == 'champion' else ''}".strip(),
            ),
            tag("span", text(model.text("created").replace("T", " ").replace("Z", " UTC")), class_="nowrap"),
            _lineage(model.part("lineage").data),
        ]
        for model in summary.parts("models")
    ]
    if not rows:
        return None
    columns = [Column("version"), Column("stage"), Column("created"), Column("made from", prose=True)]
    return Section(
        "models",
        "Models and lineage",
        "",
        table(columns, rows, caption="Models in the registry", shown=False),
    )


def _lineage(lineage: Mapping[str, Any]) -> Html:
    """Names and values in one line; hashes are shortened, whole when pointed at."""
    pieces = [tag("span", text(f"{name} "), code(str(value), _LONG)) for name, value in lineage.items()]
    return tag("div", *pieces, class_="lineage") if pieces else NOTHING


def plan(summary: Part) -> Section | None:
    """The compiled plan as `heptad explain` prints it, folded away."""
    written = summary.text("explain")
    if not written:
        return None
    lines = written.count("\n") + 1
    name = f"Show the plan ({lines} line{'s' if lines > 1 else ''})"
    body = tag("details", tag("summary", text(name)), tag("pre", text(written)))
    return Section("plan", "The plan", "What the declaration was compiled to.", body)


def stage_times(summary: Part) -> Section | None:
    """How long each stage of the run took."""
    part = summary.part("seconds")
    times = [(name, value) for name in part.names() if (value := part.number(name)) is not None]
    if not times:
        return None
    longest = max(value for name, value in times if name != "total" or len(times) == 1) or 1.0
    rows = [
        [text(name), text(seconds(value)), NOTHING if name == "total" else _bar(value / longest)]
        for name, value in times
    ]
    columns = [Column("stage"), Column("time", True), Column("")]
    body = tag("div", table(columns, rows, caption="Time by stage", shown=False), class_="narrow")
    return Section("seconds", "Where the time went", "", body)


def _bar(share: float) -> Html:
    """A bar as long as a share of its cell."""
    width = f"{min(max(share, 0.0), 1.0):.1%}"
    return tag("div", tag("div", style=f"width:{width}"), class_="bar", aria_hidden="true")


def data(summary: Part) -> Section | None:
    """The data set, its licence and how to cite it."""
    part = summary.part("data")
    rows: list[list[Html]] = []
    for key, name in (("name", "Data set"), ("licence", "Licence"), ("citation", "Please cite")):
        if part.text(key):
            rows.append([text(name), text(part.text(key))])
    if part.text("sha256"):
        rows.append([text("SHA-256"), code(part.text("sha256"))])
    known = {"name", "licence", "citation", "sha256"}
    rows += [[text(key), text(part.text(key))] for key in part.names() if key not in known and part.text(key)]
    if not rows:
        return None
    listed = [join(tag("dt", name), tag("dd", value)) for name, value in rows]
    return Section("data", "Data, licence and citation", "", join(paragraph(""), tag("dl", *listed)))
