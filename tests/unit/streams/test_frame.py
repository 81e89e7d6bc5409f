"""The frame's bytes: a golden vector, a slow decoder as the oracle, and no damage that passes."""

import struct
import zlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heptad.streams.frame import announced_size, decode, encode, find_later

GOLDEN = bytes.fromhex(
    "4846524d" "7938ba12"  # mark, CRC
    "0700000000000000" "02000000" "1d000000"  # first offset, records, bytes of the body
    "e803000000000000" "e903000000000000"  # arrivals 1000 and 1001
    "02000000" "03000000"  # lengths
    "6869" "796f75"  # "hi", "you"
)  # fmt: skip

RECORDS = st.lists(
    st.tuples(st.integers(-(2**63), 2**63 - 1), st.binary(max_size=40)), min_size=1, max_size=20
)


def frame_of(first: int, records: list[tuple[int, bytes]]) -> bytes:
    payloads = [payload for _, payload in records]
    return encode(
        first,
        np.array([arrival for arrival, _ in records], np.int64),
        np.array([len(payload) for payload in payloads], np.uint32),
        b"".join(payloads),
    )


def slow_decode(data: bytes) -> list[tuple[int, int, bytes]]:
    """The layout of the module's docstring, field by field."""
    assert data[:4] == b"HFRM"
    assert struct.unpack_from("<I", data, 4)[0] == zlib.crc32(data[8:])
    first, count, body = struct.unpack_from("<QII", data, 8)
    assert len(data) == 24 + body
    records, payload_at = [], 24 + 12 * count
    for i in range(count):
        (arrival,) = struct.unpack_from("<q", data, 24 + 8 * i)
        (length,) = struct.unpack_from("<I", data, 24 + 8 * count + 4 * i)
        records.append((first + i, arrival, data[payload_at : payload_at + length]))
        payload_at += length
    assert payload_at == len(data)
    return records


def test_the_bytes_of_a_frame_are_the_golden_ones() -> None:
    assert frame_of(7, [(1000, b"hi"), (1001, b"you")]).hex() == GOLDEN.hex()


@given(st.integers(0, 2**62), RECORDS)
def test_what_is_encoded_is_decoded_alike_by_the_slow_decoder(
    first: int, records: list[tuple[int, bytes]]
) -> None:
    data = frame_of(first, records)
    assert slow_decode(data) == [(first + i, *record) for i, record in enumerate(records)]
    frame = decode(data, 0, 5)
    assert frame is not None
    assert (frame.first, frame.end, frame.position, frame.size) == (first, first + len(records), 5, len(data))
    arrivals = np.frombuffer(frame.arrivals(first, frame.end), "<i8").tolist()
    assert list(zip(arrivals, frame.payloads(first, frame.end), strict=True)) == records


@given(RECORDS, st.data())
def test_any_slice_of_a_frame(records: list[tuple[int, bytes]], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(records)))
    stop = data.draw(st.integers(start, len(records)))
    frame = decode(b"junk" + frame_of(70, records), 4, 0)
    assert frame is not None
    assert frame.payloads(70 + start, 70 + stop) == [payload for _, payload in records[start:stop]]
    arrivals = np.frombuffer(frame.arrivals(70 + start, 70 + stop), "<i8")
    assert arrivals.tolist() == [arrival for arrival, _ in records[start:stop]]


@given(RECORDS, st.data())
def test_a_cut_or_changed_frame_is_not_a_frame(records: list[tuple[int, bytes]], data: st.DataObject) -> None:
    whole = frame_of(3, records)
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert decode(whole[:cut], 0, 0) is None
    changed = bytearray(whole)
    changed[cut] ^= data.draw(st.integers(1, 255))
    assert decode(bytes(changed), 0, 0) is None
    assert decode(bytes(changed) + bytes(64), 0, 0) is None


def test_zeros_and_short_headers_announce_only_a_header() -> None:
    assert announced_size(bytes(100), 0) == 24
    assert announced_size(GOLDEN[:10], 0) == 24
    assert announced_size(GOLDEN, 0) == len(GOLDEN)
    assert decode(bytes(100), 0, 0) is None


@given(st.binary(max_size=60), RECORDS)
def test_a_later_frame_is_found_behind_any_bytes(junk: bytes, records: list[tuple[int, bytes]]) -> None:
    data = junk + frame_of(9, records) + junk
    later = find_later(data, 8)
    assert later is not None
    assert (later.first, later.position) == (9, len(junk))
    assert find_later(data, 9) is None
