"""A feature read: open a snapshot, take t from the clock, fetch each record once, merge, assemble."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, NamedTuple, NoReturn, Protocol

import numpy as np
from numpy.typing import NDArray

from heptad.declare.types import Kind
from heptad.errors import ReadError
from heptad.online import index
from heptad.online.facts import numbers_and_texts
from heptad.online.keying import Coded, Keyed, code, keyed
from heptad.online.merged import Asked, Found, Merged
from heptad.plan.assemble import Assembly, FactRead, GroupRead, missing
from heptad.plan.batch import Column
from heptad.plan.coding import LocalDictionary
from heptad.plan.finalize import Finalized, displayed, finalized
from heptad.plan.nodes import ColumnPlan, GroupPlan, Plan, StreamPlan, WindowColumn, windows_of
from heptad.state import tables
from heptad.state.keys import encode_rows
from heptad.state.layout import layouts_of
from heptad.state.read import Query, combine, read
from heptad.state.store import Meta, Snapshot, Store, check_forward
from heptad.state.tallies import reader_of
from heptad.state.tally import Counts
from heptad.times import format_instant

_FIRST: Final = np.zeros(1, np.int64)  #: the rows of a read of one


class Clock(Protocol):
    """The deployment's clock: int64 microseconds UTC."""

    def now(self) -> int: ...


class Answer(NamedTuple):
    """Columns of n rows, and the knowledge they were computed at: time ``t`` and log ``offsets``.

    `Oracle.read(request, t, offsets[0])` gives the same values, to the last bit; not where they are ``degraded``: the
    store did not answer, and they are as last known.
    """

    values: dict[str, NDArray[Any]]
    t: int
    offsets: Mapping[int, int]
    degraded: bool = False


class Reader:
    """Reads a plan's columns from a store; any number of threads may use one reader."""

    def __init__(self, plan: Plan, store: Store, clock: Clock) -> None:
        self._plan, self._store, self._clock = plan, store, clock
        self._layouts = layouts_of(plan)
        self._queries: dict[int, tuple[_Windows, tuple[WindowColumn, ...]]] = {}
        self._whole = Assembly(plan)
        self._cut: dict[tuple[str, ...], Assembly] = {}
        self._single: dict[str, _Single | None] = {}
        self._static = {column.name for column in plan.columns if column.group == "static"}
        self.merged = Merged()
        self.tables = {
            place: _Table(
                group, plan.stream(group.stream), np.zeros(tables.row_words(len(group.facts)), np.int64)
            )
            for place, group in enumerate(plan.groups)
            if group.facts is not None
        }
        self.tallies = tuple(map(reader_of, plan.tallies))
        self.covered: Mapping[
            int, int
        ] = {}  #: the offsets of a state that was read; no later read knows less

    def read(self, request: Mapping[str, Column], n: int, at: int | None = None) -> Answer:
        """All columns for n rows; ``request`` holds the plan's request columns, (n,) each.

        t is the clock's time, but after every applied event and no later than any pending one; ``at`` names
        another. Raises ReadError where ``at`` cannot be answered from the states, or a key is missing.
        """
        with self.open(at) as session:
            values = session.read(request, n)
            return Answer(values, session.t, session.meta.offsets, session.degraded)

    @contextmanager
    def open(self, at: int | None = None) -> Iterator[Session]:
        """One moment for several reads: all see one snapshot and one t, chosen as in `read`.

        Raises StateError where the store knows less than it did: it was lost, and is being rebuilt.
        """
        covered = self.covered  # before the snapshot, which other threads' may be newer than
        with self._store.snapshot() as snapshot:
            meta = snapshot.meta
            check_forward(covered, meta)
            self.covered = meta.offsets
            t = self._moment(meta) if at is None else _named(at, meta)
            yield Session(self, snapshot, t)

    def warm(self) -> None:
        """Compile or load every kernel a read needs, so that the first read is as fast as the next."""
        no_time = np.zeros(1, np.int64)
        index.warm()
        for place in range(len(self._layouts)):
            columns = tuple(c for c, _ in self._windows() if c.group == place)
            if columns:
                query = Query(self._layouts[place], columns)
                words = combine(query, read(query, [None], 0), no_time, np.array([0, 1], np.int64))
                query.together(query.together.ready(words), 0)
        for column, kind in self._windows():
            blank = Query(self._layouts[column.group], (column,)).blank[None]
            displayed(column, finalized(column, blank, no_time), kind, LocalDictionary())
        for table in self.tables.values():
            tables.read(table.group, table.stream, [None], 0)

    def windows(self, group: int, columns: tuple[WindowColumn, ...]) -> _Windows:
        """The prepared query of these windows of a group; the plan's own objects are known by their identity."""
        found = self._queries.get(id(columns))
        if found is None:  # the columns are kept too: an identity lasts as long as its object
            found = self._queries[id(columns)] = _Windows(Query(self._layouts[group], columns)), columns
        return found[0]

    def only(self, columns: tuple[str, ...] | None) -> Assembly:
        """The plan cut down to these columns, in its order, ready to be read; all of it for None."""
        if columns is None:
            return self._whole
        found = self._cut.get(columns)
        if found is None:
            kept = tuple(c for c in self._plan.columns if c.name in columns)
            found = self._cut[columns] = Assembly(replace(self._plan, columns=kept))
        return found

    def single(self, name: str) -> _Single | None:
        """The column made ready to be read alone for one row; None where more is needed than one key's windows."""
        if name not in self._single:
            column = self._plan.column(name)
            self._single[name] = None
            if isinstance(column.source, WindowColumn) and column.size == 0:
                group = self._plan.groups[column.source.group]
                if len(group.keys) == 1 and group.list_key is None and group.keys[0] not in self._static:
                    query = Query(self._layouts[column.source.group], (column.source,))
                    self._single[name] = _Single(column, column.source, _Windows(query), group.keys[0])
        return self._single[name]

    def list_key(self, group: int) -> int | None:
        return self._plan.groups[group].list_key

    def _moment(self, meta: Meta) -> int:
        """The snapshot is open already, so that nothing it holds lies after the clock's time but what F says."""
        t = self._clock.now()
        if meta.frontier is not None:
            t = max(t, meta.frontier + 1)
        return t if meta.pending_from is None else min(t, meta.pending_from)

    def _windows(self) -> Iterable[tuple[WindowColumn, Kind]]:
        for column in self._plan.columns:
            for window in windows_of(column.source):
                yield window, column.kind


