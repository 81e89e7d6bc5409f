"""The gate: does a challenger show what it must before it goes live, check by check, with the reason.

What an operator means:

* against a **number**: the measured value itself must be on the right side; its interval is reported only.
* against a **baseline**: the difference on the same requests decides, and its whole interval (resampled by
  user) must be on the right side: a ranker that is not surely better than *popular* is not worth serving.
* against the **champion**, ``<`` or ``>``: the challenger's value must be better, the interval is reported.
  Asking for a sure gain would freeze the champion, because a retrain on newer data rarely differs by more
  than the noise of one test set; a wrong promotion is bounded by the canary and the roll-back.
* against the champion, ``<=`` or ``>=``: surely not worse: the whole interval of the difference must stay
  within a tolerance, which is ``margin``, or 1 % of the champion's value where no margin is given.
* no champion yet: the check passes and says so. A value that is missing or NaN fails and says so.

Elsewhere a positive ``margin`` asks for that much more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heptad.evaluation.bootstrap import Interval, mean_interval, paired_difference

CHAMPION: Final = "champion"
_TOLERANCE: Final = 0.01


class Condition(Protocol):
    """What the gate reads of a declared condition: ``metric op against``."""

    @property
    def metric(self) -> str: ...
    @property
    def op(self) -> Literal["<", "<=", ">", ">="]: ...
    @property
    def against(self) -> float | str: ...
    @property
    def margin(self) -> float: ...


@dataclass(frozen=True, eq=False)
class Scores:
    """One model's metrics on the test requests.

    ``values[metric]`` (n,) are its per-request (or per-row) values whose mean is ``metrics[metric]``; without
    them a comparison is by the two numbers alone. All models give them for the same requests in one order.
    """

    metrics: Mapping[str, float]
    values: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One condition's outcome.

    ``bound`` is what ``measured`` had to beat, the margin included. ``low`` and ``high`` are the ends of the
    95 % interval on the scale of ``measured``: against a model, where ``measured`` would lie relative to
    ``bound`` if other users were drawn. NaN where there is nothing to resample.
    """

    check: str
    measured: float
    bound: float
    low: float
    high: float
    passed: bool
    why: str


@dataclass(frozen=True)
class Verdict:
    """All checks; passed only if every one did. No condition at all passes."""

    passed: bool
    checks: tuple[Check, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the run summary; NaN becomes None."""
        rows = [
            {key: None if value != value else value for key, value in asdict(check).items()}
            for check in self.checks
        ]
        return {"passed": self.passed, "checks": rows}


def judge(
    conditions: Sequence[Condition],
    challenger: Scores,
    *,
    champion: Scores | None = None,
    baselines: Mapping[str, Scores] | None = None,
    clusters: ArrayLike | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Verdict:
    """Check every condition; ``clusters`` (n,) is the user of each request, drawn together."""
    others = {**(baselines or {}), **({} if champion is None else {CHAMPION: champion})}
    resample = _Resample(clusters, draws, seed)
    checks = tuple(_check(condition, challenger, others, resample) for condition in conditions)
    return Verdict(all(check.passed for check in checks), checks)


@dataclass(frozen=True, eq=False)
class _Resample:
    clusters: ArrayLike | None
    draws: int
    seed: int

    def one(self, values: NDArray[np.float64] | None) -> Interval | None:
        if values is None:
            return None
        return mean_interval(values, self.clusters, draws=self.draws, seed=self.seed)

    def pair(self, ours: NDArray[np.float64] | None, theirs: NDArray[np.float64] | None) -> Interval | None:
        if ours is None or theirs is None:
            return None
        return paired_difference(ours, theirs, self.clusters, draws=self.draws, seed=self.seed)


def _check(
    condition: Condition, challenger: Scores, others: Mapping[str, Scores], resample: _Resample
) -> Check:
    metric, against = condition.metric, condition.against
    measured = challenger.metrics.get(metric, math.nan)
    if math.isnan(measured):
        missing = "was not measured" if metric not in challenger.metrics else "is NaN"
        return _outcome(condition, measured, math.nan, None, False, f"{metric} of the challenger {missing}")
    if type(against) is not str:
        return _against_number(condition, measured, resample.one(challenger.values.get(metric)))
    if against not in others:
        if against == CHAMPION:
            return _outcome(condition, measured, math.nan, None, True, "there is no champion yet")
        return _outcome(
            condition, measured, math.nan, None, False, f"no model named {against!r} was evaluated"
        )
    other = others[against]
    theirs = other.metrics.get(metric, math.nan)
    if math.isnan(theirs):
        missing = "was not measured" if metric not in other.metrics else "is NaN"
        return _outcome(condition, measured, math.nan, None, False, f"{metric} of {against} {missing}")
    difference = resample.pair(challenger.values.get(metric), other.values.get(metric))
    return _against_model(condition, measured, theirs, difference)


def _against_number(condition: Condition, measured: float, interval: Interval | None) -> Check:
    bound = float(condition.against) + _better(condition) * condition.margin
    passed = _holds(measured, condition.op, bound)
    return _outcome(
        condition, measured, bound, interval, passed, _compared(measured, condition.op, bound, passed)
    )


def _against_model(
    condition: Condition, measured: float, theirs: float, difference: Interval | None
) -> Check:
    better, name, op = _better(condition), str(condition.against), condition.op
    not_worse = name == CHAMPION and len(op) == 2
    if not_worse:
        tolerance = condition.margin if condition.margin > 0 else _TOLERANCE * abs(theirs)
        bound = theirs - better * tolerance
    else:
        bound = theirs + better * condition.margin
    # the interval of the difference, moved to the scale of what was measured
    shown = (
        None
        if difference is None
        else Interval(measured, theirs + difference.low, theirs + difference.high, difference.clusters)
    )
    surely = name != CHAMPION or not_worse
    if shown is None or not surely:
        passed = _holds(measured, op, bound)
        why = _compared(measured, op, bound, passed, name)
        if shown is None:
            why += "; no per-request values, so the two numbers decide"
        return _outcome(condition, measured, bound, shown, passed, why)
    if math.isnan(shown.low):
        why = f"only {shown.clusters} user or request to compare on: no interval"
        return _outcome(condition, measured, bound, shown, False, why)
    worst = shown.low if better > 0 else shown.high
    passed = _holds(worst, op, bound)
    low, high = _signed(shown.low - theirs), _signed(shown.high - theirs)
    meaning = "within the tolerance" if not_worse else "on the right side"
    why = f"difference to {name} {low} to {high} (95 %, {shown.clusters} clusters): " + (
        f"all of it {meaning}" if passed else f"not all of it {meaning}"
    )
    return _outcome(condition, measured, bound, shown, passed, why)


def _better(condition: Condition) -> int:
    return 1 if condition.op[0] == ">" else -1


def _holds(value: float, op: str, bound: float) -> bool:
    if op[0] == ">":
        return value > bound or (len(op) == 2 and value == bound)
    return value < bound or (len(op) == 2 and value == bound)


def _compared(measured: float, op: str, bound: float, passed: bool, name: str = "") -> str:
    of = f" ({name})" if name else ""
    return f"{measured:.4g} is {'' if passed else 'not '}{op} {bound:.4g}{of}"


def _signed(value: float) -> str:
    return f"{value:+.4f}"


def _outcome(
    condition: Condition, measured: float, bound: float, interval: Interval | None, passed: bool, why: str
) -> Check:
    low, high = (math.nan, math.nan) if interval is None else (interval.low, interval.high)
    text = f"{condition.metric} {condition.op} {condition.against}"
    return Check(text, float(measured), float(bound), low, high, bool(passed), why)
