"""Blocks: rows logged together are the rows logged alone, to the byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.declare.types import Kind
from heptad.errors import StateError
from heptad.plan.batch import column_of
from heptad.plan.nodes import Plan
from heptad.streams import block
from heptad.streams.commit import in_block
from heptad.streams.log import Log, Record
from heptad.streams.payload import Codec
from heptad.testing.faults import FaultyFiles
from heptad.testing.strategies import worlds

KINDS = (Kind.ID, Kind.TIME, Kind.TEXT, Kind.FLOAT, Kind.BOOL, Kind.TEXTS)
CELLS = (
    [300, 7, 7],
    [-5, 70_000, 0],
    ["a", None, "a"],
    [1.5, None, 0.0],
    [True, None, False],
    [["x"], [], None],
)
GOLDEN = (
    "c101060003000000040302010400" "53616c65"  # mark, version, 6 columns, 3 rows, schema, "Sale"
    "0002000000000000" "0700000000000000" "2501" "0000" "0000"  # integers in 2 bytes from 7
    "0004000000000000" "fbffffffffffffff" "00000000" "75110100" "05000000"  # in 4 bytes from -5
    "0301010004000000" "0000000000000000" "05" "92a161c0" "000000"  # a dictionary of texts, the second row null
    "0208010000000000" "0000000000000000" "05" "000000000000f83f" "0000000000000000" "0000000000000000"  # floats
    "0101010000000000" "0000000000000000" "05" "010000"  # booleans
    "0301010006000000" "0000000000000000" "03" "9391a17890c0" "000100"  # a dictionary of lists
)  # fmt: skip


def test_golden_block() -> None:
    columns = [column_of(values, kind) for kind, values in zip(KINDS, CELLS, strict=True)]
    data = block.encode("Sale", 0x01020304, KINDS, columns)
    assert data.hex() == GOLDEN
    back = block.decode(data)
    assert (back.stream, back.schema) == ("Sale", 0x01020304)
    for column, again in zip(columns, back.columns, strict=True):
        assert again.valid.tolist() == column.valid.tolist()
        assert again.values[column.valid].tolist() == column.values[column.valid].tolist()
        assert again.values.dtype == column.values.dtype


@pytest.mark.parametrize(
    "values", [[5], [0, 255], [0, 256], [-1, 2**32], [-(2**63), 2**63 - 1], [2**62, 2**62 + 1]]
)
def test_integers_of_any_range(values: list[int]) -> None:
    column = column_of(values, Kind.INT)
    again = block.decode(block.encode("S", 1, [Kind.INT], [column])).columns[0]
    assert again.values.tolist() == values


def test_a_damaged_block_is_refused() -> None:
    data = block.encode("Sale", 1, KINDS, [column_of(v, k) for k, v in zip(KINDS, CELLS, strict=True)])
    for wrong in (
        b"",
        b"\xc1\x02" + data[2:],
        b"\x90" + data[1:],
        data[:20],
        data[:-1],
        data[:18] + b"\x09" + data[19:],
    ):
        with pytest.raises(StateError, match="block"):
            block.decode(wrong)


@given(worlds(max_log=12), st.data())
def test_a_log_of_blocks_is_the_log_of_its_rows(world, data) -> None:  # type: ignore[no-untyped-def]
    """Rows of one stream that follow each other, some of them as blocks: the records are the same."""
    codec, plan = Codec(world.plan), world.plan
    plain = Log.open(Path("/plain"), files=FaultyFiles(), segment_bytes=300)
    packed = Log.open(Path("/packed"), files=FaultyFiles(), segment_bytes=300)
    for run in runs_of(world.log):
        arrivals = [record.arrival for record in run]
        payloads = [codec.encode(record.stream, record.row) for record in run]
        plain.append(payloads, arrivals)
        if data.draw(st.booleans()):
            packed.append_parts([in_block(block_of(plan, run), len(run))], arrivals)
        else:
            packed.append(payloads, arrivals)
    start = data.draw(st.integers(0, plain.end))
    stop = data.draw(st.integers(start, plain.end))
    assert list(map(decoded(codec), packed.read(start, stop))) == list(
        map(decoded(codec), plain.read(start, stop))
    )
    columns = packed.read_columns(start, stop)
    assert len(columns.payloads) == stop - start
    found = packed.read_runs(start, stop)
    assert [payload for run in found.runs for payload in run.payloads()] == columns.payloads
    assert (
        found.arrivals.tolist()
        == columns.arrivals.tolist()
        == plain.read_columns(start, stop).arrivals.tolist()
    )
    assert [run.first for run in found.runs] == np.cumsum(
        [start, *(len(run.payloads()) for run in found.runs)]
    ).tolist()[:-1]


def decoded(codec: Codec):  # type: ignore[no-untyped-def]
    """A record with its row; -0.0 and 0.0 are one value."""
    return lambda record: (record.offset, record.arrival, codec.decode(record.payload))


def runs_of(log):  # type: ignore[no-untyped-def]
    runs: list[list[Record]] = []
    for record in log:
        if runs and runs[-1][-1].stream == record.stream:
            runs[-1].append(record)
        else:
            runs.append([record])
    return runs


def block_of(plan: Plan, run) -> bytes:  # type: ignore[no-untyped-def]
    from heptad.streams.payload import schema_fingerprint

    stream = plan.stream(run[0].stream)
    columns = [column_of([record.row[f.name] for record in run], f.kind) for f in stream.fields]
    return block.encode(stream.name, schema_fingerprint(stream), [f.kind for f in stream.fields], columns)
