"""A window of event time: how wide, how delayed, and which instants its edges fall on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from heptad.errors import DeclarationError
from heptad.times import DAY, default_hop, duration, format_duration

#: An instant before every event; the start of a window over all time.
BEGINNING: Final = -(2**63) + 1
_LONGEST: Final = 36_525 * DAY  #: a hundred years; far longer ones leave int64 when an edge is computed


@dataclass(frozen=True, order=True)
class Window:
    """A half-open interval of event time that ends at the read, or ``delay`` before it.

    ``width`` W, ``delay`` d and ``hop`` h are microseconds; ``width = None`` is all time.
    Without a delay a read at t covers ``[floor((t - W) / h) * h, t)``: exact at the head, hop-aligned at
    the tail (DESIGN §3.7). With one it covers ``[floor((t - d - W) / h) * h, floor((t - d) / h) * h)``.

    >>> w = Window.of("1h")
    >>> (w.start(3_600_000_001), w.end(3_600_000_001), w.hop)
    (0, 3600000001, 60000000)
    """

    width: int | None
    delay: int = 0
    hop: int = 0

    @classmethod
    def of(cls, width: str, delay: str = "0s", hop: str | None = None) -> Window:
        """The window a user writes: ``"7d"`` or ``"all"``, with an optional delay and hop."""
        d = duration(delay, thing="delay")
        if width == "all":
            if d or hop is not None:
                raise DeclarationError(
                    "window 'all'", "no delay and no hop", f"delay={delay!r}, hop={hop!r}",
                    "give the window a width, such as '365d', to delay it",
                )  # fmt: skip
            return cls(None)
        w = duration(width, thing="window")
        if w <= 0:
            raise DeclarationError(
                f"window {width!r}", "a positive width", width, "write '1h', '7d' or 'all'"
            )
        if d < 0:
            raise DeclarationError(f"delay {delay!r}", "zero or more", delay, "write for example delay='7d'")
        if w + d > _LONGEST:
            raise DeclarationError(
                f"window {width!r}", f"at most {format_duration(_LONGEST)}, with its delay", format_duration(w + d),
                "write 'all' for all time",
            )  # fmt: skip
        h = duration(hop, thing="hop") if hop is not None else default_hop(w)
        if not 0 < h <= w:
            raise DeclarationError(
                f"hop {hop!r} of window {width!r}", "more than zero and at most the width", hop,
                "leave the hop out: the default is a 24th of the width or less",
            )  # fmt: skip
        return cls(w, d, h)

    def start(self, t: int) -> int:
        """First instant inside the window of a read at ``t``."""
        if self.width is None:
            return BEGINNING
        return (t - self.delay - self.width) // self.hop * self.hop

    def end(self, t: int) -> int:
        """First instant after the window of a read at ``t``."""
        return (t - self.delay) // self.hop * self.hop if self.delay else t

    @property
    def retention(self) -> int | None:
        """How far behind the frontier an event can still be read: d + W + h; None for all time."""
        return None if self.width is None else self.delay + self.width + self.hop

    @property
    def label(self) -> str:
        """The suffix of a column's name: ``1h``, ``all``, ``7d_delay_7d``."""
        if self.width is None:
            return "all"
        text = format_duration(self.width)
        return f"{text}_delay_{format_duration(self.delay)}" if self.delay else text
