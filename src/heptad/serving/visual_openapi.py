"""OpenAPI 3.1 of a search by pictures: its paths, and the JSON Schema of its rows and answers."""

from __future__ import annotations

import inspect
from typing import Any, Final

import msgspec

from heptad.models.vision.picture import LARGEST_BYTES
from heptad.serving.openapi import COMPONENT, Json, call, document, posted, ref, row_schema, rows_body
from heptad.serving.visual import ABSENT, Looks, VisualService
from heptad.state.admission import Verdict

_BINARY: Final[Json] = {"type": "string", "format": "binary", "maxLength": LARGEST_BYTES}
_NUMBER: Final[Json] = {"type": "integer", "minimum": 0}
_HEALTH: Final[Json] = {
    "type": "object",
    "properties": {
        "status": {"enum": ["ok", "degraded", "draining"]},
        "items": {**_NUMBER, "description": "Rows that can be found."},
        "embedding": {"type": "string"},
        "model": {"type": "string"},
        "changes": {**_NUMBER, "description": "Rows posted and deleted, all told."},
        "problems": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["status", "items", "embedding", "model", "changes", "problems"],
}


def openapi_of_search(service: VisualService, *, rows: int) -> Json:
    """The document; ``rows`` is how many one post may hold."""
    name, shown = service.table.__name__, service.declaration.requirements.shown
    _, components = msgspec.json.schema_components([Looks], ref_template=COMPONENT)
    components["Looks"]["description"] = inspect.cleandoc(components["Looks"]["description"])
    components |= {
        f"Row{name}": row_schema(service.table),
        "Posted": posted(str(Verdict.ACCEPTED), ABSENT, offset={"type": ["integer", "null"]}),
        "Health": _HEALTH,
    }
    search = call("The rows that look like a picture", {}, ref("Looks"))
    search["requestBody"]["content"] = {kind: {"schema": _BINARY} for kind in ("image/jpeg", "image/png")}
    search["parameters"] = [
        _query(
            "n", {"type": "integer", "minimum": 1, "maximum": service.nearest, "default": shown}, "How many."
        ),
        _query("exclude", {"type": "string"}, "A key that is not to be shown."),
        *(_query(filter_, {"type": "string"}, "Only rows with this value.") for filter_ in service.filters),
    ]
    delete = call(f"Find a row of {name} no longer", None, ref("Posted"))
    delete["parameters"] = [{"name": "key", "in": "path", "required": True, "schema": {"type": "string"}}]
    paths = {
        "/health": {"get": call("How the service is", None, ref("Health"))},
        "/search": {"post": search},
        f"/events/{name}": {"post": call(f"Post rows of {name}, all or none", rows_body(name, rows), ref("Posted"))},
        f"/events/{name}/{{key}}": {"delete": delete},
    }  # fmt: skip
    return document(name, paths, components)


def _query(name: str, schema: Json, said: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": said}
