"""Stores by URL: `memory:` and `embedded:///path`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

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

    path = place.removeprefix("//")
    if not path:
        raise StateError(
            f"the store 'embedded:{place}'", "a directory", "none", "write embedded:///absolute/path or embedded:path"
        )  # fmt: skip
    return EmbeddedStore(path, state_hash, readonly=readonly)


_SCHEMES: Final[dict[str, Callable[[str, str, bool], Store]]] = {"memory": _memory, "embedded": _embedded}


def open_store(url: str, state_hash: str, *, readonly: bool = False) -> Store:
    """The store a URL names, for states of the plan with this ``state_hash``.

    ``memory:`` is empty whenever it is opened; ``embedded:///path`` (or ``embedded:relative/path``) stays.
    ``readonly`` is for a process beside the one that commits. Raises StateError for an unknown scheme, and
    where the state is another plan's.
    """
    scheme, colon, place = url.partition(":")
    if not colon or scheme not in _SCHEMES:
        raise StateError(
            f"the store {url!r}", f"a URL of one of: {', '.join(_SCHEMES)}", scheme or "nothing",
            "write memory: or embedded:///path",
        )  # fmt: skip
    return _SCHEMES[scheme](place, state_hash, readonly)
