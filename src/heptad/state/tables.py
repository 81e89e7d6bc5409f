"""The record of an entity in a table: the rows that a read can still meet, oldest first (decision record 19).

A record is a flat array of little-endian int64 words::

    word 0          the bytes "HEPTAT" and the format version as a little-endian u16 (1)
    word 1          how many rows there are
    then            the rows by ascending valid_from, no two alike: valid_from, version (0 where the table has
                    none), log offset, flags, and a word per fact

The flags are words of 62 bits: bit 0 says that the row deletes the entity, bit i + 1 that fact i is not null.
Facts are coded as `plan.coding` codes a `last`. Of rows valid from one time only the one that stands is kept,
and of the rows that every later read is past, only the newest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, NoReturn

import numba
import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels.coding import encode
from heptad.errors import StateError
from heptad.plan.batch import Batch
from heptad.plan.coding import Dictionary, coded
from heptad.plan.nodes import GroupPlan, StreamPlan

VERSION: Final = 1
HEADER: Final = int.from_bytes(b"HEPTAT" + VERSION.to_bytes(2, "little"), "little")
_HEADER = HEADER  # numba takes module globals without annotations
_HEAD = 3  # words of a row before its flags: valid_from, version, offset
_BITS = 62
_WORD: Final = np.dtype("<i8")

Ints = NDArray[np.int64]


class Rows(NamedTuple):
    """What k entities show at one moment: the newest row of each as a record holds it (k, words), zeros for none.

    ``newest`` (k,): the greatest valid_from in each record, shown or still to come; -2**63 for none.
    """

    words: Ints
    newest: Ints


class Kept(NamedTuple):
    """A row of a record, for people and tests: ``values`` are coded words, None for null."""

    time: int
    version: int
    offset: int
    deleted: bool
    values: list[int | None]


def flag_words(facts: int) -> int:
    return 1 + facts // _BITS


def row_words(facts: int) -> int:
    """Words of one row of a table with so many facts."""
    return _HEAD + flag_words(facts) + facts


def lifted(batch: Batch, facts: Sequence[str], dictionary: Dictionary) -> Ints:
    """The rows of a batch as a record holds them: int64 (n, words)."""
    n, flags = len(batch), flag_words(len(facts))
    out = np.zeros((n, row_words(len(facts))), np.int64)
    out[:, 0], out[:, 2] = batch.time, batch.offset
    stream = batch.stream
    if stream.version is not None:
        out[:, 1] = batch.columns[stream.version.name].values
    if stream.deleted is not None:
        marker = batch.columns[stream.deleted.name]
        out[:, _HEAD] |= marker.valid & (marker.values != 0)
    for i, name in enumerate(facts):
        column = batch.columns[name]
        word, bit = divmod(i + 1, _BITS)
        out[:, _HEAD + word] |= column.valid.astype(np.int64) << bit
        words = encode(coded(column, stream.by_name[name].kind, dictionary))
        out[:, _HEAD + flags + i] = np.where(column.valid, words, 0)
    return out


def update(old: Sequence[bytes | None], of: Ints, rows: Ints, lag: int, frontier: int) -> list[bytes]:
    """The k records ``old`` after m rows: row i, as `lifted` makes it, belongs to record ``of[i]``; any order.

    ``frontier`` is the highest applied event time after these rows: every later read sees the rows valid from
    ``frontier - lag`` or before, so of those the newest is kept. Raises StateError where a record is damaged.
    """
    order = np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0], of))
    buffer, bounds = _packed(old)
    out, edges, bad = _update(buffer, bounds, of[order], rows[order], np.int64(frontier - lag))
    if bad >= 0:
        _damaged(f"{len(old[bad] or b'')} other bytes")
    joined, ends = out.astype(_WORD, copy=False).tobytes(), (edges * 8).tolist()
    return [joined[ends[i] : ends[i + 1]] for i in range(len(old))]


def read(group: GroupPlan, stream: StreamPlan, records: Sequence[bytes | None], t: int) -> Rows:
    """Each record's newest row with valid_from < t - lag, within the table's ttl.

    ``t`` lies after every applied event. Raises StateError where a record is damaged.
    """
    n = len(group.facts or ())
    before = t - stream.lag
    since = -(2**63) if stream.ttl is None else before - stream.ttl
    buffer, bounds = _packed(records)
    rows, newest, bad = _read(buffer, bounds, np.int64(before), np.int64(since), row_words(n))
    if bad >= 0:
        _damaged(f"{len(records[bad] or b'')} other bytes")
    return Rows(rows, newest)


def settled(stream: StreamPlan, rows: Rows, frontier: int | None) -> NDArray[np.bool_]:
    """Which of these rows every read after ``frontier`` shows, until their records are written again."""
    if stream.ttl is not None or frontier is None:
        return np.zeros(len(rows.newest), np.bool_)
    return rows.newest <= frontier - stream.lag


def fact(group: GroupPlan, rows: Ints, name: str) -> tuple[Ints, NDArray[np.bool_]]:
    """The coded words of a fact in rows (k, words), and which of them are not null: (k,) each."""
    facts = group.facts or ()
    place = facts.index(name)
    word, bit = divmod(place + 1, _BITS)
    words = np.ascontiguousarray(rows[:, _HEAD + flag_words(len(facts)) + place])
    return words, (rows[:, _HEAD + word] >> bit & 1).astype(np.bool_)


def rows_of(record: bytes | None, facts: int) -> list[Kept]:
    """The rows of a record, oldest first: the codec in plain Python, for people, tests and other engines."""
    if not record:
        return []
    words = np.frombuffer(record, _WORD).tolist()
    size, flags = row_words(facts), flag_words(facts)
    if words[0] != HEADER or len(words) != 2 + words[1] * size:
        _damaged(f"{len(words)} words beginning with {words[0]:#x}")
    out: list[Kept] = []
    for at in range(2, len(words), size):
        marks, values = words[at + _HEAD : at + _HEAD + flags], words[at + _HEAD + flags : at + size]
        known = [marks[(i + 1) // _BITS] >> (i + 1) % _BITS & 1 for i in range(facts)]
        held = [value if is_known else None for value, is_known in zip(values, known, strict=True)]
        time, version, offset = words[at : at + _HEAD]
        out.append(Kept(time, version, offset, bool(marks[0] & 1), held))
    return out


def _packed(records: Sequence[bytes | None]) -> tuple[Ints, Ints]:
    parts = [record or b"" for record in records]
    edges = np.zeros(len(parts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)), out=edges[1:])
    if (edges & 7).any():
        _damaged("a length that is no multiple of 8 bytes")
    return np.frombuffer(b"".join(parts), _WORD).astype(np.int64, copy=False), edges >> 3


def _damaged(got: str) -> NoReturn:
    raise StateError(
        "a record of a table", f"a record of format version {VERSION} for this plan", got,
        "delete the state and let it be rebuilt from the log",
    )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def _sound(words, start, end, size):  # type: ignore[no-untyped-def]
    """Whether words[start:end] is a whole record of rows of this size."""
    return (
        end - start >= 2
        and words[start] == _HEADER
        and 0 <= words[start + 1] <= end - start
        and end - start == 2 + words[start + 1] * size
    )


@numba.njit(cache=True, nogil=True)
def _newer(a, i, b, j):  # type: ignore[no-untyped-def]
    """Whether the row at a[i:] comes after the one at b[j:]: by valid_from, then version, then place in the log."""
    for k in range(3):
        if a[i + k] != b[j + k]:
            return a[i + k] > b[j + k]
    return False


@numba.njit(cache=True, nogil=True)
def _update(buffer, bounds, of, rows, past):  # type: ignore[no-untyped-def]
    """New words, their bounds, and the first damaged record (-1 for none). ``of`` ascends, rows ascend within it."""
    k, (m, size) = len(bounds) - 1, rows.shape
    new = rows.reshape(-1)
    out = np.empty(len(buffer) + 2 * k + m * size, np.int64)
    edges = np.zeros(k + 1, np.int64)
    at = b = 0
    for i in range(k):
        a, end = bounds[i], bounds[i + 1]
        if end > a:
            if not _sound(buffer, a, end, size):
                return out[:0], edges, i
            a += 2
        head = at
        at += 2
        last = -1  # where the row written last begins
        while a < end or (b < m and of[b] == i):
            old = a < end and (b >= m or of[b] != i or not _newer(buffer, a, new, b * size))
            time = buffer[a] if old else new[b * size]
            # the row before is never met again: another stands at its time, or every read is past this one
            into = last if last >= 0 and (out[last] == time or time <= past) else at
            for w in range(size):
                out[into + w] = buffer[a + w] if old else new[b * size + w]
            last = into
            at = into + size
            if old:
                a += size
            else:
                b += 1
        out[head] = _HEADER
        out[head + 1] = (at - head - 2) // size
        edges[i + 1] = at
    return out[:at], edges, -1


@numba.njit(cache=True, nogil=True)
def _read(buffer, bounds, before, since, size):  # type: ignore[no-untyped-def]
    """The row (k, size) each record shows, zeros for none; the newest valid_from of each; and the first damaged
    record (-1 for none)."""
    k = len(bounds) - 1
    out, newest = np.zeros((k, size), np.int64), np.full(k, np.int64(-(2**63)))
    for i in range(k):
        start, end = bounds[i], bounds[i + 1]
        if start == end:
            continue
        if not _sound(buffer, start, end, size):
            return out, newest, i
        low, high = 0, buffer[start + 1]
        if high > 0:
            newest[i] = buffer[end - size]
        while low < high:
            middle = (low + high) // 2
            if buffer[start + 2 + middle * size] < before:
                low = middle + 1
            else:
                high = middle
        at = start + 2 + (low - 1) * size
        if low > 0 and buffer[at] >= since and buffer[at + _HEAD] & 1 == 0:
            for w in range(size):
                out[i, w] = buffer[at + w]
    return out, newest, -1
