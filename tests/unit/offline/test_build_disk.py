"""A disk that refuses ends a build with an error a person can act on, and nothing is left of it."""

from __future__ import annotations

import errno
import fcntl
import os

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

import heptad as hp
from heptad.errors import DataError, DeclarationError, StateError
from heptad.offline.build.budget import Budget, memory_bytes
from heptad.offline.build.build import build
from heptad.offline.build.disk import OsDisk
from heptad.offline.build.files import rows_of
from heptad.offline.build.flat import scattered, unpacked
from heptad.offline.build.labels import Labels
from heptad.offline.build.shards import request_fields
from heptad.offline.build.spill import Spill
from heptad.offline.build.workspace import Workspace, remove_stale
from heptad.offline.build.writer import facts_of
from heptad.plan.compile import compile_features
from heptad.times import HOUR


class Sale(hp.Event, lateness="1h"):
    sale: hp.Key
    ts: hp.Time
    user: hp.Id
    paid: float


class Alarm(hp.Event, lateness="1h"):
    ts: hp.Time
    user: hp.Id
    told: hp.KnownAt


PLAN = compile_features(
    hp.Data(dynamic={"n": Sale.per("user").count("1h", "all"), "spent": Sale.per("user").sum("paid", "all")}),
    hp.label(Sale),
)
SALES = pa.table(
    {
        "sale": np.arange(200)[::-1],
        "ts": np.arange(200) * 10**9,
        "user": np.arange(200) % 7,
        "paid": np.ones(200),
    }
)
ASKED = pa.table({"ts": np.arange(50) * 5 * 10**9, "user": np.arange(50) % 9})
TINY = Budget(10**9, 2, chunk=30, block=20, partitions=3, load=20)


def built(folder, disk=None, budget=TINY, plan=PLAN, events=None, labels=ASKED, mode="as_known", **facts):
    fields = {field.name: field for field in request_fields(plan)}
    sources = {name: rows_of(name, table) for name, table in (events or {"Sale": SALES}).items()}
    asked = Labels(rows_of("labels", labels), "ts", fields, set(fields))
    return build(plan, sources, asked, folder / "out.parquet", budget, mode=mode, disk=disk, facts=facts)


class FullDisk(OsDisk):
    """Holds so many bytes, then refuses with this error."""

    def __init__(self, room, code=errno.ENOSPC):
        self.room, self.code = room, code

    def create(self, path):
        return FullFile(super().create(path), self)

    def publish(self, made, path):
        if self.room <= 0:
            raise OSError(self.code, os.strerror(self.code))
        super().publish(made, path)


class FullFile:
    def __init__(self, file, disk):
        self._file, self._disk = file, disk

    def write(self, data):
        size = memoryview(data).nbytes
        taken = min(size, self._disk.room)
        self._disk.room -= taken
        self._file.write(memoryview(data).cast("B")[:taken])
        if taken < size:
            raise OSError(self._disk.code, os.strerror(self._disk.code))
        return size

    def sync(self):
        if self._disk.room <= 0:
            raise OSError(self._disk.code, os.strerror(self._disk.code))
        self._file.sync()

    def close(self):
        self._file.close()


@pytest.fixture(scope="module")
def needed(tmp_path_factory):
    """Bytes that a build writes."""
    disk = FullDisk(10**9)
    built(tmp_path_factory.mktemp("whole"), disk)
    return 10**9 - disk.room


@given(share=st.floats(0, 1), code=st.sampled_from((errno.ENOSPC, errno.EIO, errno.EDQUOT)))
def test_a_disk_that_refuses_leaves_nothing(tmp_path_factory, needed, share, code):
    folder = tmp_path_factory.mktemp("full")
    (folder / "out.parquet").write_bytes(b"what was there before")
    wanted = "space for the build's temporary files" if code != errno.EIO else "files that can be written"
    with pytest.raises(StateError, match=wanted):
        built(folder, FullDisk(int(share * (needed - 1)), code))
    assert [path.name for path in folder.iterdir()] == ["out.parquet"]
    assert (folder / "out.parquet").read_bytes() == b"what was there before"


