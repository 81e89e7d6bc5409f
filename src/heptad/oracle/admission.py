"""Which records of the log count, by the rules of decision record 4, one record at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from heptad.plan.batch import TIMELESS, Logged, fingerprint
from heptad.plan.nodes import Plan, StreamPlan


def time_of(row: Logged, stream: StreamPlan) -> int:
    """Event time, or valid_from of a table row."""
    return int(row.row[stream.time.name]) if stream.time else TIMELESS


def verdicts(plan: Plan, log: Iterable[Logged]) -> list[str]:
    """One of accepted, late, future, duplicate, conflict for each record, from the records before it.

    The frontier a record meets is the highest time of the accepted records that its arrival has reached.
    """
    return [verdict for _, verdict in judged(plan, log)]


def judged(plan: Plan, log: Iterable[Logged]) -> Iterator[tuple[Logged, str]]:
    """Each record with its verdict, as `verdicts`; of the log only ids are kept meanwhile."""
    frontier: int | None = None
    ahead: list[int] = []  # times of accepted records that no arrival has reached yet: a heap
    ids: dict[tuple[str, object], tuple[int, int]] = {}  # (stream, id) -> (event time, fingerprint)
    streams = {stream.name: stream for stream in plan.streams}
    for record in log:
        stream = streams[record.stream]
        time = time_of(record, stream)
        while ahead and ahead[0] <= record.arrival:
            reached = heappop(ahead)
            frontier = reached if frontier is None else max(frontier, reached)
        verdict = _verdict(record, stream, time, frontier, ids)
        if verdict == "accepted":
            heappush(ahead, time)
            if stream.key is not None:
                ids[record.stream, record.row[stream.key.name]] = time, fingerprint(record.row, stream)
        yield record, verdict


def _verdict(
    record: Logged,
    stream: StreamPlan,
    time: int,
    frontier: int | None,
    ids: dict[tuple[str, object], tuple[int, int]],
) -> str:
    if stream.max_future is not None and time > record.arrival + stream.max_future:
        return "future"
    oldest = None if frontier is None or stream.lateness is None else frontier - stream.lateness
    if oldest is not None and time < oldest:
        return "late"
    earlier = ids.get((record.stream, record.row[stream.key.name])) if stream.key else None
    if earlier is None or (oldest is not None and earlier[0] < oldest):
        return "accepted"
    return "duplicate" if earlier[1] == fingerprint(record.row, stream) else "conflict"
