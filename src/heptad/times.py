"""Time is int64 microseconds since 1970-01-01 UTC; durations are int64 microseconds.

Nothing here reads a clock: time is an argument everywhere (see `streams/clock.py` for the one place).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from heptad.errors import DeclarationError

US: Final = 1
MILLISECOND: Final = 1_000
SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

#: The times that can be told as dates and counted on from: what comes from outside lies between them.
EARLIEST: Final = -62_135_596_800 * SECOND  #: 0001-01-01
LATEST: Final = 253_370_764_800 * SECOND  #: 9999-01-01

_UNITS: Final = {"us": US, "ms": MILLISECOND, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_DURATION = re.compile(r"(\d+)(us|ms|s|m|h|d|w)")


def duration(text: str | timedelta, *, thing: str = "duration") -> int:
    """Microseconds of ``'30m'``, ``'1h'``, ``'7d'``, ``'20ms'``, or a timedelta; a bare number could be any unit.

    >>> duration("1h")
    3600000000
    >>> duration("20ms")
    20000
    """
    if isinstance(text, timedelta):
        return text // timedelta(microseconds=1)
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise DeclarationError(
            f"{thing} {text!r}",
            "a whole number and a unit of us, ms, s, m, h, d or w",
            repr(text),
            "write for example '30m', '1h' or '7d'",
        )
    return int(match[1]) * _UNITS[match[2]]


def format_duration(us: int) -> str:
    """The shortest text that `duration` reads back to ``us``.

    >>> format_duration(90 * MINUTE), format_duration(7 * DAY), format_duration(0)
    ('90m', '7d', '0s')
    """
    if us == 0:
        return "0s"
    for unit in ("d", "h", "m", "s", "ms"):
        if us % _UNITS[unit] == 0:
            return f"{us // _UNITS[unit]}{unit}"
    return f"{us}us"


def instant(value: str | int | datetime) -> int:
    """Microseconds UTC of an ISO 8601 text with a zone (``Z`` or an offset), an aware datetime, or an int.

    >>> instant("1970-01-01T01:00:00+01:00")
    0
    """
    if isinstance(value, int):
        return value
    when = datetime.fromisoformat(value) if isinstance(value, str) else value
    if when.tzinfo is None:
        raise DeclarationError(
            f"time {value!r}",
            "a time with a zone",
            "a time without one",
            "add 'Z' for UTC, or the offset such as '+02:00'",
        )
    return (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def format_instant(us: int) -> str:
    """ISO 8601 UTC text of an instant, to the microsecond only where it matters.

    >>> format_instant(0), format_instant(1_500_000)
    ('1970-01-01T00:00:00Z', '1970-01-01T00:00:01.500000Z')
    """
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
    return when.isoformat().replace("+00:00", "Z")


#: Hops a window may have, smallest first (DESIGN: the largest that is at most a 24th of the width).
HOPS: Final = (
    SECOND, 5 * SECOND, 15 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
    DAY, 7 * DAY, 30 * DAY,
)  # fmt: skip


def default_hop(width: int) -> int:
    """The largest of `HOPS` that is at most ``width / 24`` (1 s where the window is shorter than 24 s).

    >>> format_duration(default_hop(HOUR)), format_duration(default_hop(7 * DAY))
    ('1m', '6h')
    """
    fitting = [hop for hop in HOPS if hop * 24 <= width]
    return fitting[-1] if fitting else HOPS[0]
