"""Which tiles reads can see as time goes on: the same for a while, which is asked for at every read."""

from __future__ import annotations

from heptad.state.layout import Ints

_NEVER = 0, 0, b""


class Sights:
    """Of windows whose edges lie ``behind`` a read (k,) and move on by ``hop`` (k,), in microseconds.

    Any number of threads may ask: what is remembered is replaced as a whole.
    """

    def __init__(self, behind: Ints, hop: Ints) -> None:
        self._behind, self._hop = behind, hop
        self._last: tuple[int, int, bytes] = _NEVER  #: from when until before when a read sees what

    def place(self, t: int) -> bytes:
        """Which tiles a read at ``t`` can see; two reads that see the same have the same bytes."""
        since, until, seen = self._last
        if since <= t < until:
            return seen
        tiles: Ints = (t - self._behind) // self._hop
        seen = tiles.tobytes()
        if len(tiles):
            begins = tiles * self._hop + self._behind
            self._last = int(begins.max()), int((begins + self._hop).min()), seen
        return seen
