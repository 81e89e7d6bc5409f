"""Bytes on the wire that no client of good will sends: they get a 4xx or an end, and the server goes on."""

from __future__ import annotations

import asyncio
import json

import pytest
import uvicorn
from uvicorn.server import ServerState

from heptad.serving.door import Access
from heptad.serving.http import app
from heptad.serving.patience import Patient

PATIENCE = 30  #: seconds; a bound for a hanging test, not a wait
ASK = b'{"user": 3}'


class Hasty(Patient):
    seconds = 0.2


def exchange(service, *parts, protocol=Patient, limit=10_000):
    """What comes back for these parts of a connection until the server ends it; None where it just hangs up."""

    async def talk():
        config = uvicorn.Config(
            app(service, Access(), body_limit=limit), http=protocol, lifespan="off", log_config=None
        )
        config.load()
        loop, state = asyncio.get_running_loop(), ServerState()
        server = await loop.create_server(lambda: protocol(config, state, {}), "127.0.0.1", 0)
        try:
            return [await said(server.sockets[0].getsockname(), *some) for some in (parts, [request(ASK)])]
        finally:
            server.close()

    got, after = asyncio.run(asyncio.wait_for(talk(), PATIENCE))
    assert after.startswith(b"HTTP/1.1 200"), after  # the next connection is answered
    return got


async def said(address, *parts):
    reader, writer = await asyncio.open_connection(*address)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def request(body, *, head=b"", length=None):
    said_length = len(body) if length is None else length
    return b"POST /rank HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: %b\r\n%b\r\n%b" % (
        str(said_length).encode(), head, body,
    )  # fmt: skip


@pytest.mark.parametrize(
    "raw",
    [
        b"\0\1\2\3\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"CONNECT evil:80 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        request(ASK, length="-1"),
        request(ASK, length="+11"),
        request(ASK, length="0x0b"),
        request(ASK, length="11, 12"),
        request(ASK, length="9" * 30),
        request(ASK, head=b"content-length: 5\r\n"),
        request(ASK, head=b"transfer-encoding: chunked\r\n"),
        request(ASK, head=b"transfer-encoding: xchunked\r\n"),
        request(ASK, head=b"transfer-encoding : chunked\r\n"),
        request(ASK, head=b"bad name: 1\r\n"),
        request(ASK, head=b"x: a\0b\r\n"),
        request(ASK, head=b"x: a\nb: c\rd\r\n"),
        b"POST /rank HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        b"POST /rank HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    ],
)
def test_a_malformed_or_smuggled_request_is_a_400(service_of, raw):
    got = exchange(service_of(), raw)
    assert got.startswith(b"HTTP/1.1 4"), got[:200]
    assert got.count(b"HTTP/1.1") == 1  # and nothing after it is taken for a request


def test_a_head_without_end_is_refused(service_of):
    got = exchange(service_of(), b"GET / HTTP/1.1\r\nx: ", *[b"a" * 60_000] * 20)
    assert got == b"" or got.startswith(b"HTTP/1.1 400"), got[:100]


@pytest.mark.parametrize(
    "part", [b"", b"POST /ra", b"POST /rank HTTP/1.1\r\nhost: x\r\n", request(ASK[:4], length=len(ASK))]
)
def test_a_client_that_sends_no_more_is_hung_up_on(service_of, part):
    assert exchange(service_of(), part, protocol=Hasty) == b""


def test_a_long_body_is_refused_when_stated_and_when_chunked(service_of):
    service = service_of()
    stated = exchange(service, request(b" " * 20_000))
    chunk = b"1000\r\n" + b" " * 4_096 + b"\r\n"
    chunked = exchange(
        service, b"POST /rank HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n", chunk * 4, b"0\r\n\r\n"
    )  # fmt: skip
    for got in (stated, chunked):
        assert got.startswith(b"HTTP/1.1 413"), got[:100]


def test_what_a_client_sends_never_comes_back_in_a_header(service_of):
    service = service_of()
    head = b"x-request-id: forged\r\nhost: <script>\r\n"
    for raw in (
        request(ASK, head=head),
        b"GET /%0d%0ax-forged:%20forged HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    ):
        top, _, body = exchange(service, raw).partition(b"\r\n\r\n")
        assert b"forged" not in top
        assert b"script" not in top
        json.loads(body)


def test_the_page_shows_a_hostile_host_as_text(service_of):
    got = exchange(
        service_of(), b"GET / HTTP/1.1\r\nhost: x'\"><script>alert(1)</script>\r\nconnection: close\r\n\r\n"
    )
    assert b"<script" not in got
