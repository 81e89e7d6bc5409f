"""How many requests a second each key may make: a bucket of tokens per key, refilled as time passes."""

from __future__ import annotations


class Rate:
    """``per_second`` tokens flow into each bucket, which holds one second's worth, and at least one.

    >>> rate = Rate(2)
    >>> [rate.wait("key", now) for now in (0.0, 0.0, 0.0, 0.5, 0.5)]
    [0.0, 0.0, 0.5, 0.0, 0.5]
    """

    def __init__(self, per_second: float) -> None:
        self._rate, self._size = per_second, max(per_second, 1.0)
        self._held: dict[object, tuple[float, float]] = {}  #: tokens, and when they were counted

    def wait(self, key: object, now: float) -> float:
        """Take a token: 0, or the seconds until there is one. ``now`` is seconds of a steady clock."""
        tokens, since = self._held.get(key, (self._size, now))
        tokens = min(self._size, tokens + (now - since) * self._rate)
        taken = tokens >= 1.0
        self._held[key] = (tokens - 1.0 if taken else tokens, now)
        return 0.0 if taken else (1.0 - tokens) / self._rate
