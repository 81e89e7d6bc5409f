"""Runs the benchmarks, all or some: ``python benchmarks/run.py [NAME ...]``; results go to benchmarks/results/.

Names are the scripts' (feature_read) or the ids of the plan of benchmarks (B5). A contest runs heptad and its
contenders in turn, each in a process of its own, and checks every answer against the oracle on a sample before a time
counts (contest.py); ``log`` and ``read`` measure heptad alone.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

#: What each script measures, by its id.
SCRIPTS = {
    "B1": "training_set",
    "B2": "lookup_join",
    "B3": "out_of_core",
    "B4": "ingest",
    "B5": "feature_read",
    "B6": "rank_request",
    "B7": "freshness",
    "B8": "retrieval",
    "B9": "weight",
    "B11": "scale_out",
    "soak": "soak",
    "trees": "trees",
    "commit": "state_commit",
    "nearest": "nearest",
    "decision": "decision_log",
    "log": "log_append",
    "read": "online_read",
    "answer": "answer_cpu",
}


def main() -> None:
    asked = sys.argv[1:] or list(SCRIPTS)
    for name in asked:
        script = SCRIPTS.get(name, name)
        if script not in SCRIPTS.values():
            known = ", ".join(f"{key} ({value})" for key, value in SCRIPTS.items())
            sys.exit(f"benchmark {name!r}: expected one of {known}. Fix: make bench B=B9")
        print(f"== {name}: {script}", flush=True)
        path = HERE / f"{script}.py"
        subprocess.run(
            [sys.executable, str(path), "--json", str(HERE / "results" / f"{script}.json")], check=True
        )


if __name__ == "__main__":
    main()
