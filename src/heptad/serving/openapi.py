"""OpenAPI 3.1 of a service: its paths, and the JSON Schema of every body, from the event classes and the answers."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

import msgspec

from heptad.declare.field import Field
from heptad.declare.framing import Ranking
from heptad.declare.schema import Schema
from heptad.declare.types import Kind, Role
from heptad.plan.nodes import FieldPlan
from heptad.serving.answer import Answer, Prediction
from heptad.serving.schemas import schemas
from heptad.serving.service import FEATURE_ROWS, Health, Service
from heptad.state.admission import Verdict
from heptad.times import EARLIEST, LATEST

Json = dict[str, Any]

#: Where the document is served.
PATH: Final = "/openapi.json"
COMPONENT: Final = "#/components/schemas/{name}"
_NUMBER_OR_NULL: Final[Json] = {"type": ["number", "null"]}
_INT64: Final[Json] = {"type": "integer", "minimum": -(2**63) + 1, "maximum": 2**63 - 1}
_KINDS: Final[Mapping[Kind, Json]] = {
    Kind.ID: {"anyOf": [_INT64, {"type": "string"}]},
    Kind.TEXT: {"type": "string"},
    Kind.FLOAT: {"type": "number"},
    Kind.INT: _INT64,
    Kind.BOOL: {"type": "boolean"},
    Kind.TEXTS: {"type": "array", "items": {"type": "string"}},
    Kind.IMAGE: {
        "type": "string",
        "contentEncoding": "base64",
        "description": "The bytes of a JPEG or PNG file.",
    },
    Kind.TIME: {
        "anyOf": [
            {"type": "integer", "minimum": EARLIEST, "maximum": LATEST, "description": "Microseconds UTC."},
            {"type": "string", "format": "date-time", "description": "ISO 8601 with a zone."},
        ]
    },
}
_ROLES: Final[Mapping[Role, str]] = {
    Role.KEY: "The event's own id, by which duplicates are found.",
    Role.TIME: "When it happened; of a table's row, when it becomes true.",
    Role.KNOWN_AT: "When it could first be known.",
    Role.REQUEST: "The id of the answer that it came from.",
    Role.VERSION: "Orders rows that become true at one time.",
    Role.DELETED: "Whether this row deletes its entity.",
}
_ERRORS: Final[Mapping[int, str]] = {
    401: "No key, or a wrong one.",
    413: "A body that is too long, or of too many rows.",
    422: "Something to mend: the error says what and how; nothing was logged.",
    429: "More requests than this key may make: see Retry-After.",
    503: "Too many requests at once, a service that is ending, or a log that takes nothing: see Retry-After.",
}


def openapi(service: Service, *, rows: int) -> Json:
    """The document; ``rows`` is how many events one post may hold."""
    event = service.declaration.label.event
    classes = schemas(service.declaration)
    _, components = msgspec.json.schema_components([Answer, Prediction, Health], ref_template=COMPONENT)
    for name, cls in classes.items():
        components[f"Row{name}"] = row_schema(cls)
    components |= {"Posted": posted(*map(str, Verdict)), "Features": _FEATURES}
    _nan_is_null(components)
    paths: Json = {
        "/health": {"get": call("How the service is", None, ref("Health"))},
        "/features": {
            "post": call("Every feature, live", _features_body(service.feature_fields), ref("Features"))
        },
    }
    if isinstance(service.declaration.framing, Ranking):
        paths["/rank"] = {"post": call("Ranked items for a user", _rank_body(service), ref("Answer"))}
    else:
        paths["/predict"] = {"post": call("Decide about an event", _case_body(service), ref("Prediction"))}
    for name in classes:
        posting = call(f"Post rows of {name}, all or none", rows_body(name, rows), ref("Posted"))
        paths[f"/events/{name}"] = {"post": posting}
    components["Answer"], components["Prediction"], components["Health"] = (
        {**components[name], "description": inspect.cleandoc(components[name]["description"])}
        for name in ("Answer", "Prediction", "Health")
    )
    return document(event.__name__, paths, components)


def document(title: str, paths: Json, components: Json) -> Json:
    """The whole document of a service behind the `Door`."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"heptad: {title}",
            "version": version("heptad"),
            "description": "Of keys that a JSON object holds twice the last one counts.",
        },
        "paths": paths,
        "components": {
            "schemas": components | {"Error": _ERROR},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}, {}],
    }


def rows_body(name: str, most: int) -> Json:
    """A row of a class, or a list of them."""
    row = ref(f"Row{name}")
    return {"anyOf": [row, {"type": "array", "items": row, "minItems": 1, "maxItems": most}]}


def row_schema(cls: type[Schema]) -> Json:
    """The JSON Schema of a row of a class, as `Schema.parse` takes it."""
    sent = {name: field for name, field in cls.fields.items() if field.lookup is None}
    deletes = any(field.role is Role.DELETED for field in sent.values())
    optional = {
        name for name, f in sent.items()
        if f.optional or f.kind is Kind.FLOAT or (deletes and f.is_fact)
    }  # fmt: skip
    schema: Json = {
        "type": "object",
        "properties": {name: _column(field, name in optional) for name, field in sent.items()},
        "required": [name for name in sent if name not in optional],
        "additionalProperties": False,
    }
    if "__doc__" in vars(cls) and cls.__doc__:
        schema["description"] = inspect.cleandoc(cls.__doc__)
    return schema


