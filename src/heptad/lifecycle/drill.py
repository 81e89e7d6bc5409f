"""A fire drill in virtual time: a shift is injected; drift must be seen, a challenger trained and judged.

Afterwards a challenger trained on shuffled labels must be refused by the same gate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from heptad.declare.system import Declaration
from heptad.lifecycle.evaluate import MAIN
from heptad.lifecycle.history import History
from heptad.lifecycle.retrain import CHAMPION, Attempt, challenge
from heptad.lifecycle.task import task_of
from heptad.lifecycle.training import Effort, Rows, Trained
from heptad.lifecycle.watch import drift_trigger, monitor_of, one_per_request, watched
from heptad.monitoring.drift import DriftReport
from heptad.registry.registry import Registry
from heptad.times import HOUR, duration, format_duration, format_instant

#: Requests looked at per window of the watch, the windows before the shift, and those after it before the
#: drill gives up; at least `FEWEST` of them are there, narrower than declared where the history is short.
PER_WINDOW: Final = 300
QUIET: Final = 2
PATIENCE: Final = 4
FEWEST: Final = 5
#: Where labels lag: the windows of the shifted world that a challenger learns from before it is tested on one more.
LEARNED: Final = 2

Say = Callable[[str], None]


@dataclass(frozen=True)
class Shift:
    """A change of the world on demand: ``make`` gives the history with it from a moment on, ``what`` names it."""

    make: Callable[[History, Declaration, int], History]
    what: str

    def of(self, history: History, system: Declaration, at: int) -> tuple[History, str]:
        """The shifted history, and what happened."""
        return self.make(history, system, at), self.what


@dataclass
class Outcome:
    """What happened, in order; `section` is the summary's ``drift`` part."""

    shift_at: int
    timeline: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, str]] = field(default_factory=list)
    columns: list[dict[str, Any]] = field(default_factory=list)
    detected_at: int | None = None
    promoted: Attempt | None = None
    corrupted: Attempt | None = None

    def note(self, time: int, what: str, detail: str) -> None:
        self.events.append({"time": format_instant(time), "what": what, "detail": detail})

    @property
    def section(self) -> dict[str, Any]:
        """Columns at the time of detection (or the last looked at), the timeline, the events, the verdicts."""
        return {
            "columns": self.columns,
            "timeline": self.timeline,
            "events": self.events,
            "detected": self.detected_at is not None,
            "answered": self.promoted is not None,
            "corrupted_refused": self.corrupted is not None and not self.corrupted.verdict.passed,
        }


