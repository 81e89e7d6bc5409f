"""What `heptad check` offers a server, and the requirements that follow from what came of it, whatever the system."""

from __future__ import annotations

from typing import Any, Final

from heptad.declare.requirements import Requirements
from heptad.run.load.measured import Measured
from heptad.run.requirements import row
from heptad.times import MILLISECOND, duration

#: Seconds of load, and the fewest and most requests a check sends.
LOAD_SECONDS: Final = 15.0
FEWEST, MOST = 200, 3_000


def load_seconds(qps: float) -> float:
    """How long the declared rate is offered."""
    return min(max(LOAD_SECONDS * qps, FEWEST), MOST) / qps


def load_rows(needs: Requirements, loaded: Measured) -> list[dict[str, Any]]:
    """p99 and qps."""
    p99 = loaded.percentile(99)
    kept_up = loaded.achieved >= 0.95 * loaded.offered and not loaded.failed
    return [
        row("p99", needs.p99, f"{p99:.1f}ms", p99 * MILLISECOND <= duration(needs.p99)),
        row("qps", f"{needs.qps:g} per second", f"{loaded.achieved:.1f} per second", kept_up),
    ]


def freshness_row(needs: Requirements, seen: float) -> dict[str, Any]:
    """``seen``: the p99 of milliseconds from a post to the first read that knows it."""
    return row("freshness", needs.freshness, f"{seen:.1f}ms", seen * MILLISECOND <= duration(needs.freshness))


def load_section(loaded: Measured, seen: float) -> dict[str, Any]:
    """The load as JSON."""
    return {
        "p50_ms": loaded.percentile(50), "p99_ms": loaded.percentile(99), "requests": loaded.requests,
        "offered": loaded.offered, "achieved": loaded.achieved, "failed": loaded.failed,
        "flagged": loaded.flagged, "freshness_ms": seen, "flags": dict(loaded.whole.flagged),
        "doubts": loaded.doubts(),
    }  # fmt: skip
