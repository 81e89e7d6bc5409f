"""What an answer takes at a commit and in this tree, in turn: a host's pace changes more in an hour than most changes do.

    python benchmarks/in_turn.py COMMIT [--rate 300] [--seconds 8] [--rounds 5] [--json FILE]

B6's deployment, made once by this tree. In each round, whose order alternates: `Service.rank` in a process of its own, by
its thread's clock and by stage; then `heptad serve --workers 2` under an open loop at the stated rate. Medians over the
rounds, and all of them in the file. The commit must read this tree's state and model: the same plan, the same formats.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from contest import HERE, machine, write
from rank_deployment import SOURCE, loaded, of_source, prepare
from rank_request import ITEMS, USERS

#: In a process of its own, since it loads another heptad.
_STAGES = """
import json, sys
from pathlib import Path
import heptad
if not Path(heptad.__file__).is_relative_to(sys.argv[3]):
    sys.exit(f"heptad of {heptad.__file__} instead of {sys.argv[3]}")
from answer_cpu import asked, by_stage
from rank_deployment import deployment
folder = Path(sys.argv[1])
found = by_stage(*deployment(folder, f"embedded:{folder}/state"), asked(folder, int(sys.argv[2])))
print(json.dumps(found))
"""


@contextmanager
def source_at(commit: str) -> Iterator[Path]:
    """The sources of heptad at a commit."""
    repository = HERE.parent
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "tree"
        added = ["git", "-C", str(repository), "worktree", "add", "--detach", str(tree), commit]
        done = subprocess.run(added, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"commit {commit!r}: {done.stderr.strip()}. Fix: name one that `git log` shows")
        try:
            yield tree / "src"
        finally:
            subprocess.run(
                ["git", "-C", str(repository), "worktree", "remove", "--force", str(tree)], check=True
            )


def stages(folder: Path, source: Path, requests: int) -> dict[str, float]:
    """Median CPU ms of a whole answer and of each stage."""
    done = subprocess.run(
        [sys.executable, "-c", _STAGES, str(folder), str(requests), str(source)],
        stdout=subprocess.PIPE, text=True, cwd=HERE, env=of_source(source),
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"heptad of {source} does not answer, see above. Fix: a commit of the same plan and formats")
    found: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return {name: spread["p50"] for name, spread in found.items()}


def under_load(folder: Path, source: Path, rate: float, seconds: float) -> dict[str, float]:
    """Processor ms of an answer in the server's processes, and latency in ms; ends where an answer was not the model's."""
    words = ("--rate", str(rate), "--seconds", str(seconds))
    found = loaded(folder, *words, workers=("--workers", "2"), source=source)
    load: dict[str, Any] = found["load"]
    if load["failed"] or load["flagged"]:
        sys.exit(f"answers that are not the model's: {load['failed']} {load['flagged']}")
    each = 1e3 * found["server"]["cores_used"] / load["achieved"]
    return {"cpu": round(each, 3)} | {name: load["latency_ms"][name] for name in ("p50", "p99")}


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    """Of each number over the rounds."""
    return {name: round(median(one[name] for one in rounds), 3) for name in rounds[0]}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("commit", help="what this tree is compared with: 65957ce")
    parser.add_argument("--rate", type=float, default=300.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=8.0, help="of load, each time")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=800, help="in one thread, each time")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    alone: dict[str, list[dict[str, float]]] = {"before": [], "this tree": []}
    loads: dict[str, list[dict[str, float]]] = {"before": [], "this tree": []}
    with tempfile.TemporaryDirectory() as name, source_at(given.commit) as before:
        folder, sources = Path(name), {"before": before, "this tree": SOURCE}
        prepare(folder, events=given.events, users=USERS, items=ITEMS, store=f"embedded:{folder}/state")
        for source in sources.values():  # a new tree compiles its kernels, which no budget allows for
            loaded(folder, "--rate", "20", "--seconds", "2", workers=("--workers", "2"), source=source)
        for number in range(given.rounds):
            for which in list(sources)[:: 1 if number % 2 == 0 else -1]:
                print(f"round {number + 1} of {given.rounds}: {which}", file=sys.stderr, flush=True)
                alone[which].append(stages(folder, sources[which], given.requests))
                loads[which].append(under_load(folder, sources[which], given.rate, given.seconds))
    result = {
        "id": "in turn", "machine": machine(), "unit": "milliseconds, medians over the rounds",
        "load": {"before": given.commit, "rate": given.rate, "seconds": given.seconds, "rounds": given.rounds},
        "one_thread": {which: medians(found) for which, found in alone.items()},
        "server": {which: medians(found) for which, found in loads.items()},
        "every_round": {"one_thread": alone, "server": loads},
    }  # fmt: skip
    write(result, given.json)


if __name__ == "__main__":
    main()
