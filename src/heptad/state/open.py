"""Stores by URL: `memory:`, `embedded:///path`, and those of `heptad.state.stores.schemes` at a server."""

from __future__ import annotations

from typing import Final

from heptad.errors import StateError
from heptad.state.remembered import Remembered
from heptad.state.store import Store
from heptad.state.stores.schemes import SCHEMES, Lifetimes, Scheme

#: Milliseconds that a read of a server may always take.
LEAST: Final = 10


def open_store(url: str, state_hash: str, *, readonly: bool = False, lifetimes: Lifetimes = ()) -> Store:
    """The store a URL names, for states of the plan with this ``state_hash``.

    ``memory:`` is empty whenever it is opened; ``embedded:///path`` (or ``embedded:relative/path``) and a server's
    stay. ``readonly`` is for a process beside the one that commits. ``lifetimes``: see `heptad.state.lifetimes`.
    Raises StateError for an unknown scheme, a server that does not answer, and a state of another plan.
    """
    return _scheme(url).open(url, state_hash, readonly, lifetimes)


def discard_state(url: str) -> None:
    """Empty the store a URL names, whichever plan's state is in there: only where the log can rebuild it."""
    _scheme(url).discard(url)


def deployed(url: str, name: str) -> str:
    """The URL of a deployment's store: at a server, whose URL says no name of its own, the deployment's ``name``.

    >>> deployed("redis://localhost:6379/0", "shop")
    'redis://localhost:6379/0?name=shop'

    Raises StateError for what is no store's URL.
    """
    scheme = _scheme(url)
    if not scheme.shared or "name=" in url.partition("?")[2]:
        return url
    return f"{url}{'&' if '?' in url else '?'}name={name}"


def within(url: str, microseconds: int) -> str:
    """The URL of a store that is read for answers due in so long: at a server, whose URL says no timeout, a quarter.

    >>> within("redis://localhost:6379/0?name=shop", 80_000)
    'redis://localhost:6379/0?name=shop&timeout=20ms'
    """
    if not _scheme(url).shared or "timeout=" in url.partition("?")[2]:
        return url
    return f"{url}{'&' if '?' in url else '?'}timeout={max(LEAST, microseconds // 4_000)}ms"


def answering(url: str, store: Store) -> Store:
    """The store as answers are to read it: at a server, which may hang or die, what was read is remembered."""
    return Remembered(store) if _scheme(url).shared else store


def _scheme(url: str) -> Scheme:
    name, colon, _ = url.partition(":")
    if not colon or name not in SCHEMES:
        examples = dict.fromkeys(scheme.example for scheme in SCHEMES.values())
        raise StateError(
            f"the store {url!r}", f"a URL of one of: {', '.join(SCHEMES)}", name or "nothing",
            f"write {' or '.join(examples)}",
        )  # fmt: skip
    return SCHEMES[name]
