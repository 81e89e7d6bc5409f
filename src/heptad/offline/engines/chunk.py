"""One chunk of a group: its events and reads sorted, its windows' edges found, its slots merged and finalized."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.algebra.window import Window
from heptad.offline.engines import kernels
from heptad.offline.engines.order import arrange
from heptad.offline.engines.output import Output
from heptad.offline.engines.slot import Edges, Held, Input, Longs, Merging
from heptad.offline.engines.unknown import holes

_WORDS = (
    1 << 22
)  #: words merged at a time, 32 MB: a key of many reads and a state of many words must not take them all
_LEAST = 1 << 10


class Events(NamedTuple):
    """The dealt events of a group: key codes, times, ties, log offsets where they matter, and the slots' inputs."""

    code: Longs
    time: Longs
    tie: Longs
    offset: Longs | None
    inputs: tuple[Input, ...]


class Reads(NamedTuple):
    """The dealt reads: key codes, t, and o where it matters."""

    code: Longs
    t: Longs
    o: Longs | None


class Work(NamedTuple):
    """A chunk: its events, its reads, and the codes of its keys."""

    events: slice
    reads: slice
    first: int
    last: int


def sweep(work: Work, events: Events, reads: Reads, out: Output) -> None:
    """Write the values of the chunk's reads."""
    order, starts = arrange(
        events.code[work.events], work.first, work.last - work.first,
        events.time[work.events], events.tie[work.events],
    )  # fmt: skip
    offset = None if events.offset is None else kernels.taken(events.offset[work.events], order)
    held = Held(
        kernels.taken(events.time[work.events], order),
        kernels.taken(events.tie[work.events], order),
        offset,
        starts,
    )
    t = reads.t[work.reads]
    by_time, _ = arrange(reads.code[work.reads], work.first, work.last - work.first, t, t)
    t, to = kernels.taken(t, by_time), by_time + work.reads.start
    key = kernels.taken(reads.code[work.reads], by_time) - work.first
    o = None if reads.o is None else kernels.taken(reads.o[work.reads], by_time)
    edges = _edges(held, key, t, o, out.windows)
    done: dict[int, NDArray[Any]] = {}  # an input that several slots share is sorted once

    def sort(values: NDArray[Any]) -> NDArray[Any]:
        if id(values) not in done:
            take = kernels.taken if values.ndim == 1 else kernels.taken_rows
            done[id(values)] = take(values[work.events], order)
        return done[id(values)]

    for slot, (plan, given) in enumerate(zip(out.slots, events.inputs, strict=True)):
        merging = Merging(plan, held, given.through(sort), out.by_membership)
        step = max(_LEAST, _WORDS // (len(out.windows) * plan.words))
        for first in range(0, len(t), step):
            some = slice(first, min(first + step, len(t)))
            words = merging(edges.of(some.start, some.stop))
            for window in range(len(out.windows)):
                if (slot, window) in out.reading:
                    out.write(slot, window, words[window], t[some], to[some])


def _edges(held: Held, key: Longs, t: Longs, o: Longs | None, windows: Sequence[Window]) -> Edges:
    low, high = np.empty((len(windows), len(t)), np.int64), np.empty((len(windows), len(t)), np.int64)
    heads: dict[tuple[int, int], int] = {}  # windows that end alike are looked at once
    for w, window in enumerate(windows):
        low[w] = (
            held.starts[key]
            if window.width is None
            else kernels.edges(held.time, held.starts, key, np.asarray(window.start(t)))  # type: ignore[arg-type]
        )
        same = heads.setdefault(_head(window), w)
        if same == w:
            high[w] = kernels.edges(held.time, held.starts, key, np.asarray(window.end(t)))  # type: ignore[arg-type]
        else:
            high[w] = high[same]
    nobody = np.empty(0, np.int64)
    if held.offset is None or o is None:
        everything = np.full(len(t), np.iinfo(np.int64).max)
        return Edges(low, high, np.empty((0, 0), np.int64), nobody, [nobody] * len(windows), everything)
    firsts, places = np.zeros((len(windows), len(t) + 1), np.int64), nobody
    unknown = [nobody] * len(windows)
    for head in heads.values():
        alike = [w for w, window in enumerate(windows) if heads[_head(window)] == head]
        firsts[head, 0] = firsts[:, -1].max()
        tail = low[alike].min(axis=0)
        places, many = holes(held.offset, held.starts, tail, high[head], o, firsts[head], places)
        for w in alike:
            firsts[w], unknown[w] = firsts[head], np.flatnonzero(many)
    return Edges(low, high, firsts, places, unknown, o)


def _head(window: Window) -> tuple[int, int]:
    """Windows of one head end alike."""
    return window.delay, window.hop if window.delay else 0
