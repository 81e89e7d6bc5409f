"""The kinds of column an event or a table may have."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, Final, Generic, TypeVar

from heptad.errors import DeclarationError

E = TypeVar("E")

LARGEST: Final = 65_536  #: places of a vector


class Kind(StrEnum):
    """How a column's values are held: the Arrow type, the HTTP type and the Python type follow from it."""

    ID = "id"  #: an entity's name: int64 or text
    TEXT = "text"
    FLOAT = "float"
    INT = "int"
    BOOL = "bool"
    TEXTS = "texts"  #: a list of texts
    TIME = "time"  #: int64 microseconds UTC
    VECTOR = "vector"  #: a fixed number of float32 values
    IMAGE = "image"  #: the bytes of a picture as a file holds them

    @property
    def numeric(self) -> bool:
        return self in (Kind.FLOAT, Kind.INT, Kind.BOOL)


class Role(StrEnum):
    """What a column is for, beyond its kind."""

    KEY = "key"  #: the event's own id, by which duplicates are found
    TIME = "time"
    REF = "ref"  #: the id of an event of another class
    KNOWN_AT = "known_at"  #: when the event could first be known
    REQUEST = "request"  #: the id of the answer that an event came from
    VERSION = "version"  #: orders table rows that are valid from one time
    DELETED = "deleted"  #: whether a table row deletes its entity
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


class RequestId:
    """Annotates the id of the request whose answer showed what an event is about: text, as the answer brings it.

    An impression that carries it becomes a training row at the (t, o) of its request (decision record 35).
    """


class Version:
    """Annotates a table's column that orders rows valid from one time: an int, the greatest stands."""


class Deleted:
    """Annotates a table's column that says whether a row deletes its entity from ``valid_from`` on: a bool."""


class Image:
    """Annotates a table's column of pictures: the bytes of a JPEG or PNG file, which `hp.Retrieval` embeds."""


class Ref(Generic[E]):
    """Annotates the column that holds the id of an event of another class: ``shown: hp.Ref[Impression]``."""


class Vector:
    """Annotates a column of vectors of one size, such as an embedding: ``embedding: hp.Vector[64]``.

    Its values are lists of that many numbers, held as float32.
    """

    size: ClassVar[int] = 0

    def __class_getitem__(cls, size: Any) -> type[Vector]:
        return _checked(size)

    def __new__(cls, size: int) -> Any:
        """``hp.Vector(64)`` is ``hp.Vector[64]``."""
        return _checked(size)


def _checked(size: Any) -> type[Vector]:
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= LARGEST:
        raise DeclarationError("hp.Vector", f"a size from 1 to {LARGEST}", repr(size), "write hp.Vector[64]")
    return _vector(size)


@cache
def _vector(size: int) -> type[Vector]:
    return type(f"Vector[{size}]", (Vector,), {"size": size})


SCALARS: dict[Any, Kind] = {
    str: Kind.TEXT,
    float: Kind.FLOAT,
    int: Kind.INT,
    bool: Kind.BOOL,
    list[str]: Kind.TEXTS,
    Id: Kind.ID,
    Key: Kind.ID,
    Time: Kind.TIME,
    Version: Kind.INT,
    Deleted: Kind.BOOL,
    KnownAt: Kind.TIME,
    RequestId: Kind.TEXT,
    Image: Kind.IMAGE,
}