def test_the_file_says_what_it_was_made_of(tmp_path):
    report = built(tmp_path, heptad="0.1")
    assert facts_of(tmp_path / "out.parquet") == {
        "heptad": "0.1", "plan": PLAN.hash, "mode": "as_known", "rows": 50, "events": {"Sale": 200},
    }  # fmt: skip
    assert report.rows == 50
    assert report.spilled > 0
    assert report.written == (tmp_path / "out.parquet").stat().st_size
    assert report.peak_memory > 10**7
    assert not report.in_memory


def test_what_fits_in_memory_gives_the_same_file(tmp_path):
    whole, pieces = tmp_path / "whole", tmp_path / "pieces"
    whole.mkdir()
    pieces.mkdir()
    assert built(whole, budget=Budget(10**9)).in_memory
    assert not built(pieces).in_memory
    one, other = (parquet.read_table(folder / "out.parquet") for folder in (whole, pieces))
    assert one.equals(other, check_metadata=True)


def test_a_repeated_id_counts_once_however_far_apart(tmp_path):
    twice = pa.concat_tables([SALES, SALES.slice(50, 20)])
    report = built(tmp_path, events={"Sale": twice})
    assert report.repeats == {"Sale": 20}
    once = built(tmp_path, events={"Sale": SALES})
    assert once.repeats == {"Sale": 0}


def test_an_event_known_later_than_its_lateness_is_refused_with_the_fix(tmp_path):
    plan = compile_features(hp.Data(dynamic={"n": Alarm.per("user").count("all")}), hp.label(Sale))
    rows = pa.table({"ts": [0, 10], "user": [1, 1], "told": [5, 7_200_000_010]})
    with pytest.raises(DataError, match=r"lateness='7200s'"):
        built(tmp_path, plan=plan, events={"Alarm": rows})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", ["as_known", "as_happened"])
def test_an_alarm_counts_from_when_it_is_known(tmp_path, mode):
    plan = compile_features(
        hp.Data(
            dynamic={"n": Alarm.per("user").count("20m", "all"), "told": Alarm.per("user").last("user", n=2)}
        ),
        hp.label(Sale),
    )
    draw = np.random.default_rng(3)
    ts = draw.integers(0, 6 * HOUR, 300)
    rows = {"ts": ts, "user": draw.integers(0, 3, 300), "told": ts + draw.integers(-HOUR, HOUR, 300)}
    labels = pa.table({"ts": draw.integers(0, 7 * HOUR, 80), "user": draw.integers(0, 4, 80)})
    found = []
    for budget in (Budget(10**9), TINY):
        built(tmp_path, budget=budget, plan=plan, events={"Alarm": pa.table(rows)}, labels=labels, mode=mode)
        found.append(parquet.read_table(tmp_path / "out.parquet"))
    assert found[0].equals(found[1], check_metadata=True)
    of_row = zip(
        labels["ts"].to_pylist(), labels["user"].to_pylist(), found[0]["n_all"].to_pylist(), strict=True
    )
    for t, user, n in of_row:
        seen = (rows["ts"] < t) & (rows["user"] == user)
        seen &= (rows["told"] < t) if mode == "as_known" else True
        assert n == seen.sum()


@pytest.mark.parametrize(
    ("text", "size"), [("2GB", 2 * 10**9), ("1.5 gib", 1610612736), ("750mb", 750 * 10**6), (5, 5)]
)
def test_sizes(text, size):
    assert memory_bytes(text) == size


def test_too_little_memory_and_no_size_are_refused():
    with pytest.raises(DeclarationError, match=r"at least .* MB"):
        Budget.of("10MB", 2)
    with pytest.raises(DeclarationError, match="a size such as '2GB'"):
        Budget.of("much", 2)
    with pytest.raises(DeclarationError, match="1 or more"):
        Budget.of("2GB", 0)