def _column(field: Field, optional: bool) -> Json:
    held = dict(_kind(field.kind, field.size))
    expect = field.expect
    if expect is not None and expect.values is not None:
        held = {"enum": list(expect.values)}
    elif expect is not None:
        bounds = {"minimum": expect.low, "maximum": expect.high}
        held |= {name: bound for name, bound in bounds.items() if bound is not None}
    if optional:
        held = {"anyOf": [held, {"type": "null"}]}
    said = _ROLES.get(field.role, "")
    if field.ref is not None:
        said = f"The id of a {field.ref.__name__}."
    return {**held, "description": said} if said else held


def _kind(kind: Kind, size: int) -> Json:
    if kind is Kind.VECTOR:
        return {"type": "array", "items": {"type": "number"}, "minItems": size, "maxItems": size}
    return _KINDS[kind]


def _values(fields: Mapping[str, FieldPlan], *, must: tuple[str, ...] = ()) -> Json:
    """An object of request columns: any may be left out or null, but those that features are counted by."""
    return {
        "type": "object",
        "properties": {
            name: _kind(f.kind, f.size) if name in must else {"anyOf": [_kind(f.kind, f.size), {"type": "null"}]}
            for name, f in fields.items()
        },
        "required": list(must),
        "additionalProperties": False,
    }  # fmt: skip


def _rank_body(service: Service) -> Json:
    shape, needs = service.shape, service.declaration.requirements
    context = _values(shape.context, must=shape.required)
    shown = {"type": ["integer", "null"], "minimum": 1, "maximum": needs.candidates, "default": needs.shown}
    return {
        "type": "object",
        "properties": {
            "user": _KINDS[Kind.ID],
            "n": {**shown, "description": "How many items."},
            "context": context if shape.required else {"anyOf": [context, {"type": "null"}]},
        },
        "required": ["user", "context"] if shape.required else ["user"],
        "additionalProperties": False,
    }


def _case_body(service: Service) -> Json:
    """A row of the event; its own id and times may be sent."""
    shape, event = service.shape, service.declaration.label.event
    body = _values(shape.context, must=shape.required)
    for name, field in event.fields.items():
        if name not in shape.context and field.lookup is None:
            body["properties"][name] = {"anyOf": [_KINDS[field.kind], {"type": "null"}]}
    return body


def _features_body(fields: Mapping[str, FieldPlan]) -> Json:
    """One value for all rows, or a list of one value per row; of all lists the length is the same."""
    properties = {
        name: {"anyOf": [
            _kind(f.kind, f.size), {"type": "null"},
            {"type": "array", "items": {"anyOf": [_kind(f.kind, f.size), {"type": "null"}]}, "maxItems": FEATURE_ROWS},
        ]}
        for name, f in fields.items()
    }  # fmt: skip
    at = {
        "anyOf": [_KINDS[Kind.TIME], {"type": "null"}],
        "description": "Read at this time, after the frontier.",
    }
    return {"type": "object", "properties": {**properties, "at": at}, "additionalProperties": False}


def call(summary: str, body: Json | None, answer: Json) -> Json:
    """One operation: its JSON body, if it has one, and its answer."""
    errors = _ERRORS if body is not None else {status: _ERRORS[status] for status in (401, 429, 503)}
    responses: Json = {"200": {"description": "The answer.", "content": _json(answer)}}
    responses |= {
        str(status): {"description": said, "content": _json(ref("Error"))} for status, said in errors.items()
    }
    call: Json = {"summary": summary, "responses": responses}
    if body is not None:
        call["requestBody"] = {"required": True, "content": _json(body)}
    return call


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def ref(name: str) -> Json:
    """Where a component is described."""
    return {"$ref": COMPONENT.format(name=name)}


def posted(*verdicts: str, offset: Json | None = None) -> Json:
    """What became of posted rows."""
    row = {
        "type": "object",
        "properties": {"offset": offset or {"type": "integer"}, "verdict": {"enum": list(verdicts)}},
        "required": ["offset", "verdict"],
    }
    return {
        "type": "object",
        "properties": {"events": {"type": "array", "items": row}},
        "required": ["events"],
    }


def _nan_is_null(components: Json) -> None:
    """Answers' numbers that are NaN are null in JSON."""
    answer, prediction = components["Answer"]["properties"], components["Prediction"]["properties"]
    answer["p"]["items"] = answer["scores"]["items"] = prediction["p"] = _NUMBER_OR_NULL


_STRINGS: Final[Json] = {part: {"type": "string"} for part in ("thing", "expected", "got", "fix")}
_DESCRIBED: Final[Json] = {"type": "object", "properties": _STRINGS, "required": list(_STRINGS)}
_ERROR: Final[Json] = {
    "type": "object",
    "description": "What was wrong, what was expected, what came, and how to mend it; bad rows by their place.",
    "properties": {
        "error": _DESCRIBED,
        "events": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"place": {"type": "integer"}, **_STRINGS},
                "required": ["place", *_STRINGS],
            },
        },
    },
    "required": ["error"],
}
_FEATURES: Final[Json] = {
    "type": "object",
    "properties": {
        "t": {"type": "integer", "description": "The time of the read, in microseconds UTC."},
        "time": {"type": "string", "format": "date-time"},
        "offsets": {"type": "object", "additionalProperties": {"type": "integer"}},
        "flags": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "What was not as usual: features as last known, where the store did not answer.",
        },
        "columns": {"type": "object", "additionalProperties": {"type": "array"}},
    },
    "required": ["t", "time", "offsets", "flags", "columns"],
}
