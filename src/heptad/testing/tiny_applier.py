"""A log in memory applied to any store, in batches of any size: the smallest writer that keeps every promise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from heptad.plan.batch import Column, Logged, batch_of, column_of
from heptad.plan.coding import LocalDictionary
from heptad.plan.nodes import Plan
from heptad.state.absorb import absorb
from heptad.state.admission import VERDICTS, Admission, Verdict, docket_of
from heptad.state.layout import layouts_of
from heptad.state.store import Commit, Meta, Store


class StandingClock:
    """A clock that says what it was last told."""

    def __init__(self, now: int) -> None:
        self.time = now

    def now(self) -> int:
        return self.time


class TinyApplier:
    """Applies ``log``, whose offsets count from 0, to ``store``, from where the store's state ends."""

    def __init__(self, plan: Plan, store: Store, log: Sequence[Logged]) -> None:
        saved = store.saved()
        self._plan, self._store, self._log, self._layouts = plan, store, log, layouts_of(plan)
        self._admission = Admission(plan, saved)
        self._dictionary = LocalDictionary({value: code for code, value in enumerate(saved.values)})
        self._next = saved.meta.offsets.get(0, 0)

    def apply(self, count: int, clock: int | None = None) -> list[Verdict]:
        """Decide and apply the next ``count`` records, then move the clock to ``clock`` if given; one commit."""
        admission, values = self._admission, len(self._dictionary)
        some = self._log[self._next : self._next + count]
        ruling = admission.judge(
            docket_of(self._plan, some), self._next, lambda asked: [b"payload"] * len(asked)
        )
        due = ruling.due + (admission.advance(clock) if clock is not None else [])
        self._next += len(some)
        states = self._states(
            [self._log[offset] for offset in [*ruling.entered.tolist(), *(d.offset for d in due)]]
        )
        changes = admission.changes()
        meta = Meta(self._plan.state_hash, changes.frontier, {0: self._next}, changes.pending_from)
        fresh = self._dictionary.values(range(values, len(self._dictionary)))
        self._store.commit(Commit(meta, states, *changes[2:], fresh))
        return [VERDICTS[code] for code in ruling.verdicts.tolist()]

    def _states(self, entered: Iterable[Logged]) -> dict[tuple[int, bytes], bytes]:
        by_stream: dict[str, list[Logged]] = {}
        for record in entered:
            by_stream.setdefault(record.stream, []).append(record)
        states: dict[tuple[int, bytes], bytes] = {}
        with self._store.snapshot() as snapshot:
            for name, some in by_stream.items():
                batch = batch_of(self._plan.stream(name), [r.row for r in some], [r.offset for r in some])
                frontier = self._admission.frontier
                if frontier is not None:
                    states |= absorb(self._layouts, batch, self._dictionary, snapshot.records, frontier)
        return states


def columns_of(plan: Plan, requests: Sequence[Mapping[str, Any]]) -> dict[str, Column]:
    """Requests as the columns a read takes."""
    return {f.name: column_of([request.get(f.name) for request in requests], f.kind) for f in plan.request}
