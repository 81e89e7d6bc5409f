"""The log as its callers see it: offsets, arrivals, reads, segments, errors."""

import threading
from concurrent.futures import Future
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.errors import DataError, StateError
from heptad.streams.log import Log, Record
from heptad.testing.faults import FaultyFiles

HERE = Path("/log")
BATCHES = st.lists(
    st.tuples(st.lists(st.binary(max_size=30), max_size=6), st.integers(-100, 100), st.booleans()),
    max_size=12,
)


def payloads(start: int, stop: int) -> list[bytes]:
    return [f"record {i}".encode() for i in range(start, stop)]


def flip(files: FaultyFiles, path: Path, position: int) -> None:
    files.open(path).write(position, bytes([files.read(path, position, 1)[0] ^ 1]))


@given(BATCHES, st.integers(1, 200), st.data())
def test_a_log_is_a_list_of_records(
    batches: list[tuple[list[bytes], int, bool]], segment_bytes: int, data: st.DataObject
) -> None:
    files, model, last = FaultyFiles(), list[Record](), -(2**63)
    log = Log.open(HERE, files=files, segment_bytes=segment_bytes)
    for batch, arrival, reopen in batches:
        start = len(model)
        for payload in batch:
            last = max(last, arrival)
            model.append(Record(len(model), last, payload))
        assert log.append(batch, arrival) == range(start, len(model))
        if reopen:
            log.close()
            log = Log.open(HERE, files=files, segment_bytes=segment_bytes)
    start = data.draw(st.integers(0, len(model)))
    stop = data.draw(st.none() | st.integers(0, len(model) + 2))
    for each in (log, Log.open(HERE, files=files, readonly=True)):
        assert (each.first, each.end, each.offsets) == (0, len(model), {0: len(model)})
        expected = model[start:] if stop is None else model[start : max(start, stop)]
        assert list(each.read(start, stop)) == expected
        columns = each.read_columns(start, stop)
        assert columns.offsets.dtype == columns.arrivals.dtype == np.int64
        assert list(map(Record, *map(list, columns))) == expected


def test_arrivals_may_come_one_by_one_and_never_decrease(tmp_path: Path) -> None:
    with Log.open(tmp_path / "a" / "log", segment_bytes=1) as log:
        log.append(payloads(0, 3), [5, 3, 9])
        log.append(payloads(3, 4), 1)
    with Log.open(tmp_path / "a" / "log") as log:
        log.append(payloads(4, 6), np.array([8, 10]))
        assert [record.arrival for record in log.read(0)] == [5, 5, 9, 9, 9, 10]
        assert [record.payload for record in log.read(0)] == payloads(0, 6)


def test_the_arrival_floor_outlives_the_segments_it_came_from() -> None:
    files = FaultyFiles()
    log = Log.open(HERE, files=files, segment_bytes=1)
    log.append([b"a"], 50)
    files.fail_write(2)  # the new segment's header is written, its first frame is not
    with pytest.raises(StateError):
        log.append([b"b"], 60)
    files.heal()
    log.close()
    log = Log.open(HERE, files=files)
    log.truncate_before(1)
    assert (log.first, log.end) == (1, 1)
    log.append([b"c"], 0)
    assert list(log.read(1)) == [Record(1, 50, b"c")]


def test_one_appender_at_a_time_and_any_number_of_readers(tmp_path: Path) -> None:
    with Log.open(tmp_path) as log:
        log.append([b"a"], 1)
        with pytest.raises(
            StateError, match=r"expected no other appender, got process \d+. Fix: .*readonly=True"
        ):
            Log.open(tmp_path)
        with Log.open(tmp_path, readonly=True) as reader, Log.open(tmp_path, readonly=True):
            log.append([b"b"], 2)
            assert reader.end == 1
            assert reader.refresh() == 2
            assert list(reader.read(1)) == [Record(1, 2, b"b")]
    Log.open(tmp_path).close()


def test_a_reader_follows_new_segments_and_truncation() -> None:
    files = FaultyFiles()
    log = Log.open(HERE, files=files, segment_bytes=1)
    reader = Log.open(HERE, files=files, readonly=True)
    assert (reader.first, reader.end, list(reader.read(0))) == (0, 0, [])
    for i in range(5):
        log.append(payloads(i, i + 1), i)
    assert reader.refresh() == 5
    log.truncate_before(3)
    assert (log.first, reader.first) == (3, 0)
    with pytest.raises(StateError, match="the log begins at offset 0 now"):
        list(reader.read(1))
    reader.refresh()
    assert reader.first == 3
    assert [record.payload for record in reader.read(3)] == payloads(3, 5)


