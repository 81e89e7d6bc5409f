"""The connections against a server that answers, refuses, closes, breaks and keeps silent."""

from __future__ import annotations

import asyncio
import json

import pytest

from heptad.errors import DataError, ReadError
from heptad.run.load import client
from heptad.run.load.client import Pool, run
from heptad.run.load.events import Events, Posting
from heptad.run.load.open_loop import Load, open_loop


class Server:
    """Answers each request with what ``answer(n)`` gives: bytes, and whether to close; None is silence."""

    def __init__(self, answer):
        self.answer, self.n, self.connections, self.seen = answer, 0, 0, []

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *_):
        self._server.close()

    async def _talk(self, reader, writer):
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(
                    int(line.split()[1]) for line in head.split("\r\n") if line.startswith("content-length")
                )
                self.seen.append((head, await reader.readexactly(length)))
                n, self.n = self.n, self.n + 1
                said, closes = self.answer(n)
                if said is not None:
                    writer.write(said)
                    await writer.drain()
                if closes:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def http(body, status="200 OK", more=""):
    return f"HTTP/1.1 {status}\r\n{more}content-length: {len(body)}\r\n\r\n".encode() + body


GOOD = http(b'{"flags":{},"offsets":{"0":9}}'), False


def asked(answer, times, *, size=4, timeout=5.0, headers=None):
    """What became of ``times`` requests sent at once, and the server."""
    server, ended = Server(answer), []

    async def talk():
        async with server as url:
            pool = Pool(url, size=size, timeout=timeout, headers=headers)
            payload, all_ended = pool.payload("/rank", b"{}"), asyncio.get_running_loop().create_future()

            def told(failure, status, body, at):
                ended.append((failure, status))
                if len(ended) == times:
                    all_ended.set_result(None)

            for _ in range(times):
                pool.send(payload, told)
            await all_ended
            await pool.close()

    run(talk())
    return ended, server


def test_connections_are_kept_and_shared():
    ended, server = asked(lambda n: GOOD, 100, size=4)
    assert ended == [("", 200)] * 100
    assert server.connections == 4


def test_a_server_that_closes_after_every_answer_is_connected_to_again():
    ended, server = asked(lambda n: (http(b"{}", more="connection: close\r\n"), True), 20)
    assert ended == [("", 200)] * 20
    assert server.connections == 20


def test_a_connection_idle_for_long_is_not_used_again(monkeypatch):
    monkeypatch.setattr(client, "_IDLE_SECONDS", 0.0)

    async def talk():
        async with server as url:
            pool = Pool(url, size=2, timeout=5.0)
            said = [await pool.ask(pool.payload("/rank", b"{}")) for _ in range(3)]
            await pool.close()
            return [status for status, _ in said]

    server = Server(lambda n: GOOD)
    assert run(talk()) == [200, 200, 200]
    assert server.connections == 3


def test_a_connection_that_ends_before_the_answer_is_a_failure_and_the_next_request_goes_on():
    ended, _ = asked(lambda n: (None, True) if n % 2 else GOOD, 20, size=1)
    assert sorted(ended) == [("", 200)] * 10 + [(client.CLOSED, 0)] * 10


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"nonsense\r\n\r\n", client.BROKEN),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{}", client.CLOSED),
        (b"", client.CLOSED),
    ],
)
def test_an_answer_that_is_none(said, kind):
    ended, _ = asked(lambda n: (said, True), 3)
    assert ended == [(kind, 0)] * 3


def test_a_chunked_answer_in_pieces_is_whole():
    said = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    assert asked(lambda n: (said, False), 8, size=2)[0] == [("", 200)] * 8


def test_silence_ends_after_the_timeout_and_so_does_the_wait_for_a_connection():
    ended, _ = asked(lambda n: (None, False), 6, size=2, timeout=0.1)
    assert ended == [(client.TIMEOUT, 0)] * 6


def test_headers_go_with_every_request():
    _, server = asked(lambda n: GOOD, 2, headers={"x-api-key": "secret"})
    assert all("x-api-key: secret\r\n" in head for head, _ in server.seen)


