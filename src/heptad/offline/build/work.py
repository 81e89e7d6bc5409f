"""Pass two, all partitions of a shard: each whole in memory where it fits its share, in slices of time where not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from heptad.offline.build.budget import Budget, event_bytes, row_bytes
from heptad.offline.build.columns import one
from heptad.offline.build.disk import Disk
from heptad.offline.build.events import TIME
from heptad.offline.build.partition import Answers, Texts, compute, load_events, load_keys
from heptad.offline.build.scatter import ROW
from heptad.offline.build.shards import Need, Shard
from heptad.offline.build.slices import Slice, SlicedEngine
from heptad.offline.build.spill import Piece, Spill
from heptad.offline.build.types import cast
from heptad.offline.facts import FactReader
from heptad.plan.batch import Batch
from heptad.plan.nodes import FieldPlan

AT = "@t"
Longs = NDArray[np.int64]


@dataclass(frozen=True)
class Work:
    """Everything a partition's job needs to know; ``events`` and ``rows`` hold the partitions, ``out`` the blocks."""

    shard: Shard
    fields: Mapping[str, FieldPlan]
    events: tuple[tuple[Need, Spill], ...]
    rows: Spill
    out: Spill
    types: Mapping[str, Any]
    budget: Budget
    block: int
    known: bool
    disk: Disk
    scratch: Callable[[str], Path]

    @property
    def event_bytes(self) -> int:
        return event_bytes(max(len(need.columns) for need, _ in self.events))

    @property
    def row_bytes(self) -> int:
        return row_bytes(self.shard.words, len(self.shard.plan.columns))

    def cost(self, number: int) -> int:
        """Bytes that a partition takes when it is in memory as a whole."""
        events = sum(spill.rows(number) for _, spill in self.events)
        return events * self.event_bytes + self.rows.rows(number) * self.row_bytes

    def fits(self, number: int) -> bool:
        """Whether a partition may be in memory as a whole."""
        if self.budget.load is not None:
            events = sum(spill.rows(number) for _, spill in self.events)
            return events + self.rows.rows(number) <= self.budget.load
        return self.cost(number) <= self.budget.share

    def run(self, number: int) -> int:
        """Compute a partition's rows; how many rows and events it had."""
        events = sum(spill.rows(number) for _, spill in self.events)
        if self.rows.rows(number):
            if self.fits(number) or self.shard.has_facts:
                self._whole(number)
            else:
                self._sliced(number)
        return events + self.rows.rows(number)

    def _whole(self, number: int) -> None:
        texts = Texts(self.shard)
        table = self.rows.read(self.rows.pieces(number))
        events = self._load({need.stream.name: spill.pieces(number) for need, spill in self.events}, texts)
        keys, t = load_keys(self.shard, self.fields, table, texts), table.column(AT).to_numpy()
        answers = self._answers(texts)
        threads = (
            1 if len(self.rows.numbers()) >= self.budget.workers else None
        )  # the others have the other cores
        self._write(table, compute(self.shard, answers, events, keys, t, t if self.known else None, threads))

    def _sliced(self, number: int) -> None:
        texts = Texts(self.shard)
        table = self.rows.read(self.rows.pieces(number))
        table = table.take(np.argsort(table.column(AT).to_numpy(), kind="stable"))
        keys, t = load_keys(self.shard, self.fields, table, texts), table.column(AT).to_numpy()
        answers = self._answers(texts)
        with _Slices(self, number, texts) as slices:
            reads = answers.reads(keys, len(t))
            engine = SlicedEngine(self.shard.plan, slices.slices, reads, self.budget.share // 5)
            step = self._rows_at_once()
            for first in range(0, len(t), step):
                place = np.arange(first, min(first + step, len(t)))
                part = {name: column.take(place) for name, column in keys.items()}
                times = t[place]
                o = times if self.known else None
                found = answers.of(
                    part, times, partial(engine.fetch, place=place, t=times, o=o),
                    FactReader(self.shard.plan, {}, times, o), engine.dictionary,
                )  # fmt: skip
                self._write(table.slice(first, len(place)), found)

    def _rows_at_once(self) -> int:
        if self.budget.load is not None:
            return max(1, self.budget.load)
        return max(1_000, int(self.budget.share * 0.35) // self.row_bytes)

    def events_at_once(self) -> int:
        """Events of a slice."""
        if self.budget.load is not None:
            return max(1, self.budget.load)
        return max(10_000, int(self.budget.share * 0.35) // self.event_bytes)

    def _answers(self, texts: Texts) -> Answers:
        names = {field.name: field.type for _, spill in self.events for field in spill.schema}
        held = [name for name, kind in names.items() if pa.types.is_large_string(kind)]
        coded = [name for name in held if texts.coded(name, pa.array([], names[name]))]
        return Answers(self.shard, texts).holding(coded, held)

    def _load(self, pieces: Mapping[str, list[Piece]], texts: Texts) -> dict[str, Batch]:
        kinds = {key: self.rows.schema.field(key).type for key in self.shard.keys}
        return {
            need.stream.name: load_events(
                self.shard, need, spill.read(pieces[need.stream.name]), texts, kinds
            )
            for need, spill in self.events
            if pieces.get(need.stream.name)
        }

    def _write(self, rows: pa.Table, found: Mapping[str, Any]) -> None:
        """Append the rows' columns to the blocks they belong to."""
        columns = {c.name: cast(found[c.name], self.types[c.name]) for c in self.shard.plan.columns}
        number = rows.column(ROW).to_numpy()
        table = pa.table({ROW: number, **columns}, schema=self.out.schema)
        blocks = number // self.block
        self.out.scatter(table, blocks.astype(np.int32), int(blocks.max(initial=0)) + 1)


class _Slices:
    """The events of a partition as slices of time; a context, since they may need a spill of their own."""

    def __init__(self, work: Work, number: int, texts: Texts) -> None:
        self._work, self._texts = work, texts
        self._own: list[Spill] = []
        self._lock = Lock()
        limit = work.events_at_once()
        pieces = [
            (piece, place) for place, (_, spill) in enumerate(work.events) for piece in spill.pieces(number)
        ]
        self._spills = [spill for _, spill in work.events]
        if _tangled([piece for piece, _ in pieces], limit):
            pieces = self._untangled(pieces, limit)
        self.slices = [self._slice(group) for group in _grouped(pieces, limit)]

    def __enter__(self) -> _Slices:
        return self

    def __exit__(self, *why: object) -> None:
        for spill in self._own:
            spill.remove()

    def _slice(self, group: list[tuple[Piece, int]]) -> Slice:
        low, high = min(piece.low for piece, _ in group), max(piece.high for piece, _ in group)
        return Slice(low, high, partial(self._load, group))

    def _load(self, group: list[tuple[Piece, int]]) -> dict[str, Batch]:
        work = self._work
        kinds = {key: work.rows.schema.field(key).type for key in work.shard.keys}
        out = {}
        for place, (need, _) in enumerate(work.events):
            mine = [piece for piece, of in group if of == place]
            if mine:
                table = self._spills[place].read(mine)
                out[need.stream.name] = load_events(work.shard, need, table, self._texts, kinds)
        return out

    def _untangled(self, pieces: list[tuple[Piece, int]], limit: int) -> list[tuple[Piece, int]]:
        """The same events in pieces that follow each other in time, in new spills."""
        times = np.concatenate(
            [
                one(self._spills[place].read([piece]).column(TIME)).to_numpy()[:: max(1, piece.rows // 1000)]
                for piece, place in pieces
            ]
        )
        count = max(2, -(-sum(piece.rows for piece, _ in pieces) * 2 // limit))
        bounds = np.unique(np.quantile(times, np.linspace(0, 1, count + 1)[1:-1], method="nearest"))
        out: list[tuple[Piece, int]] = []
        fresh = []
        for place, spill in enumerate(self._spills):
            path = self._work.scratch(f"slices-{id(self)}-{place}")
            made = Spill(self._work.disk, path, spill.schema, TIME)
            self._own.append(made)
            fresh.append(made)
            for piece in (piece for piece, of in pieces if of == place):
                table = spill.read([piece])
                code = np.searchsorted(bounds, one(table.column(TIME)).to_numpy(), side="right")
                made.scatter(table, code.astype(np.int32), len(bounds) + 1)
            out += [(piece, place) for number in made.numbers() for piece in made.pieces(number)]
        self._spills = fresh
        return out


def _tangled(pieces: list[Piece], limit: int) -> bool:
    """Whether pieces overlap so much in time that a window would touch most of them."""
    if not pieces or sum(piece.rows for piece in pieces) <= limit:
        return False
    span = max(piece.high for piece in pieces) - min(piece.low for piece in pieces) + 1
    return (
        sum(piece.high - piece.low + 1 for piece in pieces) > 3 * span
        or max(piece.rows for piece in pieces) > 2 * limit
    )


def _grouped(pieces: list[tuple[Piece, int]], limit: int) -> list[list[tuple[Piece, int]]]:
    """Pieces in the order of time, as many together as the limit allows."""
    groups: list[list[tuple[Piece, int]]] = []
    rows = limit + 1
    for piece, place in sorted(pieces, key=lambda one: (one[0].low, one[0].high)):
        if rows + piece.rows > limit:
            groups.append([])
            rows = 0
        groups[-1].append((piece, place))
        rows += piece.rows
    return groups
