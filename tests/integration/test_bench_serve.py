"""`heptad bench-serve` in a process of its own against a real server that asks for a key, with events beside the load."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from heptad.serving.keys import VARIABLE
from heptad.testing.tiny_service import START, USERS, opened, post_past, sale, trained
from heptad.times import HOUR, SECOND

HEPTAD = [sys.executable, "-c", "from heptad.cli.main import main; main()"]
KEY = "k" * 16
KEYED = ("--header", f"authorization: Bearer {KEY}")
SERVER = Path(__file__).with_name("tiny_server.py")


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    directory = tmp_path_factory.mktemp("loaded")
    scorer = trained(directory / "training")
    scorer.save(directory / "scorer")
    service = opened(directory, scorer, store=f"embedded:{directory / 'state'}")
    post_past(service)
    service.drain()
    process = subprocess.Popen(
        [sys.executable, str(SERVER), str(directory)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {VARIABLE: KEY},
    )
    try:
        yield process.stdout.readline().split()[1]
    finally:
        process.terminate()
        process.communicate()


def bench(where, *words):
    return subprocess.run(
        [*HEPTAD, "bench-serve", *words], cwd=where, capture_output=True, text=True, timeout=120, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_a_load_with_events_is_measured_and_reported(url, tmp_path):
    bodies = [{"user": user, "context": {"device": "web"}} for user in USERS]
    (tmp_path / "bodies.jsonl").write_text("\n".join(map(json.dumps, bodies)))
    rows = [sale(5_000 + n, START + 10 * HOUR + n * SECOND, 1, "p01", 3.0) for n in range(200)]
    (tmp_path / "sales.jsonl").write_text("\n".join(map(json.dumps, rows)))
    done = bench(
        tmp_path, url, "--bodies", "bodies.jsonl", "--rate", "50", "--seconds", "4", "--warm-up", "1",
        "--window", "1", "--events", "Sale", "sales.jsonl", "--event-rate", "10", "--json", "load.json", *KEYED,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "load.json").read_text())
    load = result["load"]
    assert load["failed"] == load["flagged"] == {}
    assert load["requests"] == pytest.approx(200, abs=40)
    assert load["latency_ms"]["p50"] <= load["latency_ms"]["p99"]
    assert load["freshness"]["verdicts"] == {"accepted": 40}
    assert load["freshness"]["not_seen_by_the_first_read"] == 0
    assert 0 < load["generator"]["cpu_cores"] < 1
    assert result["trend"]["pairs"] == 2
    for said in ("offered", "p99", "40 accepted; in a read after", "cores"):
        assert said in done.stdout


def test_what_cannot_be_measured_is_said(url, tmp_path):
    assert "either --bodies FILE or --system SYSTEM" in bench(tmp_path, url).stderr
    (tmp_path / "bodies.jsonl").write_text('{"user": [1]}\n')
    for words, said in (((), "status 401"), (KEYED, "status 422")):
        done = bench(tmp_path, url, "--bodies", "bodies.jsonl", "--seconds", "0.5", "--warm-up", "0", *words)
        assert done.returncode == 1
        assert said in done.stdout
    gone = bench(tmp_path, "http://127.0.0.1:1", "--bodies", "bodies.jsonl")
    assert gone.returncode == 2
    assert "connection refused" in gone.stderr
