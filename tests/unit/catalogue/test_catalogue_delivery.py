"""A file of a data set appears whole and verified under its name, or not at all."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from heptad.catalogue.address import Address
from heptad.catalogue.dataset import Dataset, File, Progress
from heptad.catalogue.delivery import deliver
from heptad.errors import DataError

SMALL, BIG = b"id,name\n1,one\n", bytes(range(256)) * 4096  # 1 MiB: many chunks


def file(name: str, content: bytes) -> File:
    return File(name, len(content), hashlib.sha256(content).hexdigest())


DATASET = Dataset(
    name="toy",
    title="two files",
    licence="none",
    citation="none",
    homepage="https://example.org",
    files=(file("small.csv", SMALL), file("big.bin", BIG)),
)


def silent(step: Progress) -> None:
    """Report to nobody."""


def visible(folder: Path) -> list[str]:
    """What lies in a data set's folder, its lock apart."""
    return sorted(p.name for p in folder.iterdir() if p.name != ".lock")


def good(server, folder=""):
    server.put(f"{folder}small.csv", SMALL)
    server.put(f"{folder}big.bin", BIG)
    return Address(f"{server.base}/{folder}".rstrip("/"))


def test_fetches_and_reports_every_byte(server, tmp_path):
    steps: list[Progress] = []
    paths = deliver(DATASET, tmp_path / "toy", [good(server)], steps.append)
    assert {name: path.read_bytes() for name, path in paths.items()} == {"small.csv": SMALL, "big.bin": BIG}
    for wanted in DATASET.files:
        done = [step.done for step in steps if step.file == wanted.name]
        assert done == sorted(done)
        assert done[-1] == wanted.size
    assert {step.source for step in steps} == {server.base}
    assert visible(tmp_path / "toy") == ["big.bin", "small.csv"]


def test_a_verified_file_is_not_asked_for_again(server, tmp_path):
    address = good(server)
    deliver(DATASET, tmp_path, [address], silent)
    deliver(DATASET, tmp_path, [address], silent)
    assert len(server.asked) == 2


def test_a_damaged_file_in_the_cache_is_replaced(server, tmp_path):
    address = good(server)
    paths = deliver(DATASET, tmp_path, [address], silent)
    paths["small.csv"].write_bytes(SMALL.replace(b"one", b"two"))
    deliver(DATASET, tmp_path, [address], silent)
    assert paths["small.csv"].read_bytes() == SMALL
    assert server.asked.count("/mirror/big.bin") == 1


def test_a_corrupt_answer_is_refused(server, tmp_path):
    address = good(server)
    server.put("small.csv", SMALL.replace(b"one", b"two"))
    with pytest.raises(DataError, match=r"small\.csv from http.*14 bytes with SHA-256 .* got 14 bytes with"):
        deliver(DATASET, tmp_path, [address], silent)
    assert visible(tmp_path) == []


def test_a_longer_answer_is_refused(server, tmp_path):
    address = good(server)
    server.put("small.csv", SMALL + b"2,two\n")
    with pytest.raises(DataError, match="got more than 14 bytes"):
        deliver(DATASET, tmp_path, [address], silent)
    assert visible(tmp_path) == []


@pytest.mark.parametrize("told", [True, False], ids=["length stated", "length as sent"])
def test_a_truncated_answer_is_refused(server, tmp_path, told):
    address = good(server)
    server.put("big.bin", BIG[:-1000])
    if told:
        server.promise["/mirror/big.bin"] = len(BIG)
    with pytest.raises(DataError, match=r"big\.bin"):
        deliver(DATASET, tmp_path, [address], silent)
    assert visible(tmp_path) == ["small.csv"]


def test_a_closed_port_is_refused(tmp_path):
    with socket.socket() as taken:  # bound but not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(DataError, match="Connection refused") as caught:
            deliver(DATASET, tmp_path, [Address(base)], silent)
    assert "HEPTAD_MIRROR" in caught.value.fix
    assert visible(tmp_path) == []


def test_a_missing_file_and_a_wrong_scheme_are_named(server, tmp_path):
    with pytest.raises(DataError, match=r"404.*http:// or https://, got 'file:///etc'"):
        deliver(DATASET, tmp_path, [Address(server.base), Address("file:///etc")], silent)


def test_the_next_source_brings_what_the_first_lacks(server, tmp_path):
    second = good(server, "second/")
    server.put("small.csv", SMALL)
    paths = deliver(DATASET, tmp_path, [Address(server.base), second], silent)
    assert paths["big.bin"].read_bytes() == BIG
    assert "/mirror/second/small.csv" not in server.asked


def test_an_interrupt_leaves_nothing_half_written(server, tmp_path):
    def interrupt(step: Progress) -> None:
        if step.file == "big.bin" and step.done < step.total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deliver(DATASET, tmp_path, [good(server)], interrupt)
    assert visible(tmp_path) == ["small.csv"]


CHILD = """
import sys, msgspec
from pathlib import Path
from heptad.catalogue.address import Address
from heptad.catalogue.dataset import Dataset, File
from heptad.catalogue.delivery import deliver
base, folder, known = sys.argv[1:]
files = tuple(File(*parts) for parts in msgspec.json.decode(known))
toy = Dataset(name="toy", title="", licence="", citation="", homepage="", files=files)
deliver(toy, Path(folder), [Address(base)], lambda step: print(step.file, step.done, flush=True))
"""


def child(server, folder: Path) -> subprocess.Popen[str]:
    """A process of its own that fetches the data set and prints its progress."""
    known = msgspec.json.encode([msgspec.structs.astuple(each) for each in DATASET.files]).decode()
    command = [sys.executable, "-c", CHILD, server.base, str(folder), known]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_killed_fetch_leaves_no_file_under_its_name_and_the_next_one_succeeds(server, tmp_path):
    address = good(server)
    server.hold.add("/mirror/big.bin")
    with child(server, tmp_path) as process:
        for line in process.stdout:
            if line.startswith("big.bin"):
                break
        process.kill()
    assert not (tmp_path / "big.bin").exists()
    assert any(name.endswith(".part") for name in visible(tmp_path))  # the kill did come half-way
    server.hold.clear()
    deliver(DATASET, tmp_path, [address], silent)
    assert visible(tmp_path) == ["big.bin", "small.csv"]


def test_concurrent_fetches_agree_and_download_once(server, tmp_path):
    address = good(server)
    barrier, failures = threading.Barrier(3), []

    def race() -> None:
        barrier.wait()
        try:
            paths = deliver(DATASET, tmp_path, [address], silent)
            assert paths["big.bin"].read_bytes() == BIG
        except BaseException as error:
            failures.append(error)

    processes = [child(server, tmp_path), child(server, tmp_path)]
    threads = [threading.Thread(target=race) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for process in processes:
        process.communicate()
    assert failures == []
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(server.asked) == ["/mirror/big.bin", "/mirror/small.csv"]
    assert visible(tmp_path) == ["big.bin", "small.csv"]


def test_a_complete_folder_is_only_read(server, tmp_path):
    deliver(DATASET, tmp_path, [good(server)], silent)
    (tmp_path / ".lock").unlink()
    deliver(DATASET, tmp_path, [], silent)
    assert not (tmp_path / ".lock").exists()


def test_a_folder_that_cannot_be_made_is_named(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="HEPTAD_DATA"):
        deliver(DATASET, tmp_path / "file" / "toy", [good(server)], silent)
