"""``heptad serve videos`` after a run: a real process, a real client, the champion's own answers."""

from __future__ import annotations

import http.client
import json
import shutil
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

pytestmark = pytest.mark.slow
HEPTAD = [sys.executable, "-m", "heptad.cli.main"]
_PATIENCE = 120  #: seconds; a bound for a hanging test, not a wait
USER = 7  #: 403 ratings, all of them known to the server
LATER = "1998-05-01T12:00:00Z"  #: after the last rating


class Running:
    """A started server, its address, and what it said before it was ready."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process, self.said = process, []
        for line in process.stdout:
            self.said.append(line.strip())
            if line.startswith("ready "):
                self.url = line.split()[1]
                return
        pytest.fail("\n".join(self.said))

    def post(self, path, body):
        return httpx.post(f"{self.url}{path}", json=body, timeout=_PATIENCE)

    def get(self, path):
        return httpx.get(f"{self.url}{path}", timeout=_PATIENCE)

    def rank(self, user=USER, **more):
        return self.post("/rank", {"user": user, **more}).json()

    def features(self, film):
        return self.post("/features", {"user": USER, "film": film}).json()["columns"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_PATIENCE)


@contextmanager
def running(home: Path, state: Path) -> Iterator[Running]:
    command = [*HEPTAD, "serve", "videos", "--port", "0", "--state", str(state), "--deadline", "60s"]
    process = subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, text=True)
    try:
        yield Running(process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def posted(videos_home, tmp_path_factory) -> Path:
    """The log and states of a server that has posted the history, and ended."""
    state = tmp_path_factory.mktemp("serve") / "state"
    with running(videos_home, state) as server:
        assert "the log is empty: posting the history of videos" in server.said
        assert server.stop() == 0
    return state


@pytest.fixture
def state(posted, tmp_path) -> Path:
    return shutil.copytree(posted, tmp_path / "state")


def rating(film, number=1_000_000, user=USER, ts=LATER, **more):
    return {"rating_id": number, "ts": ts, "user": user, "film": film, "stars": 5.0} | more


def test_the_champion_answers_and_a_posted_event_changes_the_next_answer(videos_home, state):
    with running(videos_home, state) as server:
        assert not [line for line in server.said if "posting" in line]  # the log is there already
        first = server.rank()
        assert (first["flags"], first["model_version"]) == ({}, "v0001")
        assert len(first["items"]) == len(set(first["items"])) == 10
        assert all(0 < p < 1 for p in first["p"])
        assert first["scores"] == sorted(first["scores"], reverse=True)
        best = first["items"][0]
        before = server.features(best)
        posted = server.post("/events/Rating", rating(best))
        assert [event["verdict"] for event in posted.json()["events"]] == ["accepted"]
        after = server.features(best)
        for name in ("user_count_all", "film_count_all"):
            assert after[name] == [before[name][0] + 1]
        assert after["user_since"][0] < before["user_since"][0]
        second = server.rank()
        assert best not in second["items"]
        assert second["t"] > first["t"]
        assert second["flags"] == {}
        health = server.get("/health").json()
        assert (health["status"], health["lag"]) == ("ok", 0)


def test_an_unknown_user_is_flagged_and_bad_requests_are_told_why(videos_home, state):
    with running(videos_home, state) as server:
        unknown = server.rank(user=10**9)
        assert unknown["flags"] == {"fallback": "unknown user"}
        assert len(unknown["items"]) == 10
        offsets = server.get("/health").json()["offsets"]
        for path, body, thing in [
            ("/rank", {"user": USER, "n": 0}, "n"),
            ("/rank", {}, "body"),
            ("/rank", {"user": USER, "context": {"mood": "low"}}, "context.mood"),
            ("/features", {"user": USER, "film": [[1]]}, "film"),
            ("/events/Rating", rating(5, stars="many"), "Rating.stars"),
            ("/events/Rating", rating(5, ts="1998-05-01T12:00:00"), "Rating.ts"),
            ("/events/Rating", {"rating_id": 1}, "Rating.ts"),
        ]:
            refused = server.post(path, body)
            assert refused.status_code == 422, (path, body, refused.text)
            told = refused.json()
            wrong = told["events"][0] if "events" in told else told["error"]
            assert wrong["thing"].startswith(thing), wrong
            assert wrong["expected"]
            assert wrong["fix"]
        assert server.post("/events/Rated", {}).status_code == 404
        assert server.get("/health").json()["offsets"] == offsets  # nothing of these was logged


def test_sigterm_answers_what_is_under_way_and_ends(videos_home, state):
    with running(videos_home, state) as server:
        address = urlsplit(server.url)
        body = json.dumps({"user": USER}).encode()
        client = http.client.HTTPConnection(address.hostname, address.port, timeout=_PATIENCE)
        client.putrequest("POST", "/rank")
        client.putheader("Content-Length", str(len(body)))
        client.endheaders(body[:4])
        server.get("/health")  # answered after the headers above were read
        server.process.send_signal(signal.SIGTERM)
        refused_soon(address.hostname, address.port)
        client.send(body[4:])
        response = client.getresponse()
        answer = json.loads(response.read())
        assert (response.status, len(answer["items"])) == (200, 10)
        assert server.process.wait(_PATIENCE) == 0
    kept = PredictionLog.open(state / "predictions", readonly=True)
    assert answer["request_id"] in [decision.request_id for decision in kept.read()]


def refused_soon(host, port):
    """Return once connections are refused: the server has begun to drain."""
    while True:
        try:
            socket.create_connection((host, port), _PATIENCE).close()
        except ConnectionError:
            return


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_continues_and_counts_nothing_twice(videos_home, state, end):
    with running(videos_home, state) as server:
        film = server.rank()["items"][0]
        assert server.post("/events/Rating", rating(film)).status_code == 200
        features, answer, offsets = (
            server.features(film), server.rank(), server.get("/health").json()["offsets"],
        )  # fmt: skip
        server.process.send_signal(end)
        assert server.process.wait(_PATIENCE) == (0 if end is signal.SIGTERM else -end)
    with running(videos_home, state) as server:
        assert server.get("/health").json()["offsets"] == offsets
        assert server.features(film) == features
        again = server.rank()
        for part in ("items", "scores", "p", "t", "offsets", "flags"):
            assert again[part] == answer[part], part
        verdicts = server.post("/events/Rating", rating(film)).json()["events"]
        assert [event["verdict"] for event in verdicts] == ["duplicate"]
        assert server.features(film)["film_count_all"] == features["film_count_all"]


def test_fresh_begins_anew(videos_home, state):
    with running(videos_home, state) as server:
        before = server.get("/health").json()["offsets"]
        server.post("/events/Rating", rating(1))
        server.stop()
    command = [*HEPTAD, "serve", "videos", "--port", "0", "--state", str(state), "--fresh"]
    process = subprocess.Popen(command, cwd=videos_home, stdout=subprocess.PIPE, text=True)
    try:
        server = Running(process)
        assert "the log is empty: posting the history of videos" in server.said
        assert server.get("/health").json()["offsets"] == before
        assert server.stop() == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_check_measures_every_number_of_step_one(videos_home):
    done = subprocess.run(
        [*HEPTAD, "check", "videos", "--json", "check.json"],
        cwd=videos_home, capture_output=True, text=True, timeout=300, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    result = json.loads((videos_home / "check.json").read_text(encoding="utf-8"))
    rows = {row["name"]: row for row in result["requirements"]}
    assert {"p99", "qps", "candidates", "freshness", "kpi"} <= set(rows)
    assert rows["candidates"]["holds"], rows["candidates"]
    assert result["load"]["flagged"] == 0, result["load"]  # no answer was the fallback's
    assert rows["kpi"]["holds"], rows["kpi"]
    assert result["load"]["failed"] == 0
    assert result["load"]["p50_ms"] <= result["load"]["p99_ms"]
    broken = [name for name, row in rows.items() if not row["holds"]]
    assert done.returncode == (1 if broken else 0), done.stderr
    assert (f"does not hold: {', '.join(broken)}" if broken else "all of them hold") in done.stdout
