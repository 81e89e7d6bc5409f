"""Stores by URL: `memory:` and `embedded:///path`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from heptad.errors import StateError
from heptad.state.store import Store


def _memory(place: str, state_hash: str, readonly: bool) -> Store:
    from heptad.state.stores.memory import MemoryStore

    if place or readonly:
        raise StateError(
            f"the store 'memory:{place}'", "'memory:', opened by the process that writes it",
            "a path" if place else "readonly", "use embedded:///path to share states between processes",
        )  # fmt: skip
    return MemoryStore(state_hash)


def _embedded(place: str, state_hash: str, readonly: bool) -> Store:
    from heptad.state.stores.embedded import EmbeddedStore  # LMDB is loaded where it is used

    return EmbeddedStore(_directory(place), state_hash, readonly=readonly)


def _nothing(place: str) -> None:
    """A state in memory is gone when its store is."""


def _discard_embedded(place: str) -> None:
    from heptad.state.stores.embedded import discard

    discard(_directory(place))


def _directory(place: str) -> str:
    path = place.removeprefix("//")
    if not path:
        raise StateError(
            f"the store 'embedded:{place}'", "a directory", "none", "write embedded:///absolute/path or embedded:path"
        )  # fmt: skip
    return path


class _Scheme(NamedTuple):
    """How a kind of store is opened, and emptied."""

    open: Callable[[str, str, bool], Store]
    discard: Callable[[str], None]


_SCHEMES: Final = {"memory": _Scheme(_memory, _nothing), "embedded": _Scheme(_embedded, _discard_embedded)}


def open_store(url: str, state_hash: str, *, readonly: bool = False) -> Store:
    """The store a URL names, for states of the plan with this ``state_hash``.

    ``memory:`` is empty whenever it is opened; ``embedded:///path`` (or ``embedded:relative/path``) stays.
    ``readonly`` is for a process beside the one that commits. Raises StateError for an unknown scheme, and
    where the state is another plan's.
    """
    scheme, place = _parts(url)
    return scheme.open(place, state_hash, readonly)


def discard_state(url: str) -> None:
    """Empty the store a URL names, whichever plan's state is in there: only where the log can rebuild it."""
    scheme, place = _parts(url)
    scheme.discard(place)


def _parts(url: str) -> tuple[_Scheme, str]:
    name, colon, place = url.partition(":")
    if not colon or name not in _SCHEMES:
        raise StateError(
            f"the store {url!r}", f"a URL of one of: {', '.join(_SCHEMES)}", name or "nothing",
            "write memory: or embedded:///path",
        )  # fmt: skip
    return _SCHEMES[name], place
