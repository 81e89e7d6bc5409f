"""Event and table classes: one schema for Parquet columns, HTTP bodies and Python values."""

from __future__ import annotations

import math
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, get_args, get_origin

from heptad.declare.types import SCALARS, Kind, Ref, Role
from heptad.errors import DataError, DeclarationError
from heptad.times import duration, instant

if TYPE_CHECKING:
    from heptad.declare.features import Per


@dataclass(frozen=True)
class Condition:
    """A comparison of a column with a constant; features count only the events for which it is true.

    An event whose column is null never passes.
    """

    field: Field
    op: str
    bound: float | str | bool

    def __str__(self) -> str:
        return f"{self.field.name} {self.op} {self.bound!r}"

    def __bool__(self) -> bool:
        raise DeclarationError(
            f"condition {self}", "a place that takes a condition, such as where=",
            "a truth value asked of it",
            "pass the comparison itself; write one comparison, not a chain",
        )  # fmt: skip


@dataclass(frozen=True)
class Lookup:
    """A table's column joined to an event at append and frozen into the log (DESIGN §3.13)."""

    field: Field
    on: str | None


def lookup(field: object, on: str | None = None) -> Any:
    """Enrich an event: ``genres: list[str] = hp.lookup(Film.genres)`` joins by the table's key.

    ``on`` names the event's column that holds the key where it is not called as in the table.
    """
    if not isinstance(field, Field) or not issubclass(field.owner, Table):
        raise DeclarationError(
            "lookup", "a column of a table class", repr(field), "write hp.lookup(Film.genres)"
        )
    return Lookup(field, on)


@dataclass(frozen=True, eq=False)
class Field:
    """One column of an event or table class; comparing it with a constant gives a `Condition`."""

    owner: type[Schema]
    name: str
    kind: Kind
    role: Role
    optional: bool = False
    lookup: Lookup | None = None
    ref: type[Event] | None = None

    def __str__(self) -> str:
        return f"{self.owner.__name__}.{self.name}"

    def _condition(self, op: str, bound: object) -> Condition:
        fits = isinstance(bound, (int, float)) if self.kind.numeric else isinstance(bound, str)
        if self.kind is Kind.ID:
            fits = isinstance(bound, (int, str))
        if not fits or self.kind in (Kind.TEXTS, Kind.TIME):
            raise DeclarationError(
                f"condition {self} {op} {bound!r}", f"a constant that fits a column of {self.kind}",
                type(bound).__name__, f"compare {self} with a value of its own kind",
            )  # fmt: skip
        return Condition(self, op, typing.cast("float | str | bool", bound))

    def __ge__(self, bound: object) -> Condition:
        return self._condition(">=", bound)

    def __gt__(self, bound: object) -> Condition:
        return self._condition(">", bound)

    def __le__(self, bound: object) -> Condition:
        return self._condition("<=", bound)

    def __lt__(self, bound: object) -> Condition:
        return self._condition("<", bound)

    def __eq__(self, bound: object) -> Condition:  # type: ignore[override]
        return self._condition("==", bound)

    def __ne__(self, bound: object) -> Condition:  # type: ignore[override]
        return self._condition("!=", bound)

    def __hash__(self) -> int:
        return hash((self.owner.__qualname__, self.name))


def _field(owner: type[Schema], name: str, annotation: Any, default: object) -> Field:
    where = f"{owner.__name__}.{name}"
    optional = False
    if type(None) in get_args(annotation):
        optional = True
        annotation = next(arg for arg in get_args(annotation) if arg is not type(None))
    ref = None
    if get_origin(annotation) is Ref:
        (ref,) = get_args(annotation)
        kind, role = Kind.ID, Role.REF
    elif annotation in SCALARS:
        kind = SCALARS[annotation]
        marker = annotation.__name__ if isinstance(annotation, type) else ""
        role = {"Key": Role.KEY, "Time": Role.TIME}.get(marker, Role.VALUE)
    else:
        raise DeclarationError(
            where, "hp.Key, hp.Time, hp.Id, hp.Ref[...], str, float, int, bool or list[str] (or X | None)",
            str(annotation), "give the column one of these types",
        )  # fmt: skip
    if default is not None and not isinstance(default, Lookup):
        raise DeclarationError(
            where, "no default, or hp.lookup(Table.column)", repr(default),
            "leave the default out; mark a column that may be missing with '| None'",
        )  # fmt: skip
    if isinstance(default, Lookup) and default.field.kind is not kind:
        raise DeclarationError(
            where, f"the kind of {default.field}, {default.field.kind}", str(kind),
            "give both columns the same type",
        )  # fmt: skip
    return Field(owner, name, kind, role, optional or isinstance(default, Lookup), default, ref)


