"""The registry: versions, stages, lineage, tampering, and a process killed at every step."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.errors import DataError, StateError
from heptad.registry.journal import Event, standing
from heptad.registry.registry import Registry, copying
from heptad.registry.version import Lineage

LINEAGE = Lineage(data="d1", plan="p1", code="c1", trained_through=17)


def write_model(text="weights"):
    def write(directory: Path) -> None:
        (directory / "part").mkdir()
        (directory / "part" / "model.txt").write_text(text)

    return write


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "registry")


def add(registry, text="weights", time=0, system="videos", **metrics):
    return registry.register(system, write_model(text), metrics=metrics, lineage=LINEAGE, time=time)


def stages(registry):
    return {version.name: version.stage for version in registry.versions("videos")}


def test_a_version_is_read_back_as_it_was_registered(registry):
    made = add(registry, time=5, ne=0.9, auc=math.nan)
    read = registry.get("videos", "v0001")
    assert (read.name, read.created, read.lineage, read.stage) == ("v0001", 5, LINEAGE, "challenger")
    assert read.metrics["ne"] == 0.9
    assert math.isnan(read.metrics["auc"])
    assert list(read.files) == ["part/model.txt"]
    assert (read.path / "part" / "model.txt").read_text() == "weights"
    assert (made.path, made.files) == (read.path, read.files)


def test_versions_count_up_per_system(registry):
    names = [add(registry).name, add(registry).name, add(registry, system="ads").name]
    assert names == ["v0001", "v0002", "v0001"]
    assert registry.systems() == ["ads", "videos"]
    assert registry.versions("nothing") == []
    assert registry.champion("nothing") is None


def test_a_directory_can_be_copied_in(registry, tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "model.txt").write_text("m")
    version = registry.register("videos", copying(tmp_path / "made"), metrics={}, lineage=LINEAGE, time=0)
    assert list(version.files) == ["model.txt"]


def test_promote_and_roll_back(registry):
    for _ in range(3):
        add(registry)
    registry.promote("videos", "v0001", time=1, reason="first")
    registry.promote("videos", "v0002", time=2, reason="better")
    assert stages(registry) == {"v0001": "archived", "v0002": "champion", "v0003": "challenger"}
    registry.promote("videos", "v0003", time=3, reason="better again")
    assert registry.roll_back("videos", time=4, reason="errors in production").name == "v0002"
    assert stages(registry) == {"v0001": "archived", "v0002": "champion", "v0003": "refused"}
    assert registry.roll_back("videos", time=5, reason="still").name == "v0001"
    with pytest.raises(StateError, match="a champion before this one"):
        registry.roll_back("videos", time=6, reason="more")
    told = [(event.time, event.action, event.version, event.reason) for event in registry.history("videos")]
    assert told[-2:] == [
        (4, "rolled back", "v0003", "errors in production"),
        (5, "rolled back", "v0002", "still"),
    ]


def test_refuse_and_archive(registry):
    for _ in range(2):
        add(registry)
    assert registry.refuse("videos", "v0001", time=1, reason="ne 1.2").stage == "refused"
    registry.promote("videos", "v0002", time=2, reason="good")
    for decide in (registry.refuse, registry.archive):
        with pytest.raises(StateError, match="promote another, or roll it back"):
            decide("videos", "v0002", time=3, reason="?")
    assert registry.archive("videos", "v0001", time=3, reason="retired").stage == "archived"
    assert registry.champion("videos").name == "v0002"


def damage_change(path):
    (path / "part" / "model.txt").write_text("weightz")


def damage_remove(path):
    (path / "part" / "model.txt").unlink()


def damage_add(path):
    (path / "extra.pickle").write_bytes(b"!")


def damage_manifest(path):
    manifest = path / "manifest.json"
    manifest.write_text(manifest.read_text().replace("d1", "d2"))


@pytest.mark.parametrize("damage", [damage_change, damage_remove, damage_add, damage_manifest])
def test_tampering_is_found_and_never_promoted(registry, damage):
    add(registry)
    registry.promote("videos", "v0001", time=1, reason="good")
    add(registry)
    damage(registry.get("videos", "v0002").path)
    with pytest.raises(StateError, match="byte for byte"):
        registry.get("videos", "v0002")
    with pytest.raises(StateError, match="byte for byte"):
        registry.promote("videos", "v0002", time=2, reason="?")
    assert registry.champion("videos").name == "v0001"


def test_a_damaged_version_is_not_rolled_back_to(registry):
    for number in (1, 2):
        add(registry)
        registry.promote("videos", f"v000{number}", time=number, reason="good")
    damage_change(registry.get("videos", "v0001").path)
    with pytest.raises(StateError, match="byte for byte"):
        registry.roll_back("videos", time=3, reason="?")
    assert registry.champion("videos").name == "v0002"


def test_a_writer_that_fails_leaves_no_version(registry):
    add(registry)

    def fail(directory: Path) -> None:
        (directory / "half.txt").write_text("half")
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        registry.register("videos", fail, metrics={}, lineage=LINEAGE, time=0)
    assert list(stages(registry)) == ["v0001"]
    assert add(registry).name == "v0002"
    assert sorted(path.name for path in (registry.root / "videos").iterdir()) == [
        ".lock", "journal.json", "v0001", "v0002",
    ]  # fmt: skip


def test_names_that_cannot_be_are_refused(registry):
    for name in ("../x", "", ".x", "a/b"):
        with pytest.raises(DataError, match="rename it"):
            add(registry, system=name)
    add(registry)
    with pytest.raises(StateError, match="v0009"):
        registry.get("videos", "v0009")
    with pytest.raises(StateError, match="register one first"):
        registry.promote("other", "v0001", time=0, reason="?")
    with pytest.raises(DataError, match="name that file otherwise"):
        registry.register(
            "videos", lambda d: (d / "manifest.json").write_text("{}"), metrics={}, lineage=LINEAGE, time=0
        )
    (registry.root / "videos" / "journal.json").write_text("[{")
    with pytest.raises(StateError, match="journal"):
        registry.versions("videos")


def test_writers_at_once_each_get_a_version_of_their_own(registry):
    threads = [threading.Thread(target=add, args=(registry, f"w{n}")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    versions = registry.versions("videos")
    assert [version.name for version in versions] == [f"v{n:04d}" for n in range(1, 9)]
    assert len({version.files["part/model.txt"] for version in versions}) == 8


KILLED = """
import os, signal, sys
from pathlib import Path
from heptad.registry.registry import Registry
from heptad.registry.version import Lineage