def test_truncation_removes_whole_segments_and_keeps_the_last() -> None:
    files = FaultyFiles()
    log = Log.open(HERE, files=files, segment_bytes=1)
    for i in range(0, 9, 3):
        log.append(payloads(i, i + 3), i)
    log.truncate_before(5)
    assert log.first == 3
    log.truncate_before(2)
    assert log.first == 3
    log.truncate_before(9)
    assert (log.first, log.end) == (6, 9)
    with pytest.raises(
        StateError, match=r"offset 5 .*expected one in \[6, 9\], got 5. Fix: rebuild from a snapshot"
    ):
        log.read(5)
    with pytest.raises(StateError, match="offset 10"):
        log.truncate_before(10)


def test_files_go_once_all_their_records_are_older() -> None:
    files = FaultyFiles()
    log = Log.open(HERE, files=files, segment_bytes=1)
    for i in range(5):
        log.append(payloads(2 * i, 2 * i + 2), [10 * i, 10 * i + 5])
    kept = []
    for instant in (0, 5, 6, 15, 16, 1_000):
        log.truncate_older(instant)
        kept.append(log.first)
    assert kept == [0, 0, 2, 2, 4, 8]
    assert [record.offset for record in log.read(log.first)] == [8, 9]
    assert Log.open(HERE, files=files, readonly=True).first == 8


def test_a_state_ahead_of_the_log_is_told() -> None:
    log = Log.open(HERE, files=FaultyFiles())
    with pytest.raises(StateError, match=r"offset 1 .*which log this offset came from"):
        log.read(1)


@pytest.mark.parametrize(
    ("batch", "arrival"),
    [
        (["text"], 0),
        (b"bytes", 0),
        ([memoryview(np.arange(3))], 0),
        ([b"a"], 1.5),
        ([b"a"], True),
        ([b"a"], 2**63),
        ([b"a"], None),
        ([b"a"], [1, 2]),
    ],
)
def test_what_is_not_bytes_or_not_a_time_is_refused_and_harms_nothing(
    batch: list[bytes], arrival: int
) -> None:
    log = Log.open(HERE, files=FaultyFiles())
    with pytest.raises(DataError):
        log.append(batch, arrival)
    assert log.append([b"fine"], 0) == range(1)


def test_a_batch_too_large_for_a_frame_is_refused() -> None:
    log = Log.open(HERE, files=FaultyFiles())
    with pytest.raises(DataError, match="several batches"):
        log.append([bytes(1 << 20)] * 256, 0)


def test_a_closed_or_read_only_log_refuses_to_write(tmp_path: Path) -> None:
    with Log.open(tmp_path) as log:
        log.append([b"a"], 0)
    log.close()
    for write in (
        lambda: log.append([b"b"], 0),
        lambda: log.submit([b"b"], 0),
        lambda: log.truncate_before(1),
    ):
        with pytest.raises(StateError, match="expected an open log"):
            write()
    with pytest.raises(StateError, match="open it without readonly"):
        Log.open(tmp_path, readonly=True).append([b"b"], 0)


def test_a_missing_log_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="expected an existing log"):
        Log.open(tmp_path / "no", readonly=True)
    assert not (tmp_path / "no").exists()


def test_a_log_where_a_file_is_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StateError, match="a directory that can be written"):
        Log.open(tmp_path / "file" / "log")


