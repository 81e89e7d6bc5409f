"""A request that finds its process busy is answered by a process that is not: between those of `heptad serve --workers`.

The system spreads connections over processes, not requests: one may have several waiting while the next has none. So the
number of answers under way in each is shared memory, and a request goes to the process with fewest.

Messages are msgpack in sockets that keep their bounds: (sender, number, until, body) asks, (number, answer) answers,
where an answer is the id of its request and its bytes, or null; (who,) tells that a process is gone.
"""

from __future__ import annotations

import asyncio
import mmap
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, NamedTuple, Self

import msgspec
import numpy as np

from heptad.state.layout import Ints

#: Bytes of a request that is handed on, at most: one that is longer costs more to hand on than to wait with.
LONGEST: Final = 32 << 10
#: What a process that is not there has under way.
AWAY: Final = 1 << 40
_BUFFER: Final = 1 << 20  #: bytes of an answer, at most; one that is longer is made where it was asked
_AGAIN: Final = 0.001  #: seconds after which an answer is sent again to a process that has no room for it
_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder().decode


class Made(NamedTuple):
    """An answer as another process made it."""

    request_id: str
    body: bytes


#: Answers a body until a time of the system's steady clock (`time.monotonic`, seconds); None: it has not.
Answer = Callable[[bytes, float], Awaitable[Made | None]]


class Peers:
    """What ``n`` processes share: to be made before they are forked."""

    def __init__(self, n: int) -> None:
        #: (n, n): answers under way, by whom they were asked (written by that one alone) and who gives them
        self.under_way: Ints = np.frombuffer(mmap.mmap(-1, 8 * n * n), np.int64).reshape(n, n)
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(n)]
        for end in (end for pair in pairs for end in pair):
            end.setblocking(False)
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        self.hearing = [hearing for hearing, _ in pairs]
        self.saying = [saying for _, saying in pairs]
        for number in range(n):
            self._away(number)

    def of(self, number: int) -> Peer:
        """The end of one process."""
        return Peer(self, number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for end in (*self.hearing, *self.saying):
            end.close()

    def gone(self, number: int) -> None:
        """A process has died: it is asked for nothing, and those that wait for it are told."""
        self._away(number)
        for other, saying in enumerate(self.saying):
            if other != number:
                with suppress(OSError):  # one that hears nothing: it waits as long as it may
                    saying.send(_ENCODE((number,)))

    def _away(self, number: int) -> None:
        self.under_way[number] = 0
        self.under_way[number, number] = AWAY


class Peer:
    """One process's end; after `open` to be called on the thread of its event loop alone."""

    def __init__(self, peers: Peers, number: int) -> None:
        self._peers, self._number = peers, number
        self._mine = peers.under_way[number]
        #: of what is handed on; drawn, so that what was meant for the process before is not understood
        self._numbers = secrets.randbits(62)
        #: by number: for whom it waits, and the answer
        self._waiting: dict[int, tuple[int, asyncio.Future[Made | None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._buffer = bytearray(_BUFFER)

    def open(self, answer: Answer) -> None:
        """Be there for the others: what they hand on is given to ``answer``."""
        self._answer = answer
        self._mine[:] = 0
        asyncio.get_running_loop().add_reader(self._peers.hearing[self._number], self._hear)

    def close(self) -> None:
        """Be there no more; those that wait for an answer of another get None."""
        self._peers.gone(self._number)
        asyncio.get_running_loop().remove_reader(self._peers.hearing[self._number])
        for number in list(self._waiting):
            self._answered(number, None)

    def count(self, making: asyncio.Future[Any]) -> None:
        """An answer is made here, until the future is done."""
        self._mine[self._number] += 1
        making.add_done_callback(self._ended)

    def _ended(self, _: asyncio.Future[Any]) -> None:
        self._mine[self._number] -= 1

    async def handed_on(self, body: bytes, until: float) -> Made | None:
        """The answer of a process with less to do; None where there is none, or where it gave none by ``until``."""
        loads = self._peers.under_way.sum(axis=0)
        other = int(loads.argmin())
        if loads[other] >= loads[self._number] or len(body) > LONGEST:
            return None
        self._numbers += 1
        number = self._numbers
        if not self._send(other, (self._number, number, until, body)):
            return None
        answer = asyncio.get_running_loop().create_future()
        self._waiting[number] = other, answer
        self._mine[other] += 1
        try:
            return await asyncio.wait_for(answer, until - time.monotonic())
        except TimeoutError:
            return None
        finally:
            del self._waiting[number]
            self._mine[other] -= 1

    def _hear(self) -> None:
        with suppress(BlockingIOError):
            while size := self._peers.hearing[self._number].recv_into(self._buffer):
                message = _DECODE(memoryview(self._buffer)[:size])
                if len(message) == 1:
                    for number in [n for n, (who, _) in self._waiting.items() if who == message[0]]:
                        self._answered(number, None)
                elif len(message) == 2:
                    self._answered(*message)
                else:
                    task = asyncio.get_running_loop().create_task(self._asked(*message))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)

    def _answered(self, number: int, answer: tuple[str, bytes] | None) -> None:
        _, waiting = self._waiting.get(number, (None, None))
        if waiting is not None and not waiting.done():
            waiting.set_result(None if answer is None else Made(*answer))

    async def _asked(self, sender: int, number: int, until: float, body: bytes) -> None:
        answer = await self._answer(body, until)
        while not self._send(sender, (number, answer)):
            if time.monotonic() > until:
                return
            await asyncio.sleep(_AGAIN)

    def _send(self, to: int, message: tuple[Any, ...]) -> bool:
        """Whether there was room for it. An answer that is too long for any room is none."""
        try:
            self._peers.saying[to].send(_ENCODE(message))
        except BlockingIOError:
            return False
        except OSError:
            if len(message) != 2 or message[1] is None:
                return False
            return self._send(to, (message[0], None))
        return True
