"""What failed for good is made anew in the background, again and again until it works."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from heptad.errors import HeptadError

#: Seconds between attempts.
PAUSE: Final = 1.0


class Mending:
    """Runs ``mend`` on a thread of its own once it is asked to, every `PAUSE` seconds until it raises no error."""

    def __init__(self, mend: Callable[[], None], name: str) -> None:
        self._mend, self._name = mend, name
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def ask(self) -> None:
        """Begin, unless it is under way."""
        with self._lock:
            if self._thread is None and not self._ended.is_set():
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()

    def end(self) -> None:
        """Give up, and wait for an attempt that is under way."""
        self._ended.set()
        thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while not self._ended.wait(PAUSE):
            try:
                self._mend()
                break
            except (HeptadError, OSError):
                continue  # it is said wherever the thing itself is asked for
        with self._lock:
            self._thread = None
