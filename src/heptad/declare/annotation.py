"""What a column's annotation says: its kind, its role, its size, and whether it may be null."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, get_args, get_origin

from heptad.declare.types import SCALARS, Kind, Ref, Role, Vector
from heptad.declare.wording import shown
from heptad.errors import DeclarationError

_ROLES: Final[dict[str, Role]] = {
    "Key": Role.KEY, "Time": Role.TIME, "KnownAt": Role.KNOWN_AT, "Version": Role.VERSION, "Deleted": Role.DELETED,
    "RequestId": Role.REQUEST,
}  # fmt: skip
_NEVER_NULL: Final = (Role.KEY, Role.TIME, Role.KNOWN_AT, Role.VERSION)


class Annotation(NamedTuple):
    """``size`` is that of a vector; ``ref`` the class in ``hp.Ref[...]``, of which ``Event`` must be a base."""

    kind: Kind
    role: Role
    optional: bool
    size: int = 0
    ref: Any = None


def annotated(owner: str, name: str, annotation: Any, events: type) -> Annotation:
    """The annotation of column ``name`` of class ``owner``; ``events`` is the base class of what refs name."""
    where, optional = f"{owner}.{name}", type(None) in get_args(annotation)
    if optional:
        annotation = next(arg for arg in get_args(annotation) if arg is not type(None))
    if get_origin(annotation) is Ref:
        (ref,) = get_args(annotation)
        if not (isinstance(ref, type) and issubclass(ref, events)):
            raise DeclarationError(
                where, "hp.Ref of an event class", shown(ref), "name the event whose id the column holds"
            )
        return Annotation(Kind.ID, Role.REF, optional, ref=ref)
    if isinstance(annotation, type) and issubclass(annotation, Vector):
        if not annotation.size:
            fix = f"write {name}: hp.Vector[64]"
            raise DeclarationError(where, "the size of the vector", "hp.Vector", fix)
        return Annotation(Kind.VECTOR, Role.VALUE, optional, annotation.size)
    if annotation not in SCALARS:
        raise DeclarationError(
            where, "hp.Key, hp.Time, hp.KnownAt, hp.RequestId, hp.Version, hp.Deleted, hp.Id, hp.Ref[...], str, float, int, bool, "
            "list[str], hp.Image or hp.Vector[n] (or X | None)",
            shown(annotation), "give the column one of these types",
        )  # fmt: skip
    marker = annotation.__name__ if isinstance(annotation, type) else ""
    role = _ROLES.get(marker, Role.VALUE)
    if optional and role in _NEVER_NULL:
        raise DeclarationError(
            where, "a value in every event", "'| None'", f"write {name}: hp.{marker}, without '| None'"
        )
    return Annotation(SCALARS[annotation], role, optional)
