"""Pass two, one partition of one shard: its events and rows loaded, the rows' values computed as Arrow columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from heptad.algebra import catalogue
from heptad.algebra.spec import Merge
from heptad.declare.types import Kind
from heptad.offline.build.columns import Codes, arrow_of, column, is_text, numbers, one
from heptad.offline.build.events import OFFSET, TIE, TIME
from heptad.offline.build.shards import Need, Shard
from heptad.offline.engines.local import LocalEngine
from heptad.offline.facts import FactReader
from heptad.offline.frames import to_arrow
from heptad.plan.assemble import Assembly, Facts, Fetch, GroupRead
from heptad.plan.batch import Batch, Column
from heptad.plan.coding import LocalDictionary, decoded
from heptad.plan.finalize import Finalized
from heptad.plan.lift import key_columns
from heptad.plan.nodes import ColumnPlan, FieldPlan, Plan, WindowColumn, windows_of

Longs = NDArray[np.int64]
EDGE = 2**62  #: words below -EDGE are codes of the dictionary (`heptad.plan.coding`)
_CHUNK = 1 << 19  #: a partition's rows are mostly one chunk, which need not be dealt
_PAYLOAD = frozenset({Merge.LATEST, Merge.EARLIEST})


class Texts:
    """Which columns of a shard hold texts that may be numbers: keys, and values that are only carried along.

    A text that is compared with a constant, hashed or looked up in a vocabulary must stay what it is.
    """

    def __init__(self, shard: Shard) -> None:
        self.codes = Codes()
        plain: set[str] = set()
        for part in dict.fromkeys(part for c in shard.plan.columns for part in windows_of(c.source)):
            slot = shard.plan.slot_of(part)
            if slot.where is not None:
                plain.add(slot.where.column)
            if slot.column is not None and any(s.merge not in _PAYLOAD for s in slot.segments):
                plain.add(slot.column)
        self._plain = plain if not shard.has_facts else None

    def coded(self, name: str, array: Any) -> bool:
        """Whether this column is held as codes."""
        text: bool = pa.types.is_large_string(array.type)
        return text and self._plain is not None and name not in self._plain

    def column(self, array: Any, field: FieldPlan) -> Column:
        return self.codes.of(array) if self.coded(field.name, array) else column(array, field)


def load_events(shard: Shard, need: Need, table: pa.Table, texts: Texts, keys: Mapping[str, Any]) -> Batch:
    """A partition's events of one stream. ``keys`` are the types of the rows' key columns: no key of another
    type is equal to one of theirs."""
    held = {}
    for name in need.columns:
        array = one(table.column(name))
        held[name] = texts.column(array, need.stream.by_name[name])
        if name in keys and _differ(array.type, keys[name]):
            held[name] = Column(held[name].values, np.zeros(len(array), np.bool_))
    n = table.num_rows
    tie = numbers(one(table.column(TIE))).values if need.ties else np.zeros(n, np.int64)
    offset = np.zeros(n, np.int64)
    if OFFSET in table.column_names:
        offset = numbers(one(table.column(OFFSET))).values
    elif need.stream.is_table:
        offset = tie
    return Batch(need.stream, numbers(one(table.column(TIME))).values, tie, offset, held)


def load_keys(
    shard: Shard, fields: Mapping[str, FieldPlan], table: pa.Table, texts: Texts
) -> dict[str, Column]:
    """The key columns of rows, as the events have theirs."""
    return {key: texts.column(one(table.column(key)), fields[key]) for key in shard.keys}


def _differ(one: Any, other: Any) -> bool:
    return is_text(one) != is_text(other)


class Answers:
    """The values of a shard's columns for rows, as Arrow arrays: what `Assembly` makes, without its objects."""

    def __init__(self, shard: Shard, texts: Texts) -> None:
        self._plan, self._texts = shard.plan, texts
        self._fast = {c.name: c for c in shard.plan.columns if _is_carried(shard.plan, c)}
        self._slow = replace(
            shard.plan, columns=tuple(c for c in shard.plan.columns if c.name not in self._fast)
        )
        parts: dict[int, dict[WindowColumn, None]] = {}
        for part in (part for c in shard.plan.columns for part in windows_of(c.source)):
            parts.setdefault(part.group, {})[part] = None
        self._parts = {group: tuple(columns) for group, columns in parts.items()}

    def reads(self, keys: Mapping[str, Column], n: int) -> list[GroupRead]:
        """Everything that must be fetched."""
        return [
            GroupRead(group, columns, key_columns(self._plan.groups[group], keys, n))
            for group, columns in self._parts.items()
        ]

    def of(
        self, keys: Mapping[str, Column], t: Longs, fetch: Fetch, facts: Facts, dictionary: LocalDictionary
    ) -> dict[str, Any]:
        """The columns by name; numbers are NaN where they are null."""
        reads = self.reads(keys, len(t))
        found: dict[WindowColumn, Finalized] = {}
        for read, values in zip(reads, fetch(reads), strict=True):
            found.update(zip(read.columns, values, strict=True))

        def fetched(asked: Sequence[GroupRead]) -> list[list[Finalized]]:
            return [[found[column] for column in read.columns] for read in asked]

        plain = Assembly(self._slow)(keys, t, fetched, facts, dictionary)
        out = {name: _array(name, values) for name, values in plain.items()}
        for name, carried in self._fast.items():
            if isinstance(carried.source, WindowColumn):
                out[name] = self._carried(carried, carried.source, found[carried.source], dictionary)
        return out

    def _carried(
        self, column: ColumnPlan, part: WindowColumn, value: Finalized, dictionary: LocalDictionary
    ) -> Any:
        """Values that events carry: one per row, or a list of them."""
        if not isinstance(value, tuple):
            raise TypeError(column.name)
        words, present = value
        mask = np.arange(words.shape[1]) < present[:, None]
        if catalogue.get(part.aggregation).returns == "value":
            flat, valid = words[:, 0], mask[:, 0]
            return self._flat(column, part, flat, valid, dictionary, True)
        flat = words[mask]
        items = self._flat(column, part, flat, np.ones(len(flat), np.bool_), dictionary, False)
        ends = np.concatenate([[0], np.cumsum(present)]).astype(np.int32)
        return pa.ListArray.from_arrays(arrow_of(ends), items)

    def _flat(
        self,
        column: ColumnPlan,
        part: WindowColumn,
        words: Longs,
        valid: NDArray[np.bool_],
        dictionary: LocalDictionary,
        nulls: bool,
    ) -> Any:
        slot = self._plan.slot_of(part)
        if column.kind.numeric:
            return pa.array(decoded(words, valid, column.kind, dictionary))
        if slot.column in self._coded_texts:
            places = pa.array(np.where(valid, words, 0), mask=None if valid.all() else ~valid)
            return self._texts.codes.texts().cast(pa.string()).take(places)
        if not (valid & (words < -EDGE)).any():
            if slot.column in self.text_columns:  # all null
                return pa.nulls(len(words), pa.string())
            return pa.array(np.where(valid, words, 0), mask=None if valid.all() else ~valid)
        values = decoded(words, valid, column.kind, dictionary).tolist()
        return pa.array(values)

    _coded_texts: frozenset[str] = frozenset()
    text_columns: frozenset[str] = frozenset()

    def holding(self, coded: Sequence[str], texts: Sequence[str]) -> Answers:
        """Which of the events' columns are held as codes of texts, and which are texts."""
        self._coded_texts, self.text_columns = frozenset(coded), frozenset(texts)
        return self


def _array(name: str, values: NDArray[Any]) -> Any:
    if values.dtype == np.float64 and values.ndim == 1:
        return pa.array(values)
    return one(to_arrow({name: values}).column(0))


def _is_carried(plan: Plan, column: ColumnPlan) -> bool:
    if not isinstance(column.source, WindowColumn) or column.kind in (Kind.TEXTS, Kind.VECTOR):
        return False
    slot = plan.slot_of(column.source)
    spec = catalogue.get(column.source.aggregation)
    return spec.returns in ("value", "values") and all(s.merge in _PAYLOAD for s in slot.segments)


def compute(
    shard: Shard,
    answers: Answers,
    events: Mapping[str, Batch],
    keys: Mapping[str, Column],
    t: Longs,
    o: Longs | None,
    threads: int | None = None,
) -> dict[str, Any]:
    """The shard's columns for rows, all of whose events are in memory; ``threads``: None for all cores."""
    dictionary = LocalDictionary()
    engine = LocalEngine(shard.plan, events, t, o, dictionary, threads=threads, size=_CHUNK)
    facts = FactReader(shard.plan, events, t, o)
    return answers.of(keys, t, engine.fetch, facts, dictionary)
