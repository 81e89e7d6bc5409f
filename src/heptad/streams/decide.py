"""Records of the log decided: which count, as columns, and the rows of those that do not."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.plan.batch import Batch, batch_of
from heptad.plan.nodes import Plan, StreamPlan
from heptad.plan.rows import joined, rows_of
from heptad.state.admission import VERDICTS, Admission, Docket, Due, Ruling, Verdict
from heptad.state.store import Saved
from heptad.streams.log import Runs
from heptad.streams.payload import Codec

_ACCEPTED, _DUPLICATE = VERDICTS.index(Verdict.ACCEPTED), VERDICTS.index(Verdict.DUPLICATE)


class Refused(NamedTuple):
    """A record that will never count, and why; ``frontier`` is the one it met."""

    offset: int
    arrival: int
    stream: StreamPlan
    time: int
    row: dict[str, Any]
    verdict: Verdict
    frontier: int


class Decision(NamedTuple):
    """``verdicts`` (n,): codes of `state.admission.VERDICTS`, in log order. ``entered``: the events that enter the
    state, a batch per stream, pending ones of earlier records among them. ``refused``: all that is neither
    accepted nor a duplicate, in log order.
    """

    verdicts: NDArray[np.uint8]
    entered: list[Batch]
    refused: list[Refused]


class Decider:
    """Decides the records of one log, all in turn, in batches of any size; see `Admission`."""

    def __init__(self, plan: Plan, saved: Saved | None = None) -> None:
        self._codec = Codec(plan)
        self._places = {stream.name: place for place, stream in enumerate(plan.streams)}
        self._streams = plan.streams
        self.admission = Admission(plan, saved)

    def decide(self, records: Runs, clock: int | None = None) -> Decision:
        """Decide these records, then move the clock to ``clock`` where that lies after the last arrival."""
        batches = self._codec.batches(records.runs)
        docket = Docket.empty(records.arrivals)
        for batch in batches:
            docket.enter(self._places[batch.stream.name], batch, records.first)
        ruling = self.admission.judge(docket, records.first, lambda asked: _payloads(records, asked))
        due = ruling.due
        reached = self.admission.clock
        if clock is not None and (reached is None or clock > reached):
            due = due + self.admission.advance(clock)
        entering = np.zeros(len(ruling.verdicts), np.bool_)
        entering[ruling.entered - records.first] = True
        mine = [d.offset - records.first for d in due if d.offset >= records.first]
        entering[mine] = True
        entered = self._batches([d for d in due if d.offset < records.first])
        entered += [some for batch in batches if len(some := _where(batch, entering, records.first))]
        return Decision(ruling.verdicts, by_stream(entered), _refused(batches, ruling, records))

    def waiting(self, *, but: Container[int]) -> list[Batch]:
        """The pending events, a batch per stream, except those at some offsets."""
        pending = self.admission.pending.items()
        return self._batches([Due(offset, payload) for offset, (_, payload) in pending if offset not in but])

    def _batches(self, due: Sequence[Due]) -> list[Batch]:
        """Pending events of earlier records, decoded."""
        by_stream: dict[str, tuple[list[dict[str, Any]], list[int]]] = {}
        for offset, payload in due:
            name, row = self._codec.decode(payload, offset)
            rows, offsets = by_stream.setdefault(name, ([], []))
            rows.append(row)
            offsets.append(offset)
        return [batch_of(self._streams[self._places[name]], *some) for name, some in by_stream.items()]


def by_stream(batches: Sequence[Batch]) -> list[Batch]:
    """One batch per stream."""
    found: dict[str, list[Batch]] = {}
    for batch in batches:
        found.setdefault(batch.stream.name, []).append(batch)
    return [joined(some) for some in found.values()]


def _where(batch: Batch, chosen: NDArray[np.bool_], first: int) -> Batch:
    mine = chosen[batch.offset - first]
    return batch if mine.all() else batch.take(np.flatnonzero(mine))


def _refused(batches: Sequence[Batch], ruling: Ruling, records: Runs) -> list[Refused]:
    verdicts = ruling.verdicts
    wrong = (verdicts != _ACCEPTED) & (verdicts != _DUPLICATE)
    if not wrong.any():
        return []
    out = []
    for batch in batches:
        some = batch.take(np.flatnonzero(wrong[batch.offset - records.first]))
        for offset, time, row in zip(some.offset.tolist(), some.time.tolist(), rows_of(some), strict=True):
            at = offset - records.first
            verdict, frontier = VERDICTS[verdicts[at]], int(ruling.met[at])
            out.append(Refused(offset, int(records.arrivals[at]), batch.stream, time, row, verdict, frontier))
    return sorted(out, key=lambda refused: refused.offset)


def _payloads(records: Runs, asked: Sequence[int]) -> list[bytes]:
    """The payloads of records at ascending offsets."""
    out: list[bytes] = []
    wanted = np.asarray(asked, np.int64)
    for run in records.runs:
        mine = wanted[(wanted >= run.first) & (wanted < run.end)] - run.first
        if len(mine):
            payloads = run.payloads()
            out += [payloads[place] for place in mine.tolist()]
    return out
