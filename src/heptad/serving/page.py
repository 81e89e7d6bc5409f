"""The page a person sees at GET /: what can be asked of this service, to be copied into a terminal."""

from __future__ import annotations

import html
import json
import shlex
from typing import Any, Final

from heptad.declare.framing import Classification, Framing, Ranking
from heptad.declare.retrieval import Retrieval
from heptad.declare.schema import Schema
from heptad.declare.types import Kind, Role
from heptad.serving.service import Service

_EXAMPLES: Final[dict[Kind, Any]] = {
    Kind.ID: 1,
    Kind.TEXT: "text",
    Kind.FLOAT: 4.5,
    Kind.INT: 1,
    Kind.BOOL: True,
    Kind.TEXTS: ["text"],
    Kind.TIME: "2026-01-01T12:00:00Z",
}


def page(service: Service, base: str, *, keyed: bool = False) -> str:
    """A self-contained page for the service at the address ``base``; ``keyed`` where it asks for a key."""
    event = service.declaration.label.event
    question, calls = _asking(service.declaration.framing)
    calls += [
        ("An event, acknowledged when it is durable and counted", f"events/{event.__name__}", example(event)),
    ]
    rows = "".join(
        f"<h2>{title}</h2><pre>{html.escape(_curl(f'{base}/{path}', body, keyed))}</pre>"
        for title, path, body in calls
    )
    streams = ", ".join(f"<code>/events/{html.escape(name)}</code>" for name in service.streams)
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>heptad</title>"
        "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem}"
        "pre{background:#f4f4f5;padding:.8rem;border-radius:6px;overflow-x:auto}h2{font-size:1rem}</style>"
        f"<h1>{html.escape(question)}</h1>"
        f'<p>Served by heptad. <a href="/health">Health</a>, <a href="/openapi.json">OpenAPI</a>, <a href="/metrics">metrics</a>. Rows can be posted to {streams}.</p>{rows}</html>'
    )


def _asking(framing: Framing) -> tuple[str, list[tuple[str, str, dict[str, Any]]]]:
    """What this service is for, and the calls that ask it."""
    match framing:
        case Retrieval():  # has a service and a page of its own
            return f"{framing.table.__name__}: which look like this picture?", []
        case Ranking():
            event, user, item = framing.objective.label.event, framing.user.name, framing.item.name
            return f"{event.__name__}: which {item} for this {user}?", [
                ("Ranked items for a user", "rank", {"user": 1, "n": 5}),
                ("Features, live", "features", {user: 1, item: [1, 2]}),
            ]
        case Classification():
            event = framing.event
            apart = (Role.KEY, Role.TIME, Role.KNOWN_AT, Role.REQUEST)
            row = {n: v for n, v in example(event).items() if event.fields[n].role not in apart}
            return f"{event.__name__}: {framing.objective.label!r}?", [
                ("The probability, before the event counts", "predict", row),
                ("Features, live", "features", row),
            ]


def example(cls: type[Schema]) -> dict[str, Any]:
    """A row of a class, for a person to copy and change."""
    return {
        name: [0.0] * f.size if f.size else _EXAMPLES[f.kind]
        for name, f in cls.fields.items()
        if f.lookup is None
    }


def _curl(url: str, body: dict[str, Any], keyed: bool) -> str:
    key = ' -H "authorization: Bearer $HEPTAD_API_KEY"' if keyed else ""
    return f"curl -s {shlex.quote(url)}{key} -d '{json.dumps(body)}'"
