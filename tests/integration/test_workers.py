"""`heptad serve --workers 2`, as real processes: events posted to one are known to the other, and any may be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from heptad.lifecycle.retrain import lineage_of, scorer_of
from heptad.lifecycle.training import Effort, train
from heptad.registry.registry import Registry
from heptad.serving.prediction_log import PredictionLog
from heptad.testing import world as made
from heptad.testing.servers import redis_state
from heptad.times import DAY

pytestmark = pytest.mark.slow
SERVER = Path(__file__).with_name("workers_server.py")
CUT = made.BEGIN + 60 * DAY
LAST = made.votes().column("ts")[-1].as_py()
USER = 17
_PATIENCE = 60  #: seconds; a bound for a hanging test, not a wait


@pytest.fixture(scope="module")
def registry(tmp_path_factory) -> Path:
    """A registry with a champion and a second version of the same system."""
    root, system = tmp_path_factory.mktemp("registry"), made.world()
    history = made.history(system.plan)
    registry = Registry(root)
    for number in (1, 2):
        scorer = scorer_of(history, train(history, system, CUT, effort=Effort(100 * number, 5)))
        version = registry.register(
            "world", scorer.save, metrics={}, lineage=lineage_of(history, CUT), time=CUT
        )
        if number == 1:
            registry.promote("world", version.name, time=CUT, reason="test")
    return root


@pytest.fixture(params=["embedded", "redis"])
def store(request, tmp_path):
    if request.param == "embedded":
        yield f"embedded:{tmp_path / 'state'}"
    else:
        with redis_state() as url:
            yield url


class Running:
    """A started crew: the watching process, its address, and its children by what they do."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process, self.said = process, []
        for line in process.stdout:
            self.said.append(line.strip())
            if line.startswith("ready "):
                self.url = line.split()[1]
                return
        pytest.fail("\n".join(self.said))

    @property
    def children(self) -> list[int]:
        """Process ids in the order of their start: the one that appends is the first."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return sorted(map(int, path.read_text().split()))

    def client(self) -> httpx.Client:
        """A client with connections of its own; which worker they reach is the system's choice."""
        return httpx.Client(base_url=self.url, timeout=_PATIENCE)

    def said_until(self, word: str) -> None:
        for line in self.process.stdout:
            self.said.append(line.strip())
            if word in line:
                return
        pytest.fail("\n".join(self.said))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_PATIENCE)


