"""`heptad serve --workers N`: one process appends, N answer, and one watches over them.

The watching process starts no thread, so it may fork at any time: a process that dies is started anew. Those
that answer open the store after the fork, to read; what is posted to them goes to the one that appends.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from heptad.errors import HeptadError, StateError
from heptad.run.follow import following
from heptad.run.processors import keep_to_one
from heptad.run.profile import Profile
from heptad.run.serve import Say, aloud, appending, champion, predictions_of
from heptad.run.target import Target
from heptad.serving import server
from heptad.serving.door import Access
from heptad.serving.gate import Gate
from heptad.serving.peers import Peers
from heptad.serving.prediction_log import PredictionLog
from heptad.serving.remote import RemoteIntake
from heptad.serving.service import Service
from heptad.state.open import answering, open_store
from heptad.streams.clock import Clock, SharedClock, WallClock

#: Seconds between two starts of a process that keeps dying, and how often it may before all are stopped.
PAUSE: Final = 1.0
DEATHS: Final = 5
_LOOK: Final = 0.05  #: seconds between looks at a state that is being caught up

_READY: Final = b"r"
_DEATH_SIGNAL: Final = 1  #: PR_SET_PDEATHSIG of Linux's prctl
_ENDS: Final = (signal.SIGTERM, signal.SIGINT)

Main = Callable[[Callable[[], None]], None]


def serve(
    target: Target, profile: Profile, workers: int, *, host: str, port: int, deadline: int | None = None,
    age: int | None = None, access: Access | None = None, say: Say = aloud,
) -> None:  # fmt: skip
    """Serve until SIGTERM or SIGINT. Raises StateError where the store is not one that processes can share."""
    if profile.store.startswith("memory:"):
        raise StateError(
            "--workers", "a store that several processes can read", "memory:",
            "use embedded:PATH or redis://HOST:PORT/DB, or leave --workers out",
        )  # fmt: skip
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="heptad-")))
        first = stack.enter_context(server.listen(host, port, shared=True))
        bound = first.getsockname()[1]
        sockets = [
            first,
            *(stack.enter_context(server.listen(host, bound, shared=True)) for _ in range(workers - 1)),
        ]
        (directory / "metrics").mkdir()
        os.environ[server.SHARED_METRICS] = str(directory / "metrics")
        crew = _Crew(
            target,
            profile,
            directory / "gate",
            deadline,
            age,
            access,
            say,
            WallClock() if profile.clock == "wall" else SharedClock(0),
            stack.enter_context(Peers(workers)),
            workers,
        )
        watch = _Watch(say)
        watch.start("appender", crew.append)
        for number, listening in enumerate(sockets):
            watch.start(
                f"worker {number}", crew.answerer(number, listening), partial(crew.peers.gone, number)
            )
        say(f"ready {server.address(first)}")
        watch.over()


@dataclass(frozen=True)
class _Crew:
    """What each of the processes does."""

    target: Target
    profile: Profile
    gate: Path
    deadline: int | None
    age: int | None
    access: Access | None
    say: Say
    clock: Clock
    peers: Peers
    workers: int

    def append(self, ready: Callable[[], None]) -> None:
        """Take events from the others, until told to stop."""
        with (
            _told_to_stop() as stopped,
            appending(self.target, self.profile, self.clock, self.say) as (intake, _),
        ):
            intake.warm()
            gate = Gate(intake, self.gate)
            ready()
            stopped()
            gate.close()

    def answerer(self, number: int, listening: socket.socket) -> Main:
        """Answer requests on a socket, until told to stop."""

        def answer(ready: Callable[[], None]) -> None:
            keep_to_one(number, self.workers)
            plan, system = self.target.system.plan, self.target.system
            intake = RemoteIntake(self.gate)
            _caught_up(intake)
            said = self.say if number == 0 else _unsaid
            store = open_store(self.profile.store, plan.state_hash, readonly=True)
            service = Service(
                system, plan, intake=intake, store=answering(self.profile.store, store),
                clock=self.clock, predictions=PredictionLog.open(predictions_of(self.profile, number), age=self.age),
                scorer=champion(self.target, self.profile, said), deadline=self.deadline,
            )  # fmt: skip
            with following(service, self.target, self.profile, said):
                server.serve(
                    service, listening=listening, access=self.access, peer=self.peers.of(number),
                    ready=lambda _: ready(),
                )  # fmt: skip

        return answer


def _unsaid(text: str) -> None:
    """Another worker says it."""


def _caught_up(intake: RemoteIntake) -> None:
    """Wait until what the log holds now is in the states: a store that is being rebuilt answers for nothing."""
    standing = intake.standing()
    goal = sum(standing.offsets.values()) + standing.lag
    while standing.problem is not None or sum(standing.offsets.values()) < goal:
        time.sleep(_LOOK)
        standing = intake.standing()


@contextmanager
def _told_to_stop() -> Iterator[Callable[[], None]]:
    """A function that returns once SIGTERM has come."""
    reading, writing = os.pipe()

    def told(*_: object) -> None:
        os.write(writing, b"x")

    def wait() -> None:
        os.read(reading, 1)

    signal.signal(signal.SIGTERM, told)
    yield wait


class _Watch:
    """Starts processes, starts anew those that die, and stops all of them in the end, the first of them last."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._mains: dict[str, tuple[Main, Callable[[], None]]] = {}
        self._running: dict[int, str] = {}
        self._deaths: list[float] = []
        self._stopping = False
        for kind in _ENDS:
            signal.signal(kind, self._stop)

    def start(self, name: str, main: Main, gone: Callable[[], None] = lambda: None) -> None:
        """Fork a process and wait until it is ready; ``gone`` is called when it dies. Raises StateError where it ends
        before it is ready.
        """
        self._mains[name] = main, gone
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            _run(main, writing)
        os.close(writing)
        self._running[pid] = name
        with os.fdopen(reading, "rb") as told:
            if told.read(1) != _READY and not self._stopping:
                self.over(stop=True)
                raise StateError(
                    name, "a process that becomes ready", "its end", "look at what it said above"
                )

    def over(self, *, stop: bool = False) -> None:
        """Watch until told to stop; then return when all have ended."""
        if stop:
            self._stop(signal.SIGTERM, None)
        while self._running:
            pid, status = os.wait()
            name = self._running.pop(pid, None)
            if name is None:
                continue
            if self._stopping:
                if len(self._running) == 1:
                    self._tell()  # nobody asks it for anything any more
                continue
            self._mains[name][1]()
            self._again(name, os.waitstatus_to_exitcode(status))

    def _again(self, name: str, code: int) -> None:
        self._deaths = [moment for moment in self._deaths if time.monotonic() - moment < DEATHS * 2 * PAUSE]
        self._deaths.append(time.monotonic())
        if len(self._deaths) >= DEATHS:
            self.over(stop=True)
            raise StateError(
                name,
                "a process that lives",
                f"{DEATHS} deaths, the last with {code}",
                "look at what it said above",
            )
        self._say(f"{name} ended with {code}: it is started anew")
        time.sleep(PAUSE)
        if not self._stopping:
            self.start(name, *self._mains[name])
            self._say(f"{name} is ready again")

    def _stop(self, number: int, _: FrameType | None) -> None:
        """Tell those that answer; the one that appends is told when they have ended."""
        self._stopping = True
        self._tell()

    def _tell(self) -> None:
        first = next(iter(self._mains), None)
        for pid, name in list(self._running.items()):
            if name != first or len(self._running) == 1:
                os.kill(pid, signal.SIGTERM)


def _run(main: Main, writing: int) -> NoReturn:
    """The life of a forked process. Ctrl-C reaches only the watching one; should that be killed, this one is told."""
    code = 1

    def ready() -> None:
        os.write(writing, _READY)
        os.close(writing)

    try:
        os.setpgid(0, 0)
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGTERM)
        for kind in _ENDS:
            signal.signal(kind, signal.SIG_DFL)
        main(ready)
        code = 0
    except HeptadError as error:
        print(error, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
