"""An embedded store on a real file system that fills up: commits fail whole, reads go on, and room heals it."""

from __future__ import annotations

import subprocess

import pytest

from heptad.errors import StateError
from heptad.testing.tiny_service import START, opened, sale
from heptad.times import HOUR, SECOND

NOON = START + 12 * HOUR


@pytest.fixture
def disk(tmp_path):
    """A file system of half a megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip(f"no file system of its own can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_store_without_room_goes_on_once_there_is_some(disk, tmp_path):
    service = opened(tmp_path, None, store=f"embedded:{disk / 'state'}")
    number, refused = 0, None
    while refused is None:
        rows = [sale(number + i, NOON + number * SECOND, number + i, f"p{i:02}", 5.0) for i in range(20)]
        number += 20
        try:
            assert service.post("Sale", rows).result().verdicts == ["accepted"] * 20
        except StateError as error:
            refused = error
    assert "safe in the log" in str(refused)
    assert service.health().status == "degraded"
    sold = service.features({"user": 0, "product": "p00"}).values["product_sales_all"][0]
    assert sold == number / 20 - 1, "what was committed is read"
    assert service.rank(service.ask("nobody", None, None)).items
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
    assert service.post("Sale", rows).result().verdicts == ["duplicate"] * 20, "it was safe in the log"
    assert service.features({"user": 0, "product": "p00"}).values["product_sales_all"][0] == sold + 1
    assert not any("writer" in problem for problem in service.health().problems)
    service.drain()
