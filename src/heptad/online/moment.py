"""What a request is answered from: one moment for several reads. The states give it now, the log for any past one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from numpy.typing import NDArray

from heptad.plan.batch import Column
from heptad.state.store import Meta
from heptad.state.tally import Counts


class Moment(Protocol):
    """Reads that all see the same (t, o), as `heptad.online.reader.Session`."""

    @property
    def t(self) -> int: ...
    @property
    def meta(self) -> Meta: ...
    @property
    def degraded(self) -> bool: ...

    def counts(self, tally: int = 0) -> Counts: ...

    def read(
        self, request: Mapping[str, Column], n: int, columns: tuple[str, ...] | None = None
    ) -> dict[str, NDArray[Any]]: ...


class Newest(Protocol):
    """A tally as far as it is known without asking."""

    @property
    def newest(self) -> Counts: ...


class Moments(Protocol):
    """Opens moments, as `heptad.online.reader.Reader`."""

    @property
    def tallies(self) -> Sequence[Newest]: ...

    def open(self) -> AbstractContextManager[Moment]: ...

    def warm(self) -> None: ...