def run_drill(
    history: History,
    system: Declaration,
    champion: Trained,
    registry: Registry,
    name: str,
    *,
    end: int,
    effort: Effort,
    say: Say,
    shift: Shift | None = None,
) -> Outcome:
    """Watch to ``end``; the shift comes after the `QUIET` windows.

    Where labels are settled at once the watch begins at the champion's cut. Where they lag, it begins as much
    earlier as it takes until a challenger can have learned from the shifted world and been tested on it, with a
    champion trained for then.

    At each window that shows drift a challenger is trained on what came before the window and tested on the
    window itself; where it is refused a retraining stays due: a window later there is more data. The drill ends when a
    challenger that was trained on the shift is promoted.
    """
    task = task_of(system)
    delay = task.delay(system)
    window, began = _windows(history, system, champion, delay, end)
    if delay:
        say("training the champion that is watched")
        champion = task.train(history.before(began), system, began, effort=effort, all_others=False)
    shift_at = began + QUIET * window
    ready_at = shift_at + (LEARNED + 1) * window + 2 * delay
    patience = PATIENCE + (LEARNED - (-2 * delay // window) if delay else 0)
    waited = False
    shifted, what = (shift or Shift(task.shifted, task.shift)).of(history, system, shift_at)
    out = Outcome(shift_at)
    monitor = monitor_of(system, champion)
    said, due, now = False, False, began + window
    for number in range(min(QUIET + patience, (end - began) // window)):
        begin, now = began + number * window, began + (number + 1) * window
        if not said and begin >= shift_at:
            out.note(shift_at, "shift injected", what)
            said = True
        tested = task.seen_set(shifted, system, champion, begin, now, most=PER_WINDOW, seed=number)
        if len(tested.pairs) == 0:
            continue
        monitor.restart()
        monitor.observe(one_per_request(tested.pairs.request, watched(system, tested.columns), number))
        report = monitor.report(now)
        out.timeline.append(report.timeline())
        out.columns = [column.to_json() for column in report.columns]
        say(f"{format_instant(now)[:10]}: largest PSI {report.worst.psi:.2f} ({report.worst.name})")
        if report.drifted and not (due and waited):
            _detected(report, now, out)
        due = due or bool(report.drifted)
        if not due:
            continue
        if delay and begin >= shift_at and now < ready_at:
            if not waited:
                when = format_instant(ready_at)[:10]
                out.note(
                    now, "retraining waits", f"until {when}, when labels of what drifted can teach and test"
                )
            waited = True
            continue
        attempt = _answer(shifted, system, champion, registry, name, report, now, window, effort, out)
        if attempt.verdict.passed:
            champion, monitor, due = attempt.trained, monitor_of(system, attempt.trained), False
            if attempt.trained.cut - delay > shift_at:
                out.promoted = attempt
                break
    say("training a challenger on shuffled labels")
    _corrupted(shifted, system, champion, registry, name, now, window, effort, out)
    return out


def _windows(
    history: History, system: Declaration, champion: Trained, delay: int, end: int
) -> tuple[int, int]:
    """How wide the windows of the watch are and when it begins, microseconds."""
    declared = duration(drift_trigger(system).window)
    if not delay:
        return max(1, min(declared, (end - champion.cut) // FEWEST)), champion.cut
    time = history.batches[system.label.event.__name__].time
    half = (int(time.max()) - int(time.min())) // 2  # the rest of the history is left for the champion
    many = QUIET + LEARNED + PATIENCE
    window = max(1, min(declared, (half - 2 * delay) // many) // HOUR) * HOUR
    return window, int(time.max()) + 1 - many * window - 2 * delay


def _detected(report: DriftReport, now: int, out: Outcome) -> None:
    worst = report.worst
    detail = (
        f"PSI of {worst.name} {worst.psi:.2f}, threshold {worst.threshold:.2f}, {worst.n_current} requests"
    )
    out.note(now, "drift detected", detail)
    if out.detected_at is None and now > out.shift_at:
        out.detected_at = now


def _answer(
    history: History,
    system: Declaration,
    champion: Trained,
    registry: Registry,
    name: str,
    report: DriftReport,
    now: int,
    window: int,
    effort: Effort,
    out: Outcome,
) -> Attempt:
    """Train and judge a challenger."""
    reason = "a retraining is still due"
    if report.drifted:
        reason = f"drift: {', '.join(report.drifted)}"
    span = format_duration(window)
    attempt = challenge(
        registry, name, system, history, champion,
        now=now, held_back=window, effort=effort, reason=reason,
    )  # fmt: skip
    metric = task_of(system).metric
    ours, theirs = (attempt.comparison.contenders[who].metrics[metric] for who in (MAIN, CHAMPION))
    out.note(
        now,
        "retrain",
        f"{attempt.version.name}: {metric} {ours:.3f}, champion {theirs:.3f}, over the last {span}",
    )
    if attempt.verdict.passed:
        out.note(now, "promoted", f"{attempt.version.name} is champion")
    else:
        out.note(now, "refused", _why(attempt))
    return attempt


def _corrupted(
    history: History,
    system: Declaration,
    champion: Trained,
    registry: Registry,
    name: str,
    now: int,
    window: int,
    effort: Effort,
    out: Outcome,
) -> None:
    out.corrupted = attempt = challenge(
        registry, name, system, history, champion,
        now=now, held_back=window, effort=effort, reason="drill: shuffled labels", corrupt=shuffle_labels,
    )  # fmt: skip
    verdict = "gate passed" if attempt.verdict.passed else "refused"
    out.note(now, verdict, f"{attempt.version.name}, trained on shuffled labels: {_why(attempt)}")


def shuffle_labels(rows: Rows) -> Rows:
    """The same rows with their labels in another order: nothing is left to learn."""
    label = np.random.default_rng(1).permutation(rows.pairs.label)
    return replace(rows, pairs=replace(rows.pairs, label=label))


def _why(attempt: Attempt) -> str:
    failed = [f"{check.check}: {check.why}" for check in attempt.verdict.checks if not check.passed]
    return "; ".join(failed) or "every check passed"