def test_partitions_are_apart(tmp_path: Path) -> None:
    with Log.open(tmp_path) as zero, Log.open(tmp_path, partition=1) as one:
        zero.append([b"a", b"b"], 0)
        one.append([b"c"], 0)
        assert zero.offsets | one.offsets == {0: 2, 1: 1}
        assert [record.payload for record in one.read(0)] == [b"c"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p0", "p1"]


def damaged_log(segment_bytes: int = 1 << 20) -> tuple[FaultyFiles, Path]:
    """Ten frames of one record; the first segment's path."""
    files = FaultyFiles()
    with Log.open(HERE, files=files, segment_bytes=segment_bytes) as log:
        for i in range(10):
            log.append(payloads(i, i + 1), i)
    return files, HERE / "p0" / "00000000000000000000.log"


def test_damage_before_the_tail_stops_an_open() -> None:
    files, path = damaged_log()
    flip(files, path, 40 + 44 * 4 + 40)  # a payload byte of record 4
    for readonly in (False, True):
        with pytest.raises(StateError, match=r"0000\.log: expected a whole record at offset 4 \(byte 216\)"):
            Log.open(HERE, files=files, readonly=readonly)
    assert len(files.read(path, 0, 10**6)) == 40 + 44 * 10, "nothing may be cut"


def test_damage_in_an_older_segment_stops_a_read_where_it_is() -> None:
    files, path = damaged_log(segment_bytes=100)
    flip(files, path, 40 + 44 + 40)  # a payload byte of record 1
    log, seen = Log.open(HERE, files=files), list[int]()
    with pytest.raises(StateError, match=r"a whole record at offset 1 \(byte 84\)"):
        seen.extend(record.offset for record in log.read(0))
    assert seen == [0]
    with pytest.raises(StateError, match="offset 1"):
        log.read_columns(0)
    assert log.read_columns(2).payloads == payloads(2, 10)


def test_a_segment_that_was_never_finished_is_removed() -> None:
    files, path = damaged_log()
    files.create(path.with_name("00000000000000000010.new")).write(0, b"half a head")
    log = Log.open(HERE, files=files)
    assert files.names(path.parent) == [path.name]
    assert log.end == 10


def test_a_missing_segment_stops_a_read() -> None:
    files, _ = damaged_log(segment_bytes=100)
    files.remove(HERE / "p0" / "00000000000000000002.log")
    log = Log.open(HERE, files=files)
    assert [record.offset for record in log.read(0, 2)] == [0, 1]
    with pytest.raises(StateError, match="a whole record at offset 2"):
        list(log.read(0))


def test_a_torn_tail_is_cut_to_the_last_whole_frame() -> None:
    for lost in range(1, 44):
        files, path = damaged_log()
        files.open(path).truncate(40 + 44 * 10 - lost)
        reader = Log.open(HERE, files=files, readonly=True)
        assert (reader.end, len(list(reader.read(0)))) == (9, 9)
        log = Log.open(HERE, files=files)
        assert len(files.read(path, 0, 10**6)) == 40 + 44 * 9, "the torn part is gone"
        assert log.append([b"next"], 99) == range(9, 10)
        assert [record.payload for record in log.read(0)] == [*payloads(0, 9), b"next"]


@pytest.mark.parametrize("fault", [FaultyFiles.fail_write, FaultyFiles.fail_sync])
def test_a_failed_write_or_sync_is_final_until_the_log_is_opened_again(fault) -> None:  # type: ignore[no-untyped-def]
    files = FaultyFiles()
    log = Log.open(HERE, files=files)
    log.append([b"kept"], 0)
    fault(files)
    with pytest.raises(StateError, match=r"got OSError: .*Fix: mend the disk"):
        log.append([b"lost, or there unacknowledged"], 0)
    files.heal()
    for again in (
        lambda: log.append([b"no"], 0),
        lambda: log.submit([b"no"], 0),
        lambda: log.truncate_before(0),
    ):
        with pytest.raises(StateError, match="every write and sync to succeed"):
            again()
    assert [record.payload for record in log.read(0)] == [b"kept"], "unacknowledged records are not read"
    log.close()
    log = Log.open(HERE, files=files)
    found = [record.payload for record in log.read(0)]
    assert found in ([b"kept"], [b"kept", b"lost, or there unacknowledged"])
    assert log.append([b"on"], 0) == range(len(found), len(found) + 1)


def test_many_threads_submit_and_each_gets_its_own_offsets(tmp_path: Path) -> None:
    futures: dict[int, list[Future[range]]] = {}
    log = Log.open(tmp_path, segment_bytes=2000)

    def submit(name: int) -> None:
        futures[name] = [log.submit([f"{name} {i} {j}".encode() for j in range(i % 3)], i) for i in range(50)]
        log.append([f"{name} last".encode()], 0)

    threads = [threading.Thread(target=submit, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert log.pending_bytes == 0
    found = [record.payload.decode() for record in Log.open(tmp_path, readonly=True).read(0)]
    for name, mine in futures.items():
        for i, future in enumerate(mine):
            offsets = future.result(timeout=0)
            assert [found[offset] for offset in offsets] == [f"{name} {i} {j}" for j in range(i % 3)]
        assert all(a.result().stop <= b.result().start for a, b in pairwise(mine)), "a thread's order is kept"
    assert len(found) == 4 * (sum(i % 3 for i in range(50)) + 1)


def test_closing_writes_what_was_submitted_and_a_cancelled_batch_is_left_out() -> None:
    files = FaultyFiles()
    log = Log.open(HERE, files=files)
    with log._commits.exclusive():  # the commit thread has to wait
        first, second, third = (log.submit([name], 0) for name in (b"a", b"b", b"c"))
        cancelled = second.cancel()
    log.close()
    assert first.result() == range(1)
    expected = [b"a", b"c"] if cancelled else [b"a", b"b", b"c"]
    assert third.result() == range(len(expected) - 1, len(expected))
    assert [record.payload for record in log.read(0)] == expected


def test_what_waits_when_a_sync_fails_is_refused_too() -> None:
    files = FaultyFiles()
    log = Log.open(HERE, files=files)
    files.fail_sync()
    with log._commits.exclusive():  # the commit thread has to wait
        futures = [log.submit([b"x" * (3 << 20)], 0) for _ in range(4)]  # each a group of its own
    log.close()
    assert all(isinstance(future.exception(), StateError) for future in futures)
    assert log.end == 0
