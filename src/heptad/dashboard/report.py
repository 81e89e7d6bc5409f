"""The report of a run: one HTML file with everything in it, readable anywhere, for ever."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from heptad.dashboard.html import Html, Section, join, tag, text
from heptad.dashboard.reading import Part
from heptad.dashboard.sections.decision import calibration, gate, kpi
from heptad.dashboard.sections.detection import detection
from heptad.dashboard.sections.disease import disease
from heptad.dashboard.sections.drift import drift
from heptad.dashboard.sections.headline import footer, header
from heptad.dashboard.sections.intake import intake
from heptad.dashboard.sections.metrics import metrics, slices
from heptad.dashboard.sections.pictures import index, pictures
from heptad.dashboard.sections.provenance import data, models, plan, stage_times
from heptad.dashboard.sections.serving import audit, latency, requirements

#: The page asks for nothing beyond itself, and the browser is told to refuse if it did.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

_SECTIONS: tuple[Callable[[Part], Section | None], ...] = (
    disease,
    pictures,
    metrics,
    detection,
    slices,
    calibration,
    kpi,
    gate,
    index,
    latency,
    audit,
    drift,
    requirements,
    intake,
    models,
    plan,
    stage_times,
    data,
)


def render(summary: Mapping[str, Any]) -> str:
    """The report of a run summary as one HTML page.

    Every key of the summary is optional: a section without data is left out. Equal summaries give equal
    bytes. Needs matplotlib (`MissingExtra` says how to get it); a value of the wrong kind is a `DataError`
    that names its path.
    """
    part = Part(summary)
    shown = [section for make in _SECTIONS if (section := make(part)) is not None]
    title = " · ".join(name for name in (part.text("system"), "heptad report") if name)
    style = files("heptad.dashboard").joinpath("report.css").read_text(encoding="utf-8")
    head = join(
        Html('<meta charset="utf-8">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'),
        Html('<meta name="color-scheme" content="light dark">'),
        tag("title", text(title)),
        Html(f"<style>{style}</style>"),
    )
    main = tag("main", header(part), *(section.html() for section in shown), footer())
    page = tag("div", _contents(shown), main, class_="page")
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>{page}</body></html>\n'


def write(summary: Mapping[str, Any], path: Path | str) -> Path:
    """Write the report to a file, whole or not at all, and return its path."""
    target = Path(path)
    page = render(summary)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".part")
    partial.write_text(page, encoding="utf-8")
    return partial.replace(target)


def _contents(sections: list[Section]) -> Html:
    """The table of contents."""
    links = [tag("li", tag("a", text(section.title), href=f"#{section.identifier}")) for section in sections]
    return tag(
        "nav", tag("p", tag("a", text("heptad"), href="#top")), tag("ol", *links), aria_label="Contents"
    )
