"""A search as a real process: killed while rows are posted, and its model swapped under an open loop of requests."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

import heptad as hp
from heptad.run import check_load, check_search
from heptad.run.check import check_system
from heptad.run.check_search import new_rows, posted_and_found
from heptad.run.load.client import run
from heptad.run.load.open_loop import Load, open_loop
from heptad.run.progress import Silent
from heptad.run.search import gallery_from, read_rows
from heptad.testing import tiny_pictures as tiny

pytestmark = pytest.mark.slow
SERVER = Path(__file__).with_name("pictures_server.py")
_PATIENCE = 60  #: seconds; a bound for a hanging test, not a wait


@contextmanager
def running(home: Path):
    command = [sys.executable, str(SERVER), str(home)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process, next(line.split()[1] for line in process.stdout if line.startswith("ready "))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def home(tmp_path):
    tiny.registered(tmp_path)
    return tmp_path


def row(number):
    picture = base64.b64encode(tiny.picture("red", number)).decode()
    return {"square": number, "picture": picture, "colour": "red"}


def nearest(client, number):
    answer = client.post("/search?n=1", content=tiny.picture("red", number)).raise_for_status().json()
    return answer["items"][0]["square"]


def test_what_was_acknowledged_before_a_kill_is_there_again(home):
    acknowledged: list[int] = []
    deleted: list[int] = []
    with running(home) as (process, url):
        killing = threading.Event()

        def post():
            with httpx.Client(base_url=url, timeout=_PATIENCE) as client:
                for number in range(1_000, 2_000):
                    try:
                        client.post("/events/Square", json=row(number)).raise_for_status()
                        acknowledged.append(number)
                        if number % 5 == 0:
                            client.delete(f"/events/Square/{number}").raise_for_status()
                            deleted.append(number)
                    except httpx.TransportError:
                        return
                    if number == 1_020:
                        killing.set()

        posting = threading.Thread(target=post)
        posting.start()
        assert killing.wait(_PATIENCE)
        process.kill()
        posting.join()
    assert len(acknowledged) > 20
    with running(home) as (_, url), httpx.Client(base_url=url, timeout=_PATIENCE) as client:
        for number in (
            set(acknowledged) - set(deleted) - {max(acknowledged)}
        ):  # the newest may be half deleted
            assert nearest(client, number) == number
        assert not any(nearest(client, number) == number for number in deleted)


def test_a_model_is_swapped_under_an_open_loop_and_no_request_fails_or_is_mixed(home):
    registry = tiny.registered(home, seeds=())
    versions = {f"v000{seed + 1}": tiny.embedding(home, seed).version for seed in (0, 1)}
    rows, wrong, seen = tiny.searched(40), [], []
    with running(home) as (process, url):
        load = Load(rows.pictures, rate=60, seconds=4, warm_up=0.5, path="/search?n=1", window=4)
        ended = threading.Event()

        def watch():
            """A row's own picture has a cosine of 1 where the picture and the index are of one embedding."""
            with httpx.Client(base_url=url, timeout=_PATIENCE) as client:
                while not ended.is_set():
                    answer = client.post("/search?n=1", content=rows.pictures[3]).json()
                    seen.append(answer["model"])
                    if answer["embedding"] != versions[answer["model"]] or answer["items"][0]["cosine"] != 1:
                        wrong.append(answer)

        def swap():
            for version in ("v0002", "v0001", "v0002"):
                registry.promote("squares", version, time=0, reason="test")
                assert any(f"model {version} is served" in line for line in process.stdout)

        threads = [threading.Thread(target=watch), threading.Thread(target=swap)]
        for thread in threads:
            thread.start()
        measured = open_loop(url, load)
        threads[1].join()
        ended.set()
        threads[0].join()
        threads = []
    assert not wrong, json.dumps(wrong[:2])
    assert set(seen) == set(versions)
    assert (measured.failed, measured.requests > 200) == (0, True), measured.whole.failed


def test_a_check_measures_every_requirement(home, monkeypatch):
    """All of `heptad check` but the command line, on a load of two seconds."""
    monkeypatch.chdir(home)
    monkeypatch.setattr(check_load, "LOAD_SECONDS", 2.0)
    monkeypatch.setattr(check_load, "FEWEST", 20)
    monkeypatch.setattr(check_search, "server", lambda target, profile, state: address_of(home))
    target, profile = tiny.deployed(home)
    result = check_system(replace(target, system=busy(target.system)), profile, progress=Silent())
    assert [row["name"] for row in result["requirements"]] == [
        "p99", "qps", "candidates", "fallbacks", "freshness", "kpi",
    ]  # fmt: skip
    assert [row["holds"] for row in result["requirements"][2:4]] == [True, True]
    assert result["requirements"][-1]["measured"] == "not measured yet: run heptad run squares"
    assert (result["load"]["failed"], result["load"]["requests"]) == (0, pytest.approx(20, abs=12))
    assert 0 < result["load"]["freshness_ms"] < float("inf")


@contextmanager
def address_of(home):
    with running(home) as (_, url):
        yield url


def busy(system):
    """The same search, asked ten times a second."""
    steps = ("framing", "data", "model", "evaluation", "serving", "monitoring")
    needs = replace(system.requirements, qps=10)
    return hp.System(requirements=needs, **{name: getattr(system, name) for name in steps})


def test_a_check_posts_new_rows_and_finds_each(home):
    target, profile = tiny.deployed(home)
    table = read_rows(target, profile)
    gallery = gallery_from(target, table)
    with running(home) as (_, url):
        rows = new_rows(target.system, gallery, table, [3, 5])
        assert [(row.old, row.key, row.picture == gallery.pictures[row.old]) for row in rows] == [
            (3, 2**62 + 1, True), (5, 2**62 + 2, True),
        ]  # fmt: skip
        found = run(posted_and_found(url, target.system, rows, 0.0))
        assert len(found) == 2
        assert max(found) < 1e3 * _PATIENCE
        assert httpx.get(f"{url}/health").json()["changes"] == 2
        twins = run(posted_and_found(url, target.system, rows, 0.0))  # they are there under their new keys
        assert twins == []
        strange = rows[0]._replace(old="nobody", picture=tiny.picture("red", 950))
        for sent in (b"{}", rows[1].sent):  # refused; another picture than the one that is looked for
            assert run(posted_and_found(url, target.system, [strange._replace(sent=sent)], 0.0)) == [
                float("inf")
            ]