class Session:
    """Reads of one moment, inside ``with reader.open() as session``: do not keep it open."""

    def __init__(self, reader: Reader, snapshot: Snapshot, t: int) -> None:
        self._reader, self._snapshot, self.t = reader, snapshot, t

    @property
    def meta(self) -> Meta:
        """The committed state that is read."""
        return self._snapshot.meta

    @property
    def degraded(self) -> bool:
        """Whether what was read so far is not of the moment, because the store did not answer."""
        return self._snapshot.degraded

    def counts(self, tally: int = 0) -> Counts:
        """A tally of the plan, as of this moment."""
        return self._reader.tallies[tally].at(self._snapshot, self.t)

    def read(
        self, request: Mapping[str, Column], n: int, columns: tuple[str, ...] | None = None
    ) -> dict[str, NDArray[Any]]:
        """As `Reader.read`, of all columns or of these only.

        ``columns`` must hold what they need of each other: static columns that are keys, inputs of derived ones.
        """
        one = (
            self._reader.single(columns[0]) if n == 1 and columns is not None and len(columns) == 1 else None
        )
        if one is not None:
            return {one.column.name: self._single(one, request)}
        times = np.full(n, self.t, np.int64)
        fetch = _Fetch(self._reader, self._snapshot, self.t)
        values = _Values(self._snapshot)
        return self._reader.only(columns)(request, times, fetch, fetch.facts, values)

    def _single(self, one: _Single, request: Mapping[str, Column]) -> NDArray[Any]:
        """What `read` makes of one window under one key, without what only many rows and columns need."""
        found = request.get(one.key)
        if found is None:
            raise missing(one.key)
        source, windows, merged = one.source, one.windows, self._reader.merged
        if found.valid[0]:
            values = found.values.tolist()
            (held,) = merged.known(self._snapshot, [Asked(source.group, windows, values)], self.t)
            words, rows = held.words, held.rows
            if held.lacking:
                keys = encode_rows([(values[0],)])
                (records,) = self._snapshot.many([(source.group, keys)])
                words, rows = windows.rows(records, self.t), _FIRST
                merged.keep(self._snapshot, windows, values, keys, words, self.t)
        else:
            words, rows = windows.blank[None], _FIRST
        (value,) = windows.query.together(words, self.t, rows)
        return displayed(source, value, one.column.kind, _Values(self._snapshot))


def _named(at: int, meta: Meta) -> int:
    """A time the caller names, where the states can still, and already, answer for it."""
    if meta.frontier is not None and at <= meta.frontier:
        raise ReadError(
            f"read at {format_instant(at)}", f"a time after the frontier, {format_instant(meta.frontier)}",
            "an earlier one", "ask offline for the past: training_set reads the log",
        )  # fmt: skip
    if meta.pending_from is not None and at > meta.pending_from:
        raise ReadError(
            f"read at {format_instant(at)}",
            f"a time up to the next pending event, {format_instant(meta.pending_from)}", "a later one",
            "ask offline, or once the clock has passed it",
        )  # fmt: skip
    return at


