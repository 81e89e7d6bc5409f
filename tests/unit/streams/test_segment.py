"""The segment's header and its remembered places."""

from pathlib import Path

import numpy as np
import pytest

from heptad.errors import StateError
from heptad.streams.files import FileLayer
from heptad.streams.frame import encode
from heptad.streams.segment import HEADER_BYTES, Segment, encode_header, scan, segment_name
from heptad.testing.faults import FaultyFiles

ROOT = Path("/")
GOLDEN = bytes.fromhex(
    "484550544c4f4700" "01000000" "02000000"  # magic, version, partition
    "0700000000000000" "feffffffffffffff" "00000000"  # first offset, least arrival -2, zero
    "2b04dc4c"  # CRC
)  # fmt: skip


def frame(first: int, count: int, size: int) -> bytes:
    return encode(first, np.zeros(count, np.int64), np.full(count, size, np.uint32), bytes(count * size))


def put(files: FileLayer, path: Path, data: bytes) -> None:
    files.create(path).write(0, data)


def test_the_bytes_of_a_header_are_the_golden_ones() -> None:
    assert encode_header(2, 7, -2).hex() == GOLDEN.hex()
    assert len(GOLDEN) == HEADER_BYTES


def test_a_created_segment_loads() -> None:
    files = FaultyFiles()
    made = Segment.create(files, ROOT, 2, 7, -2)
    loaded = Segment.load(files, made.path, 2)
    assert files.names(ROOT) == [segment_name(7)]
    assert (loaded.path, loaded.first, loaded.arrival) == (made.path, 7, -2)


@pytest.mark.parametrize(
    "damage", [b"", GOLDEN[:-1], b"X" + GOLDEN[1:], GOLDEN[:-1] + b"\0", encode_header(0, 7, 0)]
)
def test_a_wrong_header_is_damage(damage: bytes) -> None:
    files = FaultyFiles()
    put(files, ROOT / segment_name(7), damage)
    with pytest.raises(StateError, match="the header of partition 2, first offset 7"):
        Segment.load(files, ROOT / segment_name(7), 2)


def test_another_format_is_named() -> None:
    files = FaultyFiles()
    put(files, ROOT / segment_name(7), GOLDEN[:8] + b"\x09" + GOLDEN[9:])
    with pytest.raises(StateError, match="expected format 1, got format 9"):
        Segment.load(files, ROOT / segment_name(7), 2)


def test_scanning_crosses_chunks_and_stops_at_the_first_frame_that_does_not_follow() -> None:
    files, path = FaultyFiles(), ROOT / "x"
    sizes = [10, 700_000, 700_000, 3_000_000, 5]  # chunks are of 1 MiB: within, across, larger than one
    data = b"".join(frame(3 * i, 3, size // 3) for i, size in enumerate(sizes))
    put(files, path, data + frame(99, 1, 1))
    assert [found.first for found in scan(files, path, 0, 0)] == [0, 3, 6, 9, 12]
    assert list(scan(files, path, 1, 0)) == []


def test_a_remembered_place_shortens_the_way_and_finds_the_same_frames() -> None:
    files = FaultyFiles()
    segment = Segment.create(files, ROOT, 0, 0, 0)
    files.open(segment.path).write(HEADER_BYTES, b"".join(frame(i, 1, 1000) for i in range(300)))
    assert segment.place(250) == (0, HEADER_BYTES)
    for found in segment.frames(files, 0):
        segment.remember(found.first, found.position)
    offset, position = segment.place(250)
    assert 250 - 64 <= offset <= 250
    assert position == HEADER_BYTES + offset * len(frame(0, 1, 1000))
    assert [found.first for found in segment.frames(files, 250)][-1] == 299
