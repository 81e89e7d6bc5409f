"""A server and a clock that take no time: what tests of the open loop offer their load to."""

from __future__ import annotations

import asyncio
import json
import selectors

from heptad.run.load.open_loop import offer
from heptad.run.progress import Silent

ANSWER = json.dumps({"flags": {}, "items": [1, 2, 3]}).encode()


class _Jump(selectors.SelectSelector):
    """Waits in no time: the clock jumps to the next timer."""

    now = 1_000.0

    def select(self, timeout=None):
        self.now += timeout + 1e-7 if timeout else 0.0  # a little more, or a rounded timer waits once again
        return super().select(0)


def in_virtual_time(work):
    selector = _Jump()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(work)


class Queue:
    """One server that answers in turn, each after its service time; it does nothing during a stall."""

    waited = 0

    def __init__(self, service=0.0, stall=(0.0, 0.0), answers=lambda n: (200, ANSWER)):
        self.service, self.stall, self.answers = service, stall, answers
        self.free = self.n = 0
        self.first = None

    def payload(self, path, body):
        return body

    def send(self, payload, ended):
        loop = asyncio.get_running_loop()
        if self.first is None:
            self.first = loop.time()
        begin = max(self.free, loop.time())
        stalled, until = (self.first + edge for edge in self.stall)
        begin = until if stalled <= begin < until else begin
        self.free = begin + self.service
        status, body = self.answers(self.n)
        self.n += 1
        loop.call_at(self.free, lambda: ended("", status, body, loop.time()))


def measured(queue, load):
    return in_virtual_time(offer(queue, load, Silent()))
