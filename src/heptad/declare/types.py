"""The kinds of column an event or a table may have."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Generic, TypeVar

E = TypeVar("E")


class Kind(StrEnum):
    """How a column's values are held: the Arrow type, the HTTP type and the Python type follow from it."""

    ID = "id"  #: an entity's name: int64 or text
    TEXT = "text"
    FLOAT = "float"
    INT = "int"
    BOOL = "bool"
    TEXTS = "texts"  #: a list of texts
    TIME = "time"  #: int64 microseconds UTC

    @property
    def numeric(self) -> bool:
        return self in (Kind.FLOAT, Kind.INT, Kind.BOOL)


class Role(StrEnum):
    """What a column is for, beyond its kind."""

    KEY = "key"  #: the event's own id, by which duplicates are found
    TIME = "time"
    REF = "ref"  #: the id of an event of another class
    KNOWN_AT = "known_at"  #: when the event could first be known
    VALUE = "value"


class Key:
    """Annotates the column that identifies an event: int or text."""


class Id:
    """Annotates a column that names an entity (a user, an item): int or text. In a table, its key."""


class Time:
    """Annotates the column of event time; in a table, of ``valid_from``."""


class KnownAt:
    """Annotates the time an event could first be known, where that is after its own: a report that comes late.

    In a history it stands for the arrival, which no log has seen: the event counts from then on, not before.
    """


class Ref(Generic[E]):
    """Annotates the column that holds the id of an event of another class: ``shown: hp.Ref[Impression]``."""


SCALARS: dict[Any, Kind] = {
    str: Kind.TEXT,
    float: Kind.FLOAT,
    int: Kind.INT,
    bool: Kind.BOOL,
    list[str]: Kind.TEXTS,
    Id: Kind.ID,
    Key: Kind.ID,
    Time: Kind.TIME,
    KnownAt: Kind.TIME,
}
