"""The fake disk: what it keeps, what it may lose, how it fails."""

from pathlib import Path
from random import Random

import pytest

from heptad.streams.files import FileLayer, OsFiles, make_directories
from heptad.testing.faults import FaultyFiles

ROOT, FILE = Path("/"), Path("/file")


@pytest.fixture(params=[FaultyFiles, OsFiles])
def layer(request: pytest.FixtureRequest) -> FileLayer:
    files: FileLayer = request.param()
    return files


def test_both_layers_do_the_same_without_faults(layer: FileLayer, tmp_path: Path) -> None:
    here = tmp_path / "a" / "b"
    make_directories(layer, here)
    make_directories(layer, here)
    assert layer.is_directory(here)
    assert not layer.is_directory(here / "c")
    file = layer.create(here / "old")
    file.write(0, b"hello")
    file.write(7, b"!")
    file.sync()
    assert layer.read(here / "old", 0, 100) == b"hello\0\0!"
    assert layer.read(here / "old", 4, 2) == b"o\0"
    assert layer.read(here / "old", 50, 2) == b""
    file.truncate(3)
    file.close()
    layer.open(here / "old").write(3, b"p")
    layer.rename(here / "old", here / "new")
    layer.create(here / "other").close()
    layer.sync_directory(here)
    assert layer.names(here) == ["new", "other"]
    assert layer.read(here / "new", 0, 100) == b"help"
    layer.create(here / "new").close()
    assert layer.read(here / "new", 0, 100) == b""
    layer.remove(here / "other")
    assert layer.names(here) == ["new"]
    for missing in (
        lambda: layer.read(here / "no", 0, 1),
        lambda: layer.names(here / "no"),
        lambda: layer.remove(FILE),
    ):
        with pytest.raises(FileNotFoundError):
            missing()
    lock = layer.lock(here / "lock")
    with pytest.raises(BlockingIOError):
        layer.lock(here / "lock")
    lock.release()
    layer.lock(here / "lock").release()


def test_synced_bytes_under_a_synced_name_survive() -> None:
    for seed in range(20):
        files = FaultyFiles()
        file = files.create(FILE)
        file.write(0, b"abc")
        file.sync()
        files.sync_directory(ROOT)
        file.write(3, b"def")
        files.crash(Random(seed))
        assert files.read(FILE, 0, 3) == b"abc"


def test_unsynced_bytes_and_names_may_survive_in_part_or_not() -> None:
    found = set()
    for seed in range(300):
        files = FaultyFiles()
        file = files.create(FILE)
        file.write(0, b"a" * 512 + b"b" * 512)
        files.crash(Random(seed))
        found.add(files.read(FILE, 0, 2000) if "file" in files.names(ROOT) else None)
    whole = b"a" * 512 + b"b" * 512
    assert {None, b"", whole, whole[:512], bytes(512) + whole[512:]} <= found
    assert any(data and len(data) % 512 for data in found), "a block is torn at a byte"


def test_a_rename_is_in_one_step_and_removal_needs_a_sync() -> None:
    seen = set()
    for seed in range(60):
        files = FaultyFiles()
        for name in ("old", "gone"):
            files.create(ROOT / name)
        files.sync_directory(ROOT)
        files.rename(ROOT / "old", ROOT / "new")
        files.remove(ROOT / "gone")
        files.crash(Random(seed))
        seen.add(tuple(files.names(ROOT)))
    assert seen == {("gone", "new"), ("gone", "old"), ("new",), ("old",)}


def test_after_a_failed_sync_a_later_one_brings_nothing_back() -> None:
    files = FaultyFiles()
    file = files.create(FILE)
    files.sync_directory(ROOT)
    file.write(0, b"abc")
    files.fail_sync(1)
    with pytest.raises(OSError, match="input/output"):
        file.sync()
    file.sync()
    assert files.read(FILE, 0, 9) == b"abc"
    files.crash(Random(0))
    assert files.read(FILE, 0, 9) == b""


def test_a_full_disk_takes_a_part_of_a_write_until_it_is_mended() -> None:
    files = FaultyFiles()
    file = files.create(FILE)
    files.fail_write(2)
    file.write(0, b"abcd")
    for _ in range(2):
        with pytest.raises(OSError, match="no space"):
            file.write(4, b"efgh")
    assert files.read(FILE, 0, 9) == b"abcdef"
    files.heal()
    file.write(4, b"efgh")
    assert files.read(FILE, 0, 9) == b"abcdefgh"


def test_the_dead_write_no_more_and_hold_no_locks_but_their_bytes_stay() -> None:
    files = FaultyFiles()
    file, lock = files.create(FILE), files.lock(ROOT / "lock")
    file.write(0, b"abc")
    files.kill()
    assert files.read(FILE, 0, 9) == b"abc"
    with pytest.raises(OSError, match="dead"):
        file.sync()
    second = files.lock(ROOT / "lock")
    lock.release()
    with pytest.raises(BlockingIOError):
        files.lock(ROOT / "lock")
    second.release()


def test_a_subclass_can_plant_a_missing_sync() -> None:
    class Forgetful(FaultyFiles):
        def sync(self, path: Path, commit: object) -> None:
            pass

    lost = 0
    for seed in range(20):
        files = Forgetful()
        files.create(FILE)
        files.sync_directory(ROOT)
        files.crash(Random(seed))
        lost += files.names(ROOT) == []
    assert 0 < lost < 20
