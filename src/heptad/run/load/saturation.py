"""The most a service can take: the rate goes up until answers come late, fail or fall back, then closes in."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from heptad.errors import ReadError
from heptad.run.load.measured import Measured
from heptad.run.load.open_loop import Load

#: Rates grow by this factor until one breaks; the search ends when the last two differ by less than ``CLOSE``.
GROWTH: Final = 1.5
CLOSE: Final = 1.05
#: A rate breaks where it breaks this many times in turn: a stutter of the machine is not the server's.
TRIES: Final = 2
#: What a step may cost: answers that lag behind, requests that fail, answers that fall back more than at first.
KEPT_UP: Final = 0.97
FAILED: Final = 0.005
FLAGGED: Final = 0.01
#: Without a limit of its own, a p99 this many times the median of the first step is too long.
TIMES_FIRST: Final = 20.0
_LEAST: Final = 0.5


@dataclass(frozen=True)
class Step:
    """One rate that was tried; ``why`` it broke, '' where it held."""

    offered: float
    achieved: float
    p50_ms: float
    p99_ms: float
    failed: int
    flagged: int
    why: str


@dataclass(frozen=True)
class Saturation:
    """``rate``: the highest that held, requests per second. ``limit_ms``: the p99 that was too long."""

    rate: float
    limit_ms: float
    steps: list[Step]

    def summary(self) -> dict[str, Any]:
        """As JSON."""
        return {"rate": self.rate, "limit_ms": self.limit_ms, "steps": [asdict(step) for step in self.steps]}


def find_saturation(
    load: Load,
    measure: Callable[[Load], Measured],
    *,
    seconds: float = 5.0,
    limit_ms: float | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Saturation:
    """Try rates from that of ``load`` on, each for ``seconds``; `measure` offers one of them.

    Raises ReadError where the server holds not even the lowest rate.
    """
    steps: list[Step] = []
    limit, usual = limit_ms, 0.0
    rate, good, bad = load.rate, 0.0, math.inf
    while bad > CLOSE * good:
        for _ in range(TRIES):
            found = measure(
                replace(load, rate=rate, seconds=seconds, window=seconds, seed=load.seed + len(steps))
            )
            share = found.flagged / max(1, found.requests)
            if limit is None:
                limit = TIMES_FIRST * found.percentile(50)
            if not steps:
                usual = share
            step = Step(
                found.offered, found.achieved, found.percentile(50), found.percentile(99), found.failed,
                found.flagged, _why(found, limit, usual, share),
            )  # fmt: skip
            steps.append(step)
            say(
                f"{step.offered:7.1f}/s: p50 {step.p50_ms:.1f} ms, p99 {step.p99_ms:.1f} ms, {step.why or 'holds'}"
            )
            if not step.why:
                break
        good, bad = (good, min(bad, rate)) if step.why else (max(good, rate), bad)
        if rate < _LEAST:
            raise ReadError(
                "server", f"one that holds {rate:.2g} requests a second", step.why, "look at its output"
            )
        rate = rate * GROWTH if bad == math.inf else bad / 2 if good == 0.0 else math.sqrt(good * bad)
    return Saturation(good, limit or math.nan, steps)


def _why(found: Measured, limit: float, usual: float, share: float) -> str:
    """Why a step does not hold; '' where it does."""
    if found.failed > FAILED * found.requests:
        kind, n = found.whole.failed.most_common(1)[0]
        return f"{n} of {found.requests} failed: {kind}"
    if share > usual + FLAGGED:
        kind, n = found.whole.flagged.most_common(1)[0]
        return f"{n} of {found.requests} flagged: {kind}"
    if found.achieved < KEPT_UP * found.offered:
        return f"{found.achieved:.1f} answers for {found.offered:.1f} requests a second"
    if not found.percentile(99) <= limit:
        return f"p99 {found.percentile(99):.0f} ms, above {limit:.0f} ms"
    return ""