class _SchemaMeta(type):
    def __new__(
        mcls, name: str, bases: tuple[type, ...], space: dict[str, Any], **options: Any
    ) -> _SchemaMeta:
        cls = super().__new__(mcls, name, bases, space)
        if bases and bases != (Schema,):
            cls._declare(space, **options)  # type: ignore[attr-defined]
        return cls

    def __init__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any], **options: Any) -> None:
        super().__init__(name, bases, space)

    def __setattr__(cls, name: str, value: object) -> None:
        if "fields" in cls.__dict__ and not name.startswith("_"):
            raise DeclarationError(
                f"{cls.__name__}.{name}", "a class that is not changed after it is written",
                "an assignment", "declare another class",
            )  # fmt: skip
        super().__setattr__(name, value)


class Schema(metaclass=_SchemaMeta):
    """What `Event` and `Table` share: named, typed columns with one time column."""

    fields: ClassVar[Mapping[str, Field]]
    lateness: ClassVar[int | None] = None
    max_future: ClassVar[int | None] = None

    @classmethod
    def _declare(cls, space: Mapping[str, Any], **options: Any) -> None:
        hints = typing.get_type_hints(cls, include_extras=True)
        own = {n: h for n, h in hints.items() if n in space.get("__annotations__", {})}
        fields = {name: _field(cls, name, hint, space.get(name)) for name, hint in own.items()}
        reserved = [
            name
            for name in fields
            if name in ("fields", "lateness", "max_future", "per") or name.startswith("_")
        ]
        if reserved:
            raise DeclarationError(
                f"{cls.__name__}.{reserved[0]}", "a column name of its own", "a name heptad uses",
                "rename the column",
            )  # fmt: skip
        for field in fields.values():
            setattr(cls, field.name, field)
        cls._check(fields)
        cls._options(**options)
        cls.fields = MappingProxyType(fields)

    @classmethod
    def _check(cls, fields: Mapping[str, Field]) -> None:
        """Raise where the columns cannot make a schema of this sort."""

    @classmethod
    def _options(cls, **options: Any) -> None:
        if options:
            raise DeclarationError(
                cls.__name__, "no class options", ", ".join(options), f"remove {next(iter(options))}="
            )

    @classmethod
    def time_field(cls) -> Field | None:
        return next((f for f in cls.fields.values() if f.role is Role.TIME), None)

    @classmethod
    def key_field(cls) -> Field | None:
        return next((f for f in cls.fields.values() if f.role is Role.KEY), None)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """One row from the outside (JSON, CSV, Python), checked and coerced; raises DataError.

        NaN becomes null and -0.0 becomes 0.0; times may be ISO 8601 with a zone; lookups stay absent.
        """
        unknown = sorted(set(values) - set(cls.fields))
        if unknown:
            raise DataError(
                f"{cls.__name__}.{unknown[0]}", f"one of {', '.join(cls.fields)}", "an unknown column",
                "remove it or declare it in the class",
            )  # fmt: skip
        return {name: _value(field, values.get(name)) for name, field in cls.fields.items()}


def _time_of(value: Any) -> int:
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        return instant(value)
    raise ValueError


def _float_of(value: Any) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return None if math.isnan(value) else float(value) + 0.0
    raise ValueError