@pytest.fixture
def closed_port(unused_tcp_port_of_this_machine):
    return unused_tcp_port_of_this_machine


@pytest.fixture
def unused_tcp_port_of_this_machine():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def test_a_server_that_is_not_there_is_an_error_that_says_so(closed_port):
    with pytest.raises(ReadError, match="connection refused"):
        open_loop(f"http://127.0.0.1:{closed_port}", Load([b"{}"], 10.0, 1.0))


def test_an_address_that_is_none():
    async def made():
        Pool("https://example.org", size=1, timeout=1.0)

    with pytest.raises(DataError, match="http://HOST:PORT"):
        run(made())


def test_requests_to_a_server_that_has_gone_fail_one_by_one(closed_port):
    async def talk():
        pool = Pool(f"http://127.0.0.1:{closed_port}", size=2, timeout=1.0)
        ended, done = [], asyncio.get_running_loop().create_future()

        def told(failure, status, body, at):
            ended.append(failure)
            if len(ended) == 5:
                done.set_result(None)

        for _ in range(5):
            pool.send(pool.payload("/rank", b"{}"), told)
        await done
        await pool.close()
        return ended

    assert run(talk()) == [client.REFUSED] * 5


def test_an_open_loop_over_real_sockets_counts_every_request_once():
    answers = [GOOD, (http(b"{}", "503 Service Unavailable"), False), (None, True), (http(b"half"), False)]

    async def serve(ready, stop):
        server = Server(lambda n: answers[n % 4])
        async with server as url:
            ready.set_result((url, asyncio.get_running_loop()))
            await asyncio.wrap_future(stop)

    import threading
    from concurrent.futures import Future

    ready, stop = Future(), Future()
    thread = threading.Thread(target=lambda: asyncio.run(serve(ready, stop)))
    thread.start()
    try:
        url, _ = ready.result()
        found = open_loop(url, Load([b"{}"], 400.0, 0.5, warm_up=0.0, connections=8, window=0.25))
    finally:
        stop.set_result(None)
        thread.join()
    assert found.requests == 200
    assert set(found.whole.failed) == {"status 503", client.CLOSED, client.BROKEN}
    assert found.failed + len(found.whole.latency) == 200
    assert [window.requests for window in found.windows] != [0, 200]


def events_posted(answer, rows, rate=200.0, **how):
    server = Server(answer)

    async def talk():
        async with server as url:
            posting = Posting(url, Events("Sale", rows, rate, **how), 1.0, {})
            posting.start(0.0, 0.05)
            found = await posting.finished()
            await posting.close()
            return found

    return run(talk()), [(head.split()[1], json.loads(body)) for head, body in server.seen]


def test_an_event_is_fresh_when_a_read_knows_its_offset():
    offsets = iter(range(100))
    known = [0]

    def answer(n):
        # every second request is a read; the first read after each event is one behind
        if n % 3 == 0:
            known[0] = next(offsets)
            return http(json.dumps({"events": [{"offset": known[0], "verdict": "accepted"}]}).encode()), False
        knows = known[0] + (n % 3 == 2)
        return http(json.dumps({"offsets": {"0": knows}, "columns": {}}).encode()), False

    found, seen = events_posted(answer, [{"sale": 1}], rate=20.0, key="sale", stamp="ts")
    assert found.failed == {}
    assert found.verdicts == {"accepted": 1}
    assert (len(found.visible), found.unseen) == (1, 1)
    assert [path for path, _ in seen] == ["/events/Sale", "/features", "/features"]
    assert seen[0][1]["sale"] != 1
    assert seen[0][1]["ts"] == seen[0][1]["sale"] // 1_000


def test_events_that_are_refused_or_late_are_counted_by_kind():
    def answer(n):
        if n % 2:
            return http(b"{}", "422 Unprocessable Entity"), False
        return http(b'{"events":[{"offset":1,"verdict":"late"}]}'), False

    found, seen = events_posted(answer, [{"sale": 1}, {"sale": 2}])
    assert found.verdicts == {"late": 5}
    assert found.failed == {"status 422": 5}
    assert len(found.visible) == 0
    assert sorted(row["sale"] for _, row in seen) == [1] * 5 + [2] * 5