class _Windows:
    """Windows of a group as `online.merged` holds them: made ready as far as time allows, or, where a key is a list, as
    words that are merged at each read."""

    def __init__(self, query: Query) -> None:
        self.query, self.place = query, query.place
        self._listed = query.layout.group.list_key is not None
        self.blank = query.blank if self._listed else query.together.ready(query.blank[None])[0]

    def rows(self, records: Sequence[bytes | None], t: int) -> NDArray[np.int64]:
        """What is held of these records."""
        words = read(self.query, records, t)
        return words if self._listed else self.query.together.ready(words)

    def values(self, keys: Keyed, found: Found, t: int) -> list[Finalized]:
        """The values that rows of a read show, of what is held of its keys."""
        together = self.query.together
        if keys.lists is None and not keys.nulls:
            return together(found.words, t, found.rows, keys.of)
        states = keys.states(self.query, found.taken(), self.blank)
        return together(together.ready(states) if self._listed else states, t, of=keys.of)


class _Single(NamedTuple):
    """A column of one window, whose key is one column of the request."""

    column: ColumnPlan
    source: WindowColumn
    windows: _Windows
    key: str


class _Table(NamedTuple):
    """The group of a table as `online.merged` holds its rows: those that are held, time does not change."""

    group: GroupPlan
    stream: StreamPlan
    blank: NDArray[np.int64]

    def place(self, t: int) -> bytes:
        return b""


class _Fetch:
    """`plan.assemble.Fetch` over one snapshot at one time; columns and keys are looked through once per read."""

    def __init__(self, reader: Reader, snapshot: Snapshot, t: int) -> None:
        self._reader, self._snapshot, self._t = reader, snapshot, t
        self._coded: dict[int, tuple[Coded, object]] = {}  #: by the identity of what is kept beside
        self._keyed: dict[tuple[int | None, ...], Keyed] = {}

    def __call__(self, reads: Sequence[GroupRead]) -> list[list[Finalized]]:
        keyed = [self._keys(self._reader.list_key(asked.group), asked.keys) for asked in reads]
        queries = [self._reader.windows(asked.group, asked.columns) for asked in reads]
        held = self._reader.merged.known(
            self._snapshot,
            [Asked(one.group, query, k.values) for one, query, k in zip(reads, queries, keyed, strict=True)],
            self._t,
        )
        if any(found.lacking for found in held):
            lacking = [k.keys(found.lacking) for k, found in zip(keyed, held, strict=True)]
            fetched = self._snapshot.many(
                [(asked.group, keys) for asked, keys in zip(reads, lacking, strict=True)]
            )
            for place, (query, k, keys, records) in enumerate(
                zip(queries, keyed, lacking, fetched, strict=True)
            ):
                if keys:
                    rows = query.rows(records, self._t)
                    self._reader.merged.keep(
                        self._snapshot, query, k.chosen(held[place].lacking), keys, rows, self._t
                    )
                    held[place] = held[place].with_those(rows)
        return [query.values(k, found, self._t) for query, k, found in zip(queries, keyed, held, strict=True)]

    def facts(self, asked: FactRead) -> dict[str, NDArray[Any]]:
        """`plan.assemble.Facts`: each entity's record is read once, whatever rows and columns need it."""
        keys = self._keys(None, (asked.key,))
        table, snapshot = self._reader.tables[asked.group], self._snapshot
        (held,) = self._reader.merged.known(snapshot, [Asked(asked.group, table, keys.values)], self._t)
        if held.lacking:
            records = snapshot.records(asked.group, keys.keys(held.lacking))
            rows = tables.read(table.group, table.stream, records, self._t)
            lasts = tables.settled(table.stream, rows, snapshot.meta.frontier)
            kept = [place for place, last in zip(held.lacking, lasts.tolist(), strict=True) if last]
            self._reader.merged.keep(
                snapshot, table, keys.chosen(kept), keys.keys(kept), rows.words[lasts], self._t
            )
            held = held.with_those(rows.words)
        words = np.concatenate([held.taken(), table.blank[None]]) if keys.nulls else held.taken()
        numbers, texts = numbers_and_texts(table.group, table.stream, words, asked.names, _Values(snapshot))
        of = keys.of
        out: dict[str, NDArray[Any]] = {n: held if of is None else held[of] for n, held in numbers.items()}
        for name, (distinct, which) in texts.items():
            codes = which if of is None else which[of]
            out[name] = column = distinct[codes]
            # it may be a key of what is read next
            self._coded[id(column)] = Coded(distinct[:-1].tolist(), codes), column
        return out

    def _keys(self, list_key: int | None, columns: tuple[Column, ...]) -> Keyed:
        name = (list_key, *[id(column.values) for column in columns])
        found = self._keyed.get(name)
        if found is None:
            found = self._keyed[name] = keyed(
                [self._code(column) for column in columns], list_key, len(columns[0].values)
            )
        return found

    def _code(self, column: Column) -> Coded:
        found = self._coded.get(id(column.values))
        if found is None:  # the values are kept too: an identity lasts as long as its object
            found = self._coded[id(column.values)] = code(column), column.values
        return found[0]


class _Values:
    """The dictionary of a snapshot: codes to values; a read gives out no new codes."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.values = snapshot.values

    def codes(self, values: Sequence[Any]) -> NoReturn:
        raise ReadError(
            "read", "codes of stored values", "a new value", "report this: a read must not code values"
        )
