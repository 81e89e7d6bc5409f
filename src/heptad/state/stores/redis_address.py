"""Where a Redis state is: a URL, the state's name there, and how long to wait for an answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, NoReturn
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from heptad.errors import DeclarationError, MissingExtra, StateError
from heptad.times import SECOND, duration

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ImportError as error:
    raise MissingExtra.of("the store redis://", "redis", "redis") from error

#: Valkey speaks the protocol, and redis-py speaks to it.
_SPOKEN: Final = {"valkey": "redis", "valkeys": "rediss"}
_ROOM: Final = 1 << 20  #: bytes taken from a socket at a time: an answer of 500 records is that long


class Address(NamedTuple):
    """``shown`` is the URL without its password; ``timeout`` of a read and ``patience`` of a commit are seconds."""

    url: str
    shown: str
    name: str
    timeout: float
    patience: float

    @property
    def thing(self) -> str:
        """The state as an error names it."""
        return f"the state at {self.shown}"

    @classmethod
    def of(cls, text: str) -> Address:
        """Take a URL apart: ``name`` (default heptad), ``timeout`` (250ms) and ``patience`` (5s) are heptad's.

        Raises StateError where it is not one.
        """
        parts = urlsplit(text)
        scheme = _SPOKEN.get(parts.scheme, parts.scheme)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        name = query.pop("name", "heptad")
        try:
            timeout, patience = (
                duration(query.pop(key, default), thing=f"{key} of {scheme}://") / SECOND
                for key, default in (("timeout", "250ms"), ("patience", "5s"))
            )
        except DeclarationError as error:
            raise StateError(error.thing, error.expected, error.got, error.fix) from error
        place = parts.netloc.rpartition("@")[2]
        if not (place or parts.path) or not name or set("{}") & set(name):
            raise StateError(
                f"the store {parts.scheme}://{place}", "redis://host:port/db?name=NAME, without braces in the name",
                repr(name) if place else "no host", "write for example redis://localhost:6379/0?name=shop",
            )  # fmt: skip
        url = urlunsplit((scheme, parts.netloc, parts.path, urlencode(query), ""))
        return cls(url, f"{parts.scheme}://{place}{parts.path} ({name})", name, timeout, patience)

    def client(self, timeout: float, *, again: bool = True) -> Any:
        """A client with a pool of connections, each of which waits so long for an answer; ``again``: a connection
        that the server has closed meanwhile is replaced and the command sent once more.
        """
        return redis.Redis.from_url(
            self.url, socket_timeout=timeout, socket_connect_timeout=timeout, socket_read_size=_ROOM,
            retry=Retry(NoBackoff(), int(again), supported_errors=(redis.ConnectionError,)),
        )  # fmt: skip

    @contextmanager
    def trouble(self, expected: str) -> Iterator[None]:
        """What the server or the way to it does wrong, as a StateError."""
        try:
            yield
        except redis.RedisError as error:
            if "NOTOWNER" in str(error):
                self.fenced()
            raise StateError(
                self.thing, expected, f"{type(error).__name__}: {error}",
                "look at the server: what was not committed is safe in the log and is applied once it answers",
            ) from error  # fmt: skip

    def fenced(self) -> NoReturn:
        """Raise the StateError of a process that commits no longer."""
        raise StateError(
            self.thing, "one process that commits", "a commit of another process, or a state that was lost",
            "stop the other process, or give each its own ?name=",
        )  # fmt: skip
