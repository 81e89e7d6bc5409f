"""A training set from Parquet to Parquet within a budget of memory (decision record 22)."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from heptad.offline.build.budget import Budget, event_bytes, peak, row_bytes
from heptad.offline.build.disk import Disk, OsDisk, explained
from heptad.offline.build.events import TIME, Events, schema
from heptad.offline.build.files import Rows
from heptad.offline.build.gather import Gatherer
from heptad.offline.build.inputs import Inputs, field_of
from heptad.offline.build.labels import Labels, features
from heptad.offline.build.memory import in_memory
from heptad.offline.build.meter import Meter, Silent, Stage
from heptad.offline.build.repeats import repeated
from heptad.offline.build.report import Report
from heptad.offline.build.scatter import ROW, Partitions, scatter_events, spread
from heptad.offline.build.shards import Shard, shards
from heptad.offline.build.spill import Spill
from heptad.offline.build.work import AT, Work
from heptad.offline.build.workspace import Workspace
from heptad.offline.build.writer import Writer
from heptad.plan.nodes import Plan

Mode = Literal["as_known", "as_happened"]


def build(
    plan: Plan,
    events: Mapping[str, Rows],
    labels: Labels,
    out: Path,
    budget: Budget,
    *,
    mode: Mode = "as_known",
    meter: Meter | None = None,
    disk: Disk | None = None,
    facts: Mapping[str, Any] | None = None,
    now: Callable[[], float] = clock.perf_counter,
) -> Report:
    """Write the label rows with every feature of the plan to ``out``: N rows in, N rows out, in their order.

    The same values as `heptad.offline.training_set.training_set` gives, without ever holding more than the
    budget allows. ``out`` appears whole or not at all. Raises DataError where a source does not fit its class,
    StateError where the disk refuses.
    """
    target = out.absolute()
    with explained(target), Workspace(target, disk or OsDisk()) as space:
        made = _Build(plan, dict(events), labels, space, budget, mode, meter or Silent(), now)
        return made.run(dict(facts or {}))


class _Build:
    """One build while it runs."""

    def __init__(
        self, plan: Plan, events: dict[str, Rows], labels: Labels, space: Workspace, budget: Budget, mode: Mode,
        meter: Meter, now: Callable[[], float],
    ) -> None:  # fmt: skip
        self._plan, self._rows, self._labels, self._space = plan, events, labels, space
        self._budget, self._mode, self._meter, self._now = budget, mode, meter, now
        self._shards = shards(plan)
        self._began = now()
        self._spilled = 0
        self._stages: dict[str, float] = {}
        self._known = mode == "as_known" and any(s.known_at is not None for s in plan.streams)
        self._inputs = Inputs(plan, events, labels, self._shards, self._known)
        self._events: dict[str, Events] = {}

    def run(self, facts: dict[str, Any]) -> Report:
        used, types = self._inputs.used(), self._inputs.types()
        facts |= {
            "plan": self._plan.hash, "mode": self._mode, "rows": self._labels.rows.count,
            "events": {name: rows.count for name, rows in used.items()},
        }  # fmt: skip
        kept = self._labels.rows.schema
        for name in features(self._plan, self._labels):
            kept = kept.append(pa.field(name, types[name]))
        whole = self._budget.partitions is None and self._inputs.cost() <= self._budget.free
        made = self._space.file("out.parquet")
        with ExitStack() as stack:
            writer = Writer(self._space.disk, made, kept.remove_metadata(), facts)
            stack.callback(writer.abandon)
            if whole:
                repeats = self._all_at_once(used, types, writer)
            else:
                repeats = self._piece_by_piece(types, writer, stack)
            written = writer.finish()
        self._space.publish(made)
        return Report(
            str(self._space.out), self._plan.hash, self._mode, self._labels.rows.count, len(kept), facts["events"],
            repeats, round(self._now() - self._began, 3), peak(), self._spilled, written, whole,
            {name: round(seconds, 3) for name, seconds in self._stages.items()},
        )  # fmt: skip

    # ---------------------------------------------------------------------------------- all at once

    def _all_at_once(
        self, used: Mapping[str, Rows], types: Mapping[str, Any], writer: Writer
    ) -> dict[str, int]:
        with self._timed("features", self._labels.rows.count) as stage:
            table, repeats = in_memory(self._plan, used, self._labels, types, self._mode)
            stage.advance(self._labels.rows.count)
        with self._timed("output", self._labels.rows.count) as stage:
            writer.write(table)
            stage.advance(table.num_rows)
        return repeats

    # ------------------------------------------------------------------------------- piece by piece

    def _piece_by_piece(self, types: Mapping[str, Any], writer: Writer, stack: ExitStack) -> dict[str, int]:
        names = self._inputs.streams()
        repeats: dict[str, int] = {}
        tables = self._inputs.tables(names, self._budget.free)
        for name in names:
            dropped = self._repeats(name)
            if self._plan.stream(name).key is not None:
                repeats[name] = len(dropped)
            self._events[name] = self._inputs.events(name, tables, dropped)
        pool = stack.enter_context(ThreadPoolExecutor(self._budget.workers))
        block = self._budget.block_rows(len(writer.schema))
        works = [self._work(shard, types, block, stack, number) for number, shard in enumerate(self._shards)]
        self._scatter_events(works, pool)
        gatherer = Gatherer(self._plan, self._labels, [], types, block)
        for late in (False, True):
            now = [(w, p) for w, p in works if w.shard.late is late]
            if now:
                self._scatter_labels(now, gatherer, block)
                self._compute([w for w, _ in now], pool)
                gatherer.spills += [(w.shard, w.out) for w, _ in now]
        self._gather(gatherer, block, writer, pool)
        return repeats

    def _repeats(self, name: str) -> Any:
        key = self._plan.stream(name).key
        if key is None:
            return np.empty(0, np.int64)
        with self._timed(f"ids of {name}", self._rows[name].count) as stage:
            path = self._space.file(f"ids-{name}")
            return repeated(key, self._rows[name], self._budget, self._space.disk, path, stage.advance)

    def _work(
        self, shard: Shard, types: Mapping[str, Any], block: int, stack: ExitStack, number: int
    ) -> tuple[Work, Partitions]:
        cost = self._labels.rows.count * row_bytes(shard.words, len(shard.plan.columns))
        width = max(len(need.columns) for need in shard.needs)
        cost += sum(self._rows[need.stream.name].count for need in shard.needs) * event_bytes(width)
        n = self._budget.count(cost)
        samples = (
            self._rows[need.stream.name]
            for need in shard.needs
            if n > 1 and shard.hashed and not shard.has_facts
        )
        share = self._budget.share / max(cost, 1) / 2 if self._budget.load is None else 0.2
        partitions = spread(shard, share, (self._inputs.sample(rows, shard) for rows in samples), n)
        spilled = []
        for need in shard.needs:
            held = schema(self._events[need.stream.name], need.columns, need.ties)
            spilled.append((need, self._spill(f"events-{number}-{need.stream.name}", held, stack, TIME)))
        keys = [(key, self._inputs.key_type(shard, key)) for key in shard.keys]
        rows = self._spill(f"rows-{number}", pa.schema([(ROW, pa.int64()), (AT, pa.int64()), *keys]), stack)
        columns = [(column.name, types[column.name]) for column in shard.plan.columns]
        made = self._spill(f"values-{number}", pa.schema([(ROW, pa.int64()), *columns]), stack)
        fields = dict(self._labels.fields) | {
            c.name: self._labels.fields.get(c.name) or field_of(c)
            for c in self._plan.columns
            if c.group == "static"
        }
        work = Work(
            shard, fields, tuple(spilled), rows, made, types, self._budget, block, self._known,
            self._space.disk, self._space.file,
        )  # fmt: skip
        return work, partitions

    def _spill(self, name: str, held: pa.Schema, stack: ExitStack, time: str | None = None) -> Spill:
        spill = Spill(self._space.disk, self._space.file(name), held, time)
        stack.callback(self._removed, spill)
        return spill

    def _removed(self, spill: Spill) -> None:
        spill.remove()

    def _scatter_events(self, works: Sequence[tuple[Work, Partitions]], pool: ThreadPoolExecutor) -> None:
        for name, events in self._events.items():
            targets = [
                (need, partitions, spill)
                for work, partitions in works
                for need, spill in work.events
                if need.stream.name == name
            ]
            size = self._budget.chunk_rows(len(events.wanted), len(targets))
            with self._timed(f"events of {name}", events.rows.count) as stage:
                for done in scatter_events(events, targets, size, pool):
                    stage.advance(done)

    def _scatter_labels(
        self, works: Sequence[tuple[Work, Partitions]], gatherer: Gatherer, block: int
    ) -> None:
        columns = {key for work, _ in works for key in work.shard.keys}
        columns |= set() if all(work.shard.bare for work, _ in works) else set(self._labels.fields)
        with self._timed("label rows", self._labels.rows.count) as stage:
            first = 0
            for number, table in enumerate(self._labels.blocks(block, columns)):
                own = {
                    ROW: pa.array(np.arange(first, first + table.num_rows)),
                    AT: pa.array(self._labels.times(table)),
                }
                for work, partitions in works:
                    keys = gatherer.keys(work.shard, number, table)
                    rows = pa.table({**own, **keys}).cast(work.rows.schema)
                    partitions.scatter(rows, work.shard.hashed, work.rows)
                first += table.num_rows
                stage.advance(table.num_rows)

    def _compute(self, works: Sequence[Work], pool: ThreadPoolExecutor) -> None:
        """All partitions of all shards, the largest first, so that no worker is left with one at the end."""
        jobs = [(work, number) for work in works for number in work.rows.numbers()]
        jobs.sort(key=lambda job: job[0].cost(job[1]), reverse=True)
        total = sum(work.rows.rows(n) + sum(spill.rows(n) for _, spill in work.events) for work, n in jobs)
        with self._timed("features", total) as stage:
            running = [pool.submit(work.run, number) for work, number in jobs]
            try:
                for future in as_completed(running):
                    stage.advance(future.result())
            finally:
                for future in running:
                    future.cancel()
        for work in works:
            self._spilled += work.rows.bytes + work.out.bytes + sum(s.bytes for _, s in work.events)
            work.rows.remove()
            for _, spill in work.events:
                spill.remove()

    def _gather(self, gatherer: Gatherer, block: int, writer: Writer, pool: ThreadPoolExecutor) -> None:
        with self._timed("output", self._labels.rows.count) as stage:
            jobs = (
                (lambda number=number, table=table: gatherer.finished(number, table))
                for number, table in enumerate(self._labels.blocks(block))
            )
            for table in _in_turn(pool, jobs, self._budget.workers):
                writer.write(table)
                stage.advance(table.num_rows)

    def _timed(self, name: str, total: int) -> _Timed:
        return _Timed(self, name, total)

    def passed(self, name: str, seconds: float) -> None:
        """Remember how long a stage took."""
        self._stages[name] = self._stages.get(name, 0.0) + seconds


class _Timed:
    """A stage on the meter whose seconds are kept."""

    def __init__(self, build: _Build, name: str, total: int) -> None:
        self._build, self._name = build, name
        self._stage = build._meter.stage(name, total)
        self._began = 0.0

    def __enter__(self) -> Stage:
        self._began = self._build._now()
        return self._stage.__enter__()

    def __exit__(self, *why: Any) -> None:
        self._stage.__exit__(*why)
        self._build.passed(self._name, self._build._now() - self._began)


def _in_turn(pool: ThreadPoolExecutor, jobs: Any, ahead: int) -> Iterator[Any]:
    """The results of jobs in their order, at most ``ahead`` of them under way or waiting to be taken."""
    waiting: list[Future[Any]] = []
    for job in jobs:
        waiting.append(pool.submit(job))
        if len(waiting) >= ahead:
            yield waiting.pop(0).result()
    for future in waiting:
        yield future.result()
