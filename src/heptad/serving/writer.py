"""Events in: durable in the log, applied to the state, then acknowledged."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from enum import Enum, auto
from typing import Any, Final, NamedTuple

from heptad.errors import StateError
from heptad.state.admission import Verdict
from heptad.streams.appender import Appender
from heptad.streams.applier import Applier, Step
from heptad.times import SECOND

PENDING: Final = "pending"  #: accepted, and counted once the clock reaches its time
_LONGEST_SECONDS: Final = 1.0  #: between looks at a clock that pending events wait for, and between retries
_SHORTEST_SECONDS: Final = 0.001


class Wake(Enum):
    """Why the writing thread wakes up without a post."""

    DOUBT = auto()
    LATER = auto()  #: something is to be done at a time that was not known before
    END = auto()


class Posted(NamedTuple):
    """What became of the events of one post: their offsets in the log, and one verdict each."""

    offsets: range
    verdicts: list[str]


class Writer:
    """Appends and applies. Posts that come together share one write, one sync and one commit.

    The thread that made a post durable applies it too, since one that has to be woken comes late on a busy machine.
    While somebody waits for the disk, or for a clock, or the store fails, a thread of the writer's own does.

    ``applier_of`` makes the applier, given the function that watches its steps. When a post's future is done
    its events are durable and applied (or pending, or refused by the rules of the log): the next read sees
    them. An error after the sync is passed on, and the events are applied with the next post or restart.
    """

    def __init__(
        self,
        appender: Appender,
        applier_of: Callable[[Callable[[Step], None]], Applier],
    ) -> None:
        self._appender = appender
        self._verdicts: dict[int, str] = {}
        self._open_posts: set[Future[Posted]] = set()
        self._applying = threading.Lock()
        self._waiting: queue.SimpleQueue[tuple[range, Future[Posted]] | Wake] = queue.SimpleQueue()
        self._doubted = False  #: until the applier has looked
        self._doubted_at = -_LONGEST_SECONDS
        self._applier = applier_of(self._watch)
        self.failure: Exception | None = None
        self._catch_up()
        self._thread = threading.Thread(target=self._run, name="heptad-writer", daemon=True)
        self._thread.start()

    @property
    def applier(self) -> Applier:
        return self._applier

    def post(self, stream: str, rows: Sequence[Mapping[str, Any]]) -> Future[Posted]:
        """Append rows of one stream, all or none. Raises DataError where one does not fit its schema."""
        done: Future[Posted] = Future()
        self._open_posts.add(done)  # first: its verdicts are kept as long as it is open
        done.add_done_callback(self._open_posts.discard)
        try:
            durable = self._appender.submit(stream, rows)
        except BaseException as error:
            done.set_exception(error)  # nobody has it, but `close` may be waiting for it
            raise
        poster = threading.get_ident()
        durable.add_done_callback(lambda offsets: self._durable(offsets, done, poster))
        return done

    def doubt(self) -> None:
        """A read has failed: look whether the store still holds the state, and rebuild it where it does not.

        At most once a second; after a failed commit the thread looks by itself.
        """
        now = time.monotonic()
        if self.failure is None and now > self._doubted_at + _LONGEST_SECONDS:
            self._doubted_at, self._doubted = now, True
            self._waiting.put(Wake.DOUBT)

    def close(self) -> None:
        """Finish what was posted, then stop. Nobody may post any more."""
        wait(list(self._open_posts))
        self._waiting.put(Wake.END)
        self._thread.join()  # again and again, without harm

    def _durable(self, offsets: Future[range], done: Future[Posted], poster: int) -> None:
        """On the disk's thread; on the poster's where the disk was quicker, which has better things to do than apply."""
        error = offsets.exception()
        mine = threading.get_ident() != poster and self.failure is None and self._appender.idle
        if error is not None:
            done.set_exception(error)
        elif mine and self._applying.acquire(blocking=False):
            try:
                self._apply([(offsets.result(), done)])
            finally:
                self._applying.release()
            if self._patience() is not None:
                self._waiting.put(Wake.LATER)
        else:
            self._waiting.put((offsets.result(), done))

    def _watch(self, step: Step) -> None:
        first = min(step.before.offsets.values(), default=0)
        entered = {offset for batch in step.entered for offset in batch.offset.tolist()}
        for offset, verdict in enumerate(step.verdicts, first):
            counted = verdict is not Verdict.ACCEPTED or offset in entered
            self._verdicts[offset] = verdict.value if counted else PENDING

    def _catch_up(self) -> None:
        """Apply what the log holds from before, for which nobody waits."""
        self._applier.apply()
        self._verdicts.clear()

    def _run(self) -> None:
        open_ = True
        while open_:
            try:
                group = [self._waiting.get(timeout=self._patience())]
            except queue.Empty:
                group = []
            while not self._waiting.empty():
                group.append(self._waiting.get())
            open_ = Wake.END not in group
            with self._applying:
                self._apply([item for item in group if not isinstance(item, Wake)])

    def _apply(self, asked: Sequence[tuple[range, Future[Posted]]]) -> None:
        """Apply what the log holds, and answer these posts; one thread at a time."""
        if self._doubted:
            self._applier.doubt()
        try:
            self._applier.apply()
            self.failure = None
        except Exception as error:
            self.failure = error
        self._doubted = False
        for offsets, done in asked:
            self._answer(offsets, done)
        if not self._open_posts:
            self._verdicts.clear()  # of posts that were told of a failure, and applied since

    def _patience(self) -> float | None:
        """Seconds until there is something to do without a post: a pending event comes due, or a retry."""
        if self.failure is not None:
            return _LONGEST_SECONDS
        pending = self._applier.meta.pending_from
        if pending is None:
            return None
        return min(max((pending - self._appender.now()) / SECOND, _SHORTEST_SECONDS), _LONGEST_SECONDS)

    def _answer(self, offsets: range, done: Future[Posted]) -> None:
        if self.failure is not None:
            error = StateError(
                "posted events", "a state they can be applied to",
                f"{type(self.failure).__name__}: {self.failure}",
                "they are safe in the log and count once the store works again; do not give them new ids",
            )  # fmt: skip
            error.__cause__ = self.failure
            done.set_exception(error)
        else:
            done.set_result(Posted(offsets, [self._verdicts.pop(offset) for offset in offsets]))