left = int(sys.argv[2])
def counted(real):
    def call(*arguments, **more):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **more)
    return call
for name in ("fsync", "replace", "rename", "mkdir"):
    setattr(os, name, counted(getattr(os, name)))

def write(directory):
    (directory / "model.txt").write_text("second")
registry = Registry(Path(sys.argv[1]))
made = registry.register("videos", write, metrics={}, lineage=Lineage("d", "p", "c", 0), time=1)
print("registered", flush=True)
registry.promote("videos", made.name, time=2, reason="better")
print("promoted", flush=True)
"""


def test_a_process_killed_at_any_step_leaves_a_readable_registry(tmp_path):
    acknowledged: list[str] = []
    for step in range(60):
        registry = Registry(tmp_path / str(step))
        add(registry, "first")
        registry.promote("videos", "v0001", time=0, reason="first")
        child = subprocess.run(
            [sys.executable, "-c", KILLED, str(registry.root), str(step)], capture_output=True, text=True
        )
        assert child.returncode in (0, -signal.SIGKILL), child.stderr
        said = child.stdout.split()
        found = stages(registry)
        for version in registry.versions("videos"):
            registry.get("videos", version.name)  # every byte of what exists is right
        # what was acknowledged is there; what was not is there whole or not at all
        assert registry.champion("videos").name in (["v0002"] if "promoted" in said else ["v0001", "v0002"])
        if "registered" in said:
            assert "v0002" in found
        assert add(registry, "after").name == f"v{len(found) + 1:04d}"
        acknowledged.append(" ".join(said))
        if child.returncode == 0:
            break
    assert child.returncode == 0
    assert set(acknowledged) == {"", "registered", "registered promoted"}


actions = st.sampled_from(["promoted", "archived", "refused", "rolled back"])


@given(st.lists(st.tuples(actions, st.integers(1, 3)), max_size=12))
def test_after_the_first_promotion_there_is_always_one_champion(drawn):
    events = [Event(0, "registered", f"v{number}", "") for number in (1, 2, 3)]
    promoted = False
    for action, number in drawn:
        version, now = f"v{number}", standing(events)
        if action == "rolled back":
            if len(now.champions) < 2:
                continue
            version = now.champions[-1]
        elif action != "promoted" and version == now.champion:
            continue  # the registry refuses this, see above
        promoted = promoted or action == "promoted"
        events.append(Event(0, action, version, ""))
        found = standing(events)
        champions = [name for name, stage in found.stages.items() if stage == "champion"]
        assert champions == ([found.champion] if promoted else [])
        assert set(found.stages) == {"v1", "v2", "v3"}
