"""Event and table classes: one schema for Parquet columns, HTTP bodies and Python values."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Mapping
from datetime import timedelta
from types import FunctionType, MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from heptad.declare.annotation import annotated
from heptad.declare.expectation import Expectation, check
from heptad.declare.field import Condition, Field, Lookup
from heptad.declare.types import Kind, Role
from heptad.declare.values import cell, spoken
from heptad.declare.wording import named, shown
from heptad.errors import DataError, DeclarationError
from heptad.times import DAY, duration, format_duration

if TYPE_CHECKING:
    from heptad.declare.per import Per


def lookup(field: object, on: str | None = None) -> Any:
    """Enrich an event: ``genres: list[str] = hp.lookup(Film.genres)`` joins by the table's key.

    ``on`` names the event's column that holds the key where it is not called as in the table.
    """
    if not isinstance(field, Field) or not issubclass(field.owner, Table):
        raise DeclarationError(
            "lookup", "a column of a table class", shown(field), "write hp.lookup(Film.genres)"
        )
    if not field.is_fact:
        part = "key" if field.kind is Kind.ID else field.role.value
        raise DeclarationError(
            "lookup", "a fact about the entity", f"{field}, the table's {part}",
            "look up another column of the table",
        )  # fmt: skip
    return Lookup(field, on)


_LONGEST = 36_525 * DAY  #: a hundred years, as for a window: far longer ones leave int64


def _field(owner: type[Schema], name: str, annotation: Any, default: object) -> Field:
    where = f"{owner.__name__}.{name}"
    kind, role, optional, size, ref = annotated(owner.__name__, name, annotation, Event)
    if default is not None and not isinstance(default, (Lookup, Expectation)):
        raise DeclarationError(
            where, "no default, hp.lookup(Table.column) or hp.expect(...)", shown(default),
            "leave the default out; mark a column that may be missing with '| None'",
        )  # fmt: skip
    if isinstance(default, Expectation):
        check(default, where, kind, optional)
        return Field(owner, name, kind, role, optional, None, ref, default, size=size)
    if isinstance(default, Lookup) and (default.field.kind, default.field.size) != (kind, size):
        raise DeclarationError(
            where, f"the kind of {default.field}, {spoken(default.field.kind, default.field.size)}", spoken(kind, size),
            "give both columns the same type",
        )  # fmt: skip
    return Field(owner, name, kind, role, optional or isinstance(default, Lookup), default, ref, size=size)


class UnknownColumn(DeclarationError, AttributeError):
    """A column that the class does not have; an AttributeError too, as Python's protocols expect."""


class _SchemaMeta(type):
    def __new__(
        mcls, name: str, bases: tuple[type, ...], space: dict[str, Any], **options: Any
    ) -> _SchemaMeta:
        cls = super().__new__(mcls, name, bases, space)
        if bases and bases != (Schema,):
            for base in bases:
                if "fields" in base.__dict__:
                    raise DeclarationError(
                        f"class {name}", "hp.Event or hp.Table as its only base", f"the class {base.__name__}",
                        "write out all columns: classes do not inherit them",
                    )  # fmt: skip
            cls._declare(space, **options)  # type: ignore[attr-defined]
        return cls

    if not TYPE_CHECKING:  # a type checker finds a misspelt column itself

        def __getattr__(cls, name: str) -> Any:
            if name.startswith("_") or "fields" not in cls.__dict__:
                raise AttributeError(name)
            columns: Mapping[str, Field] = cls.__dict__["fields"]
            close = difflib.get_close_matches(name, columns, n=1)
            raise UnknownColumn(
                f"{cls.__name__}.{name}", f"a column of {cls.__name__}: {', '.join(columns)}", "no such column",
                f"write {cls.__name__}.{close[0]}" if close else f"use one of them, or add {name!r} to the class",
            )  # fmt: skip

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
        for name, value in space.items():
            if not (name.startswith("_") or name in space.get("__annotations__", {}) or _is_method(value)):
                raise DeclarationError(
                    f"{cls.__name__}.{name}", "columns that are annotated", f"{name} = {shown(value)}",
                    f"write {name}: hp.Id, or another type, with a colon",
                )  # fmt: skip
        try:
            hints = typing.get_type_hints(cls, include_extras=True)
        except NameError as error:
            raise DeclarationError(
                cls.__name__, "annotations of names known to the module", str(error),
                "import the name, and declare the class at the top level of the module",
            ) from error  # fmt: skip
        own = {n: h for n, h in hints.items() if n in space.get("__annotations__", {})}
        fields = {name: _field(cls, name, hint, space.get(name)) for name, hint in own.items()}
        reserved = [name for name in fields if name in dir(Event) + dir(Table) or name.startswith("_")]
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
                f"{cls.__name__}.{named(unknown[0])}", f"one of {', '.join(cls.fields)}", "an unknown column",
                "remove it or declare it in the class",
            )  # fmt: skip
        spare = cls._spare(values)
        return {
            name: cell(field, values.get(name), field.optional or (spare and field.is_fact))
            for name, field in cls.fields.items()
        }

    @classmethod
    def _spare(cls, values: Mapping[str, Any]) -> bool:
        """Whether this row, of all rows, may leave its facts out."""
        return False