def _exact(*types: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if type(value) in types and (type(value) is not int or -(2**63) < value < 2**63):
            return value
        raise ValueError

    return check


def _texts_of(value: Any) -> list[str]:
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return list(value)
    raise ValueError


_COERCE: dict[Kind, Callable[[Any], Any]] = {
    Kind.ID: _exact(int, str),
    Kind.TEXT: _exact(str),
    Kind.INT: _exact(int),
    Kind.BOOL: _exact(bool),
    Kind.FLOAT: _float_of,
    Kind.TIME: _time_of,
    Kind.TEXTS: _texts_of,
}


def _value(field: Field, value: Any) -> Any:
    if value is not None:
        try:
            value = _COERCE[field.kind](value)
        except (ValueError, DeclarationError) as error:
            raise DataError(
                str(field), f"a value of kind {field.kind}", repr(value)[:80],
                "send an ISO 8601 time with a zone, or microseconds" if field.kind is Kind.TIME
                else "send the column's own type",
            ) from error  # fmt: skip
    if value is None and not field.optional and field.kind is not Kind.FLOAT:
        raise DataError(str(field), f"a value of kind {field.kind}", "nothing", f"send {field.name}")
    return value


class Event(Schema):
    """Something that happened at a time: subclass it and annotate the columns.

    ``class Click(hp.Event, lateness="1h", max_future="1d"):`` states how far behind the frontier an event
    may still come, and how far ahead of the clock; these are the defaults (decision record 4).
    """

    lateness: ClassVar[int | None] = duration("1h")
    max_future: ClassVar[int | None] = duration("1d")

    @classmethod
    def _check(cls, fields: Mapping[str, Field]) -> None:
        times = [f.name for f in fields.values() if f.role is Role.TIME]
        if len(times) != 1:
            raise DeclarationError(
                f"event {cls.__name__}", "exactly one column of hp.Time",
                f"{len(times)} ({', '.join(times)})",
                "annotate the column of event time with hp.Time, once",
            )  # fmt: skip
        keys = [f.name for f in fields.values() if f.role is Role.KEY]
        if len(keys) > 1:
            raise DeclarationError(
                f"event {cls.__name__}", "at most one column of hp.Key", ", ".join(keys),
                "keep hp.Key for the event's own id and make the others hp.Id",
            )  # fmt: skip
        for field in fields.values():
            if field.lookup is not None:
                on = field.lookup.on or field.lookup.field.owner.entity().name  # type: ignore[attr-defined]
                if on not in fields:
                    raise DeclarationError(
                        str(field),
                        f"a column {on!r} that holds the key of {field.lookup.field.owner.__name__}",
                        f"columns {', '.join(fields)}", "name the column: hp.lookup(..., on='column')",
                    )  # fmt: skip

    @classmethod
    def _options(
        cls, lateness: str | int | None = None, max_future: str | int | None = None, **options: Any
    ) -> None:
        super()._options(**options)
        if lateness is not None:
            cls.lateness = duration(lateness, thing=f"lateness of {cls.__name__}")
        if max_future is not None:
            cls.max_future = duration(max_future, thing=f"max_future of {cls.__name__}")

    @classmethod
    def per(cls, *keys: str) -> Per:
        """Group by these columns: ``Click.per("user").count("1h", "1d")``."""
        from heptad.declare.features import Per

        return Per(cls, keys)


class Table(Schema):
    """Facts about an entity, each true from a time on: annotate the entity with hp.Id.

    Without a column of hp.Time every row is valid from the beginning. An older row never overwrites a
    newer one; at equal times the later row in the log stands.
    """

    @classmethod
    def _check(cls, fields: Mapping[str, Field]) -> None:
        ids = [f.name for f in fields.values() if f.kind is Kind.ID and f.role is Role.VALUE]
        if len(ids) != 1:
            raise DeclarationError(
                f"table {cls.__name__}", "exactly one column of hp.Id, the key",
                f"{len(ids)} ({', '.join(ids)})",
                "annotate the key with hp.Id and other ids with str or int",
            )  # fmt: skip
        if any(f.role in (Role.KEY, Role.REF) or f.lookup is not None for f in fields.values()):
            raise DeclarationError(
                f"table {cls.__name__}", "no hp.Key, hp.Ref or hp.lookup", "one of them",
                "a table's key is its hp.Id column",
            )  # fmt: skip

    @classmethod
    def entity(cls) -> Field:
        """The column that names the entity a row is about."""
        return next(f for f in cls.fields.values() if f.kind is Kind.ID)
