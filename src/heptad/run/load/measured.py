"""What a load came to: latencies, rates, failures by kind, and how far the generator itself can be believed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from heptad.run.load.histogram import Histogram

#: Above this share of one core, or this lateness of sending, the generator is part of what it measures.
BUSY: Final = 0.7
LATE_MS: Final = 2.0
LATE_SHARE: Final = 0.2


@dataclass
class Window:
    """The requests that were due in some seconds of the load. Every one is answered or failed, in the end."""

    latency: Histogram = field(default_factory=Histogram)
    failed: Counter[str] = field(default_factory=Counter)
    flagged: Counter[str] = field(default_factory=Counter)
    bytes: int = 0

    def count(self, failure: str, seconds: float, size: int) -> None:
        """One request: what it failed with ('' for nothing), how long it took, and the bytes of its answer."""
        if failure:
            self.failed[failure] += 1
        else:
            self.latency.record(seconds)
            self.bytes += size

    def add(self, other: Window) -> None:
        """Take in what another window counted."""
        self.latency.add(other.latency)
        self.failed += other.failed
        self.flagged += other.flagged
        self.bytes += other.bytes

    @property
    def requests(self) -> int:
        return len(self.latency) + self.failed.total()


@dataclass
class Freshness:
    """Events posted beside the load: their verdicts, and the time until each was acknowledged and seen by a read."""

    acknowledged: Histogram = field(default_factory=Histogram)
    visible: Histogram = field(default_factory=Histogram)
    verdicts: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    unseen: int = 0  #: acknowledged events that the first read after it did not know

    def summary(self) -> dict[str, Any]:
        """Everything, in milliseconds."""
        return {
            "posted": self.verdicts.total() + self.failed.total(),
            "verdicts": dict(self.verdicts),
            "failed": dict(self.failed),
            "acknowledged_ms": self.acknowledged.summary(),
            "visible_ms": self.visible.summary(),
            "not_seen_by_the_first_read": self.unseen,
        }


@dataclass
class Measured:
    """An open loop without its warm-up. Latency counts from the moment a request was due to its last byte.

    ``offered`` and ``achieved`` are requests and answers per second; ``cpu`` is the generator's own, in cores.
    ``late`` is how long after its time a request was handed to the pool; ``waited`` counts those that found all
    connections taken (their wait is part of their latency).
    """

    seconds: float
    offered: float
    achieved: float
    cpu: float
    waited: int
    whole: Window
    late: Histogram
    windows: list[Window]
    window_seconds: float
    freshness: Freshness | None = None

    @property
    def requests(self) -> int:
        return self.whole.requests

    @property
    def failed(self) -> int:
        """Requests without an answer of status 200."""
        return self.whole.failed.total()

    @property
    def flagged(self) -> int:
        """Answers that say that something was not as usual, such as a fallback."""
        return self.whole.flagged.total()

    def percentile(self, share: float) -> float:
        """The latency that this share (0..100) of the answered requests did not exceed, in ms."""
        return self.whole.latency.percentile(share)

    def doubts(self) -> list[str]:
        """Why the numbers may be the generator's own; empty where they are the server's."""
        found = []
        late, p50 = self.late.percentile(99), self.percentile(50)
        if self.cpu > BUSY:
            found.append(
                f"the generator used {self.cpu:.0%} of a core: give it one of its own, or offer less"
            )
        if late > max(LATE_MS, LATE_SHARE * p50):
            found.append(
                f"1 % of the requests left {late:.1f} ms late or later: the generator waited for a processor"
            )
        if self.waited > 0.01 * self.requests and self.achieved >= 0.95 * self.offered:
            found.append(f"{self.waited} requests waited for a connection: allow more with --connections")
        return found

    def summary(self) -> dict[str, Any]:
        """Everything as JSON; latencies in milliseconds."""
        out: dict[str, Any] = {
            "seconds": self.seconds,
            "requests": self.requests,
            "offered": self.offered,
            "achieved": self.achieved,
            "latency_ms": self.whole.latency.summary(),
            "failed": dict(self.whole.failed),
            "flagged": dict(self.whole.flagged),
            "bytes_per_answer": self.whole.bytes / max(1, len(self.whole.latency)),
            "generator": {
                "cpu_cores": self.cpu, "late_p99_ms": self.late.percentile(99), "waited_for_connection": self.waited,
            },
            "doubts": self.doubts(),
            "window_seconds": self.window_seconds,
            "windows": [
                {
                    "requests": w.requests, "p50_ms": w.latency.percentile(50),
                    "p99_ms": w.latency.percentile(99), "failed": w.failed.total(), "flagged": w.flagged.total(),
                }
                for w in self.windows
            ],
            "histogram_us": self.whole.latency.encoded(),
        }  # fmt: skip
        if self.freshness is not None:
            out["freshness"] = self.freshness.summary()
        return out