def test_the_workspace_of_a_build_that_lives_is_left_alone(tmp_path):
    out = tmp_path / "out.parquet"
    with Workspace(out, OsDisk()) as space:
        assert remove_stale(out) == []
        assert space.path.is_dir()
    dead = tmp_path / ".out.parquet.1.building"
    dead.mkdir()
    (dead / "lock").write_bytes(b"")
    (dead / "events-0").write_bytes(b"spilled")
    assert remove_stale(out) == [dead]
    assert list(tmp_path.iterdir()) == []


def test_a_lock_is_held_while_a_workspace_is_open(tmp_path):
    with (
        Workspace(tmp_path / "out.parquet", OsDisk()) as space,
        (space.path / "lock").open() as other,
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_an_output_that_is_a_directory_is_refused(tmp_path):
    (tmp_path / "out.parquet").mkdir()
    with pytest.raises(StateError, match="the name of a file"):
        built(tmp_path)


LONGS = st.integers(-(2**63), 2**63 - 1)


FLOATS = st.one_of(st.floats(), st.integers(-(10**6), 10**6).map(lambda n: n / 100), st.just(-0.0))
CELLS = st.tuples(
    st.integers(0, 3), st.one_of(st.none(), LONGS), st.integers(-3, 300), st.one_of(st.none(), FLOATS)
)  # fmt: skip


@given(st.lists(CELLS), st.lists(CELLS), LONGS, st.sampled_from((0, 1, 200, 60_000)), st.booleans())
def test_what_is_scattered_is_read_by_number(tmp_path_factory, first, second, base, step, texts):
    def table(cells):
        near = [min(max(base + small * step, -(2**63)), 2**63 - 1) for _, _, small, _ in cells]
        columns = {
            "a": pa.array([c[1] for c in cells], pa.int64()), "b": pa.array(near, pa.int64()),
            "c": pa.array([c[3] for c in cells], pa.float64()), "t": pa.array([c[2] for c in cells], pa.int64()),
        }  # fmt: skip
        if texts:
            columns["d"] = pa.array([str(c[2]) for c in cells], pa.large_string())
        return pa.table(columns)

    tables = [table(first), table(second)]
    codes = [np.array([c[0] for c in cells], np.int32) for cells in (first, second)]
    spill = Spill(OsDisk(), tmp_path_factory.mktemp("spill") / "spill", tables[0].schema, "t")
    try:
        for one, code in zip(tables, codes, strict=True):
            spill.scatter(one, code, 4)
        assert spill.numbers() == sorted({int(c) for code in codes for c in code})
        for number in range(5):
            mine = [one.filter(pa.array(code == number)) for one, code in zip(tables, codes, strict=True)]
            pieces = spill.pieces(number)
            got, wanted = spill.read(pieces), pa.concat_tables(mine)
            assert got.drop_columns(["c"]).equals(wanted.drop_columns(["c"]))
            assert [repr(v) for v in got["c"].to_pylist()] == [
                repr(v) for v in wanted["c"].to_pylist()
            ]  # -0.0, NaN
            assert spill.rows(number) == sum(one.num_rows for one in mine)
            times = [one.column("t").to_pylist() for one in mine if one.num_rows]
            assert [(piece.low, piece.high) for piece in pieces] == [(min(t), max(t)) for t in times]
    finally:
        spill.remove()


@given(st.lists(st.integers(-(10**6), 10**6).map(lambda n: n / 100), min_size=1))
def test_decimals_take_few_bytes_and_keep_every_bit(numbers):
    made = scattered([pa.array(numbers)], np.zeros(len(numbers), np.int32), 1)
    out = [np.empty(len(numbers))]
    unpacked(made.data.tobytes(), len(numbers), made.form, out, [np.empty(0, np.bool_)], 0)
    assert out[0].tobytes() == np.array(numbers).tobytes()
    assert made.form.widths[0] <= 4