def _is_method(value: object) -> bool:
    return isinstance(value, (FunctionType, classmethod, staticmethod, property))


def _not_negative(us: int, name: str, cls: type) -> int:
    if us < 0:
        raise DeclarationError(
            f"{name} of {cls.__name__}", "zero or more", f"{us} microseconds", f"write {name}='1h'"
        )
    return us


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
                ", ".join(times) or "none",
                "annotate the column of event time with hp.Time, once",
            )  # fmt: skip
        keys = [f.name for f in fields.values() if f.role is Role.KEY]
        if len(keys) > 1:
            raise DeclarationError(
                f"event {cls.__name__}", "at most one column of hp.Key", ", ".join(keys),
                "keep hp.Key for the event's own id and make the others hp.Id",
            )  # fmt: skip
        known = [f.name for f in fields.values() if f.role is Role.KNOWN_AT]
        if len(known) > 1:
            raise DeclarationError(
                f"event {cls.__name__}", "at most one column of hp.KnownAt", ", ".join(known),
                "keep the one from which on the event could be known",
            )  # fmt: skip
        requests = [f.name for f in fields.values() if f.role is Role.REQUEST]
        if len(requests) > 1:
            raise DeclarationError(
                f"event {cls.__name__}", "at most one column of hp.RequestId", ", ".join(requests),
                "keep that of the request whose answer showed the item",
            )  # fmt: skip
        pictures = [f.name for f in fields.values() if f.kind is Kind.IMAGE]
        if pictures:
            raise DeclarationError(
                f"event {cls.__name__}", "no hp.Image: only the rows of a table hold pictures", ", ".join(pictures),
                "keep the picture in an hp.Table, and its hp.Id here",
            )  # fmt: skip
        strange = [f.name for f in fields.values() if f.role in (Role.VERSION, Role.DELETED)]
        if strange:
            raise DeclarationError(
                f"event {cls.__name__}", "no hp.Version or hp.Deleted: only the rows of a table have them",
                ", ".join(strange), "make it an int or a bool, or write the class as hp.Table",
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
                if fields[on].kind is not Kind.ID:
                    raise DeclarationError(
                        str(field), f"an hp.Id column that holds the key of {field.lookup.field.owner.__name__}",
                        f"{on!r} of kind {fields[on].kind}", "name another: hp.lookup(..., on='column')",
                    )  # fmt: skip

    @classmethod
    def _options(
        cls,
        lateness: str | timedelta | None = None,
        max_future: str | timedelta | None = None,
        **options: Any,
    ) -> None:
        super()._options(**options)
        if lateness is not None:
            cls.lateness = _not_negative(
                duration(lateness, thing=f"lateness of {cls.__name__}"), "lateness", cls
            )
        if max_future is not None:
            cls.max_future = _not_negative(
                duration(max_future, thing=f"max_future of {cls.__name__}"), "max_future", cls
            )

    @classmethod
    def per(cls, *keys: str) -> Per:
        """Group by these columns: ``Click.per("user").count("1h", "1d")``."""
        from heptad.declare.per import Per

        if not keys:
            raise DeclarationError(
                f"{cls.__name__}.per()", "at least one column", "none",
                f"name one: .per('user'); or write {cls.__name__}.all() for all events together",
            )  # fmt: skip
        return Per(cls, keys)

    @classmethod
    def all(cls) -> Per:
        """All events together, whatever their columns: ``Click.all().count("1h")``."""
        from heptad.declare.per import Per

        return Per(cls, ())


class Table(Schema):
    """Facts about an entity, each true from a time on: annotate the entity with hp.Id.

    A row is taken whole: at t the newest row with ``valid_from < t - lag`` counts, and a null in it is null. Of
    rows valid from one time the one of the greatest hp.Version stands, then the later in the log, so an older
    row never overwrites a newer one. A row whose hp.Deleted is true deletes the entity: every fact is null
    from then on. ``class Shop(hp.Table, lag="1h", ttl="30d"):`` reads an hour behind, and a row that is older
    than 30 days there counts no more. Without a column of hp.Time every row is valid from the beginning.
    """

    lag: ClassVar[int] = 0
    ttl: ClassVar[int | None] = None

    @classmethod
    def _check(cls, fields: Mapping[str, Field]) -> None:
        ids = [f.name for f in fields.values() if f.kind is Kind.ID and f.role is Role.VALUE]
        if len(ids) != 1:
            raise DeclarationError(
                f"table {cls.__name__}", "exactly one column of hp.Id, the key",
                ", ".join(ids) or "none",
                "annotate the key with hp.Id and other ids with str or int",
            )  # fmt: skip
        times = [f.name for f in fields.values() if f.role is Role.TIME]
        if len(times) > 1:
            raise DeclarationError(
                f"table {cls.__name__}", "at most one column of hp.Time, valid_from", ", ".join(times),
                "keep hp.Time for when a row becomes true and make the others int",
            )  # fmt: skip
        strange = [
            f.name
            for f in fields.values()
            if f.role in (Role.KEY, Role.REF, Role.KNOWN_AT, Role.REQUEST) or f.lookup is not None
        ]
        if strange:
            raise DeclarationError(
                f"table {cls.__name__}", "no hp.Key, hp.Ref, hp.RequestId or hp.lookup", ", ".join(strange),
                "a table's key is its hp.Id column",
            )  # fmt: skip
        for role, marker in ((Role.VERSION, "hp.Version"), (Role.DELETED, "hp.Deleted")):
            marked = [f.name for f in fields.values() if f.role is role]
            if len(marked) > 1:
                raise DeclarationError(
                    f"table {cls.__name__}", f"at most one column of {marker}", ", ".join(marked),
                    f"keep one, and make the others {'int' if role is Role.VERSION else 'bool'}",
                )  # fmt: skip

    @classmethod
    def _options(
        cls, lag: str | timedelta | None = None, ttl: str | timedelta | None = None, **options: Any
    ) -> None:
        super()._options(**options)
        if lag is not None:
            cls.lag = _not_negative(duration(lag, thing=f"lag of {cls.__name__}"), "lag", cls)
        if ttl is not None:
            cls.ttl = duration(ttl, thing=f"ttl of {cls.__name__}")
            if cls.ttl <= 0:
                raise DeclarationError(
                    f"ttl of {cls.__name__}", "more than zero", f"{cls.ttl} microseconds",
                    "write ttl='30d', or leave it out to keep every row",
                )  # fmt: skip
        if (lag is not None or ttl is not None) and not any(
            isinstance(f, Field) and f.role is Role.TIME for f in vars(cls).values()
        ):
            raise DeclarationError(
                f"table {cls.__name__}", "a column of hp.Time, valid_from, which lag and ttl are counted from",
                "none", "annotate it with hp.Time, or leave lag and ttl out",
            )  # fmt: skip
        if cls.lag + (cls.ttl or 0) > _LONGEST:
            raise DeclarationError(
                f"table {cls.__name__}", f"lag and ttl of at most {format_duration(_LONGEST)} together",
                format_duration(cls.lag + (cls.ttl or 0)), "leave the ttl out to keep every row",
            )  # fmt: skip

    @classmethod
    def facts(cls) -> tuple[Field, ...]:
        """The columns that say something about the entity: all but its key and those with a role."""
        return tuple(f for f in cls.fields.values() if f.is_fact)

    @classmethod
    def _spare(cls, values: Mapping[str, Any]) -> bool:
        """A row that deletes its entity says nothing else of it."""
        marker = next((f.name for f in cls.fields.values() if f.role is Role.DELETED), None)
        return marker is not None and values.get(marker) is True

    @classmethod
    def entity(cls) -> Field:
        """The column that names the entity a row is about."""
        return next(f for f in cls.fields.values() if f.kind is Kind.ID)


__all__ = ["Condition", "Event", "Field", "Lookup", "Schema", "Table", "UnknownColumn", "lookup"]
