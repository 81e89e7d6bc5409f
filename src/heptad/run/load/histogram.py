"""Latencies in a histogram of high dynamic range: three digits from a microsecond to two minutes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from heptad.errors import MissingExtra

try:
    from hdrh.histogram import HdrHistogram
except ImportError as error:
    raise MissingExtra.of("the load generator", "hdrhistogram", "serve") from error

_DIGITS: Final = 3
_MOST: Final = 120_000_000  #: microseconds; what took longer counts as this
_SHOWN: Final[Mapping[str, float]] = {"p50": 50, "p90": 90, "p99": 99, "p99.9": 99.9, "max": 100}


class Histogram:
    """Counts of seconds. A percentile is at most a thousandth too high, whatever the number of values (Tene 2012)."""

    def __init__(self) -> None:
        self._counts: Any = HdrHistogram(1, _MOST, _DIGITS)

    def record(self, seconds: float) -> None:
        """Count one latency; less than a microsecond counts as one."""
        self._counts.record_value(min(max(int(seconds * 1e6), 1), _MOST))

    def add(self, other: Histogram) -> None:
        """Count what another histogram has counted too."""
        self._counts.add(other._counts)

    def percentile(self, share: float) -> float:
        """Milliseconds that this share (0..100) of the values did not exceed; NaN where there are none."""
        return float(self._counts.get_value_at_percentile(share)) / 1e3 if len(self) else float("nan")

    def __len__(self) -> int:
        return int(self._counts.get_total_count())

    def summary(self) -> dict[str, float]:
        """p50, p90, p99, p99.9 and max in milliseconds."""
        return {name: self.percentile(share) for name, share in _SHOWN.items()}

    def encoded(self) -> str:
        """The whole histogram of microseconds as HdrHistogram's own text (V2, base64), for its tools to read."""
        text: bytes = self._counts.encode()
        return text.decode()
