"""The kinds of store by the scheme of their URL; what a kind needs is loaded when it is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from heptad.errors import StateError
from heptad.state.store import Store

Lifetimes = Sequence[int | None]


class Scheme(NamedTuple):
    """How a kind of store is opened (URL, state hash, read only, lifetimes of records), and emptied (URL); ``shared``:
    several states can be at one place, by name.
    """

    example: str
    open: Callable[[str, str, bool, Lifetimes], Store]
    discard: Callable[[str], None]
    shared: bool = False


def _memory(url: str, state_hash: str, readonly: bool, lifetimes: Lifetimes) -> Store:
    from heptad.state.stores.memory import MemoryStore

    if url != "memory:" or readonly:
        raise StateError(
            f"the store {url!r}", "'memory:', opened by the process that writes it",
            "readonly" if readonly else "a path", "use embedded:///path to share states between processes",
        )  # fmt: skip
    return MemoryStore(state_hash)


def _nothing(url: str) -> None:
    """A state in memory is gone when its store is."""


def _embedded(url: str, state_hash: str, readonly: bool, lifetimes: Lifetimes) -> Store:
    from heptad.state.stores.embedded import EmbeddedStore

    return EmbeddedStore(_directory(url), state_hash, readonly=readonly)


def _discard_embedded(url: str) -> None:
    from heptad.state.stores.embedded import discard

    discard(_directory(url))


def _directory(url: str) -> str:
    path = url.removeprefix("embedded:").removeprefix("//")
    if not path:
        raise StateError(
            f"the store {url!r}", "a directory", "none", "write embedded:///absolute/path or embedded:path"
        )
    return path


def _redis(url: str, state_hash: str, readonly: bool, lifetimes: Lifetimes) -> Store:
    from heptad.state.stores.redis import RedisStore

    return RedisStore(url, state_hash, readonly=readonly, lifetimes=lifetimes)


def _discard_redis(url: str) -> None:
    from heptad.state.stores.redis import discard

    discard(url)


_AT_A_SERVER: Final = Scheme("redis://host:6379/0?name=NAME", _redis, _discard_redis, shared=True)

SCHEMES: Final[Mapping[str, Scheme]] = {
    "memory": Scheme("memory:", _memory, _nothing),
    "embedded": Scheme("embedded:///path", _embedded, _discard_embedded),
    **dict.fromkeys(("redis", "rediss", "valkey", "valkeys"), _AT_A_SERVER),
}
