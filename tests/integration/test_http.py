"""A server of its own process, asked by a real client: events count at once, SIGTERM drains, restart goes on."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from heptad.serving.prediction_log import PredictionLog
from heptad.testing.tiny_service import START, past, sale, trained
from heptad.times import HOUR

SERVER = Path(__file__).with_name("tiny_server.py")
NOON = START + 12 * HOUR
_PATIENCE = 60  #: seconds; a bound for a hanging test, not a wait


@pytest.fixture(scope="module")
def scorer_files(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("trained")
    trained(directory / "log").save(directory / "scorer")
    return directory / "scorer"


@pytest.fixture
def home(tmp_path, scorer_files) -> Path:
    """The server's directory, with a model and nothing else."""
    (tmp_path / "scorer").symlink_to(scorer_files)
    return tmp_path


class Running:
    """A started server: its process and address."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        line = process.stdout.readline().split()
        assert line[:1] == ["ready"], line
        self.url = line[1]

    def post(self, path, body):
        return httpx.post(f"{self.url}{path}", json=body, timeout=_PATIENCE)

    def health(self):
        return httpx.get(f"{self.url}/health", timeout=_PATIENCE).json()

    def post_past(self):
        for stream in ("Product", "Sale"):
            rows = [dict(row.row) for row in past() if row.stream == stream]
            assert self.post(f"/events/{stream}", rows).status_code == 200

    def stop(self, kind=signal.SIGTERM):
        self.process.send_signal(kind)
        return self.process.wait(_PATIENCE)


@contextmanager
def running(home: Path) -> Iterator[Running]:
    process = subprocess.Popen([sys.executable, SERVER, home], stdout=subprocess.PIPE, text=True)
    try:
        yield Running(process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_posted_event_changes_the_next_answer_and_features(home):
    with running(home) as server:
        server.post_past()
        asked = {"user": 3, "product": "p00"}
        before = server.post("/features", asked).json()["columns"]
        best = server.post("/rank", {"user": 3}).json()["items"][0]
        verdicts = server.post("/events/Sale", sale(9_001, NOON, 3, best, 9.0)).json()["events"]
        assert [event["verdict"] for event in verdicts] == ["accepted"]
        after = server.post("/features", asked).json()["columns"]
        assert after["user_sales_all"] == [before["user_sales_all"][0] + 1]
        answer = server.post("/rank", {"user": 3}).json()
        assert best not in answer["items"]
        assert (answer["flags"], answer["model_version"]) == ({}, "v0001")


def test_an_unknown_user_and_bad_events_are_told_so(home):
    with running(home) as server:
        server.post_past()
        assert server.post("/rank", {"user": "nobody"}).json()["flags"] == {"fallback": "unknown user"}
        refused = server.post("/events/Sale", [sale(1, NOON, 3, "p00", 9.0), {"sale": 2, "ts": NOON}])
        assert refused.status_code == 422
        assert refused.json()["events"][0]["thing"] == "Sale.user"
        assert server.health()["offsets"] == {"0": len(past())}


def test_sigterm_lets_a_request_under_way_finish(home):
    with running(home) as server:
        server.post_past()
        address = urlsplit(server.url)
        body = json.dumps({"user": 3}).encode()
        client = http.client.HTTPConnection(address.hostname, address.port, timeout=_PATIENCE)
        client.putrequest("POST", "/rank")
        client.putheader("Content-Length", str(len(body)))
        client.endheaders(body[:4])
        server.health()  # answered after the headers above were read
        server.process.send_signal(signal.SIGTERM)
        refused_soon(address.hostname, address.port)
        client.send(body[4:])
        response = client.getresponse()
        answer = json.loads(response.read())
        assert response.status == 200
        assert len(answer["items"]) == 4
        assert server.process.wait(_PATIENCE) == 0
    kept = PredictionLog.open(home / "predictions", readonly=True)
    assert answer["request_id"] in [decision.request_id for decision in kept.read()]


def refused_soon(host, port):
    """Return once connections are refused: the server has begun to drain."""
    while True:
        try:
            socket.create_connection((host, port), _PATIENCE).close()
        except ConnectionError:
            return


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_restart_goes_on_with_nothing_lost_or_counted_twice(home, end):
    with running(home) as server:
        server.post_past()
        server.post("/events/Sale", sale(9_001, NOON, 3, "p05", 9.0))
        features = server.post("/features", {"user": 3, "product": "p05"}).json()
        answer = server.post("/rank", {"user": 3}).json()
        popular = server.post("/rank", {"user": "nobody"}).json()
        code = server.stop(end)
        assert code == (-end if end is signal.SIGKILL else 0)
    with running(home) as server:
        assert server.post("/features", {"user": 3, "product": "p05"}).json() == features
        again = server.post("/rank", {"user": 3}).json()
        assert [again[part] for part in ("items", "scores", "t", "offsets")] == [
            answer[part] for part in ("items", "scores", "t", "offsets")
        ]
        assert server.post("/rank", {"user": "nobody"}).json()["scores"] == popular["scores"]
        posted = server.post("/events/Sale", sale(9_001, NOON, 3, "p05", 9.0)).json()["events"]
        assert [event["verdict"] for event in posted] == ["duplicate"]
