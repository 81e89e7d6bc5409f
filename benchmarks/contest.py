"""One contest: contenders in processes of their own, in turn, answers checked before times; writes the result file.

A contender is a program that is called with ``--data FOLDER`` (Parquet files every contender reads alike) and
its own arguments. It loads, warms up, times what the contest times, and prints one JSON object as its last line:
``{"seconds": float, "peak_mb": float, "versions": {...}, ...}``. Called with ``--answer FILE`` it also writes the
answer, which `contest` hands to ``check`` in the first round; a wrong answer is reported as wrong, whatever its time.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from contenders.measure import peak_mb as peak_mb

HERE = Path(__file__).parent
#: The python that has the contenders' packages; `make bench` makes it from env/requirements.txt.
OTHERS = HERE / ".env" / "bin" / "python"

Check = Callable[[str, Path], str]


@dataclass(frozen=True)
class Contender:
    """A program to run: ``script`` beside this file, by ``python``, with ``args``. ``rounds`` None: as the contest's."""

    name: str
    script: str
    python: str = sys.executable
    args: tuple[str, ...] = ()
    rounds: int | None = None
    timeout: float = 900.0


@dataclass
class Outcome:
    """What a contender did: its measures by round, and whether its answer was right ('yes', or what was wrong)."""

    measures: list[dict[str, Any]] = field(default_factory=list)
    correct: str = "not checked"
    failure: str | None = None

    def summary(self, key: str) -> dict[str, Any]:
        """The median of ``key``, all of its values, and every other number as the last round gave it."""
        if self.failure is not None:
            return {"correct": self.correct, "failed": self.failure}
        values = [measure[key] for measure in self.measures]
        other = {name: value for name, value in self.measures[-1].items() if name != key}
        return {
            key: round(statistics.median(values), 4),
            f"all_{key}": values,
            "correct": self.correct,
            **other,
        }


def contest(
    data: Path,
    contenders: list[Contender],
    check: Check,
    *,
    rounds: int = 5,
    key: str = "seconds",
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True),
) -> dict[str, dict[str, Any]]:
    """Run all contenders in turn, ``rounds`` times; the summary of each by name.

    ``check(name, path)`` gives 'yes' for a right answer and otherwise says what is wrong with it. A contender that
    fails (memory, time, an exception) is reported with its last words and takes no further part.
    """
    outcomes = {contender.name: Outcome() for contender in contenders}
    for turn in range(rounds):
        for contender in contenders:
            outcome = outcomes[contender.name]
            if outcome.failure is not None or turn >= (contender.rounds or rounds):
                continue
            answer = data / f"answer-{contender.name}.parquet"
            extra = ("--answer", str(answer)) if turn == 0 else ()
            begin = time.perf_counter()
            try:
                outcome.measures.append(_run(contender, data, extra))
            except (
                subprocess.CalledProcessError,
                subprocess.TimeoutExpired,
                ValueError,
                IndexError,
            ) as error:
                outcome.failure = _last_words(error)
                say(f"  {contender.name}: failed: {outcome.failure}")
                continue
            if turn == 0:
                outcome.correct = check(contender.name, answer)
                answer.unlink(missing_ok=True)
            took = time.perf_counter() - begin
            say(f"  round {turn + 1} {contender.name}: {outcome.measures[-1][key]:.4g} ({took:.0f} s in all), "
                f"correct: {outcome.correct}")  # fmt: skip
    return {name: outcome.summary(key) for name, outcome in outcomes.items()}


def _run(contender: Contender, data: Path, extra: tuple[str, ...]) -> dict[str, Any]:
    command = [contender.python, str(HERE / contender.script), "--data", str(data), *contender.args, *extra]
    done = subprocess.run(command, capture_output=True, text=True, timeout=contender.timeout, check=True)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _last_words(error: Exception) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"no answer within {error.timeout:.0f} s"
    if isinstance(error, subprocess.CalledProcessError):
        words = (error.stderr or "").strip().splitlines()
        return f"exit {error.returncode}: {words[-1][:300] if words else 'nothing said'}"
    return repr(error)[:300]


def ratios(
    found: Mapping[str, Mapping[str, Any]], ours: str = "heptad", key: str = "seconds"
) -> dict[str, float]:
    """How many times longer each other contender took than ours (of the right ones and the wrong ones alike)."""
    mine = found[ours].get(key)
    return {
        name: round(summary[key] / mine, 2)
        for name, summary in found.items()
        if name != ours and mine and key in summary
    }


def machine() -> dict[str, Any]:
    """What the numbers were taken on, and the versions and commit they belong to."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=HERE, check=False
    )
    import heptad

    return {
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "pace_ms": pace(),
        "stalls": stalls(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "heptad": heptad.__version__,
        "commit": commit.stdout.strip(),
        "command": "python "
        + " ".join([f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]).replace(f"{HERE.parent}/", ""),
    }


def pace() -> list[float]:
    """Milliseconds of one fixed loop, five times, before anything is measured: a rented processor is not always as fast."""
    found = []
    for _ in range(5):
        begin, total = time.perf_counter(), 0
        for number in range(1_000_000):
            total += number
        found.append(round(1e3 * (time.perf_counter() - begin), 1))
    return found


def stalls(seconds: float = 2.0, least: float = 1e-3) -> list[dict[str, float]]:
    """How often each idle processor stands still for ``least`` seconds or more, though one loop alone has it: what a host
    takes away from a rented processor adds to a tail whatever runs there.
    """
    found, mine = [], os.sched_getaffinity(0)
    for cpu in sorted(mine):
        os.sched_setaffinity(0, {cpu})
        begin = last = time.perf_counter()
        gaps = []
        while last - begin < seconds:
            now = time.perf_counter()
            if now - last >= least:
                gaps.append(now - last)
            last = now
        found.append(
            {
                "per_second": round(len(gaps) / seconds, 1),
                "share": round(sum(gaps) / seconds, 4),
                "longest_ms": round(1e3 * max(gaps, default=0.0), 1),
            }
        )
    os.sched_setaffinity(0, mine)
    return found


def copy_speed() -> float:
    """Bytes per second that a plain copy reads and writes."""
    source, target = np.ones(2**25), np.empty(2**25)
    best = 1e9
    for _ in range(5):
        begin = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - begin)
    return 2 * source.nbytes / best


def write(result: Mapping[str, Any], path: Path | None) -> None:
    """Print the result and, where a path is given, keep it there."""
    text = json.dumps(result, indent=1)
    print(text)
    if path is not None:
        path.write_text(text + "\n", encoding="utf-8")
