"""An open loop over HTTP: requests leave at their own times, whether or not earlier ones were answered.

A closed loop would wait with the server and hide its queue; latency here counts from the moment a request
should have left (Schroeder, Wierman and Harchol-Balter 2006).
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from heptad.errors import ReadError


@dataclass(frozen=True)
class LoadResult:
    """Milliseconds of every request from its due time to the last byte, and the rates per second."""

    milliseconds: list[float]
    offered: float
    achieved: float
    failed: int
    flagged: int

    def percentile(self, share: float) -> float:
        """The latency that this share (0..100) of the requests did not exceed, in ms."""
        return float(np.percentile(self.milliseconds, share))


class Client:
    """One keep-alive connection that posts JSON."""

    def __init__(self, url: str, timeout: float = 30.0) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=timeout)

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        """Status and decoded answer."""
        headers = {"content-type": "application/json"}
        self._connection.request("POST", path, json.dumps(body), headers)
        response = self._connection.getresponse()
        return response.status, json.loads(response.read())

    def close(self) -> None:
        self._connection.close()


def open_loop(
    url: str, bodies: Sequence[Any], rate: float, *, path: str = "/rank", clients: int = 16, seed: int = 0
) -> LoadResult:
    """Post each body to ``path`` once, at Poisson times of ``rate`` per second, over several connections."""
    due = np.cumsum(np.random.default_rng(seed).exponential(1.0 / rate, len(bodies)))
    due *= len(bodies) / rate / due[-1]  # the drawn times, at the very rate
    taken = iter(range(len(bodies)))
    turn, milliseconds = threading.Lock(), [0.0] * len(bodies)
    failed: list[int] = []
    flagged: list[int] = []
    began = time.perf_counter()

    def work() -> None:
        client = Client(url)
        while True:
            with turn:
                number = next(taken, None)
            if number is None:
                break
            wait = began + due[number] - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            status, answer = client.post(path, bodies[number])
            milliseconds[number] = 1e3 * (time.perf_counter() - began - due[number])
            if status != 200:
                failed.append(number)
            elif answer["flags"]:
                flagged.append(number)
        client.close()

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    return LoadResult(
        milliseconds, len(bodies) / float(due[-1]), len(bodies) / took, len(failed), len(flagged)
    )


def freshness(
    url: str, stream: str, rows: Sequence[dict[str, Any]], body: Any, *, path: str = "/rank"
) -> list[float]:
    """Milliseconds from posting each row to the end of the first answer that knows it."""
    client, out = Client(url), []
    for row in rows:
        began = time.perf_counter()
        status, posted = client.post(f"/events/{stream}", row)
        if status != 200:
            raise ReadError(
                "posted event", "status 200", f"{status}: {posted}", "look at the server's output"
            )
        offset = posted["events"][0]["offset"]
        while True:
            _, answer = client.post(path, body)
            if answer["offsets"]["0"] > offset:
                break
        out.append(1e3 * (time.perf_counter() - began))
    client.close()
    return out