@contextmanager
def running(home: Path, registry: Path, store: str, workers: int = 2):
    command = [sys.executable, str(SERVER), str(home), str(registry), store, str(workers)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield Running(process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def vote(number: int, movie: int = 3, user: int = USER):
    return {
        "vote": 10**9 + number,
        "ts": LAST + DAY,
        "user": user,
        "movie": movie,
        "stars": 5.0,
        "screen": "tv",
    }


def ranked(server: Running) -> dict:
    """An answer over a connection of its own."""
    with server.client() as client:
        answer = client.post("/rank", json={"user": USER})
    assert answer.status_code == 200
    return answer.json()


def post(server: Running, rows: list[dict]) -> list[dict]:
    """Post until it is acknowledged: while a process is started anew, an answer of 503 says to post again."""
    while True:
        with server.client() as client, suppress(httpx.TransportError):  # the worker that was asked has died
            answer = client.post("/events/Vote", json=rows)
            if answer.status_code == 200:
                return answer.json()["events"]
            assert answer.status_code == 503


def test_what_is_posted_to_any_worker_is_known_to_every_worker(tmp_path, registry, store):
    with running(tmp_path, registry, store) as server:
        assert len(server.children) == 3
        for number in range(20):
            with server.client() as client:
                posted = client.post("/events/Vote", json=vote(number, movie=number % 5)).json()["events"][0]
            assert posted["verdict"] == "accepted"
            answers = [ranked(server) for _ in range(6)]
            assert {answer["offsets"]["0"] for answer in answers} == {posted["offset"] + 1}
            assert len({(tuple(a["items"]), tuple(a["scores"]), a["t"]) for a in answers}) == 1
            assert all(a["flags"] == {} and a["model_version"] == "v0001" for a in answers)
        with server.client() as client:
            health = client.get("/health").json()
        assert (health["status"], health["lag"], health["problems"]) == ("ok", 0, [])
        assert server.stop() == 0
    kept = [
        [d.request_id for d in PredictionLog.open(path, readonly=True).read()]
        for path in sorted(tmp_path.glob("predictions*"))
    ]
    assert len(kept) == 2
    assert all(kept), "both workers answered"
    assert len({*kept[0], *kept[1]}) == 120


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor")
def test_each_of_two_workers_on_two_processors_keeps_to_its_own(tmp_path, registry):
    allowed = os.sched_getaffinity(0)
    two = set(sorted(allowed)[:2])
    os.sched_setaffinity(0, two)
    try:
        with running(tmp_path, registry, f"embedded:{tmp_path / 'state'}") as server:
            appender, *workers = server.children
            assert os.sched_getaffinity(appender) == two
            assert [os.sched_getaffinity(worker) for worker in workers] == [{cpu} for cpu in sorted(two)]
            os.kill(workers[1], signal.SIGKILL)
            server.said_until("is ready again")
            assert [os.sched_getaffinity(again) for again in server.children[2:]] == [{max(two)}]
    finally:
        os.sched_setaffinity(0, allowed)


def test_a_process_that_is_killed_is_started_anew_and_nothing_acknowledged_is_lost(tmp_path, registry, store):
    with running(tmp_path, registry, store) as server:
        for number in range(4):
            post(server, [vote(number, movie=4)])
            os.kill(server.children[number % 3], signal.SIGKILL)
            server.said_until("is ready again")
        again = post(server, [vote(number, movie=4) for number in range(4)])
        assert [event["verdict"] for event in again] == ["duplicate"] * 4
        assert server.stop() == 0


def test_a_worker_that_is_killed_under_load_fails_its_own_connections_alone(tmp_path, registry):
    """What others have handed on to it they answer themselves, at once, as whole and as right as ever."""
    with running(tmp_path, registry, f"embedded:{tmp_path / 'state'}") as server, ExitStack() as stack:
        answers, failed = [], []

        def ask(client: httpx.Client) -> None:
            try:
                answer = client.post("/rank", json={"user": USER})
            except httpx.TransportError:
                failed.append(client)
            else:
                assert answer.status_code == 200
                answers.append(answer.json())

        clients = [stack.enter_context(server.client()) for _ in range(16)]
        with ThreadPoolExecutor(len(clients)) as pool:
            for number in range(12):
                if number == 6:
                    os.kill(server.children[1], signal.SIGKILL)
                list(pool.map(ask, clients))
        server.said_until("is ready again")
        assert len(failed) <= len(clients)
        assert len({(tuple(a["items"]), tuple(a["scores"])) for a in answers}) == 1
        assert all(answer["flags"] == {} for answer in answers)
        assert len({answer["request_id"] for answer in answers}) == len(answers)
        text = clients[0].get("/metrics").text
        assert sum(counted("heptad_handed_on_total", text)) > 0
        assert server.stop() == 0


def counted(name: str, text: str) -> list[float]:
    """The values of a metric."""
    return [float(line.split()[-1]) for line in text.splitlines() if line.startswith(name)]


def test_a_model_promoted_under_load_is_served_without_a_failed_or_mixed_answer(tmp_path, registry, store):
    with running(tmp_path, registry, store) as server:
        scores: dict[str, set] = {}

        def ask(_: int) -> str:
            answer = ranked(server)
            scores.setdefault(answer["model_version"], set()).add(
                (tuple(answer["items"]), tuple(answer["scores"]))
            )
            assert answer["flags"] == {}
            return answer["model_version"]

        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(ask, range(40))) == {"v0001"}
            Registry(registry).promote("world", "v0002", time=CUT, reason="test")
            try:
                seen: set[str] = set()
                while seen != {"v0002"}:
                    seen = set(pool.map(ask, range(40)))
            finally:
                Registry(registry).promote("world", "v0001", time=CUT, reason="back")
        assert {version: len(found) for version, found in scores.items()} == {"v0001": 1, "v0002": 1}
        assert scores["v0001"] != scores["v0002"]


def test_a_store_in_memory_cannot_be_shared(tmp_path, registry):
    command = [sys.executable, str(SERVER), str(tmp_path), str(registry), "memory:", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    assert done.returncode != 0
    assert "use embedded:PATH or redis://" in done.stderr


def test_a_scrape_of_any_worker_tells_of_all(tmp_path, registry):
    with running(tmp_path, registry, f"embedded:{tmp_path / 'state'}") as server:
        for _ in range(20):
            ranked(server)
        for _ in range(6):
            with server.client() as client:
                text = client.get("/metrics").text
            assert 'heptad_request_seconds_count{path="/rank",status="200"} 20.0' in text
            assert 'version="v0001"' in text
