"""The floor of B6's latency: a server that answers after a stated time of a processor, and does nothing else.

Two threads outside the interpreter's lock take the requests in the order they came: no state, no cold caches, no
variance, no worker that waits while another has two. What its latency has above the stated time is waiting for a
processor that another request, the generator or the host has.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba
import uvicorn

ANSWER = b'{"flags": {}}'


@numba.njit(nogil=True)
def spin(turns: int) -> int:
    found = 1
    for turn in range(turns):
        found = (found * 6364136223846793005 + turn) & 0x7FFFFFFFFFFFFFFF
    return found


def turns_per_ms() -> float:
    """How many turns a millisecond of this processor takes: the best of ten trials."""
    spin(1)
    n, best = 2_000_000, float("inf")
    for _ in range(10):
        begin = time.thread_time_ns()
        spin(n)
        best = min(best, (time.thread_time_ns() - begin) / 1e6)
    return n / best


def app(turns: int, threads: int) -> Callable[..., Awaitable[None]]:
    pool = ThreadPoolExecutor(threads)

    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        await asyncio.get_running_loop().run_in_executor(pool, spin, turns)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": ANSWER})

    return answer


async def serve(ms: float, threads: int) -> None:
    config = uvicorn.Config(
        app(int(ms * turns_per_ms()), threads), port=0, log_level="warning", lifespan="off"
    )
    server = uvicorn.Server(config)
    running = asyncio.ensure_future(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    print(f"ready http://127.0.0.1:{port}", flush=True)
    await running


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ms", type=float, required=True, help="of a processor for each answer")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    asyncio.run(serve(given.ms, given.threads))


if __name__ == "__main__":
    main()
