"""B9, weight: seconds to import and to show help, and megabytes installed. Prints JSON.

    python benchmarks/weight.py [--rounds 5] [--json FILE]

Each round is a new process. Installed size is that of the core's own dependencies, read off the environment
that runs this (not the extras): what `pip install heptad` would put on the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

CORE = (
    "numpy",
    "numba",
    "llvmlite",
    "pyarrow",
    "lmdb",
    "msgspec",
    "click",
    "rich",
    "pygments",
    "markdown-it-py",
    "mdurl",
)
PARTS = {
    "import heptad": [sys.executable, "-c", "import heptad"],
    "heptad --help": [str(Path(sys.executable).with_name("heptad")), "--help"],
    "python -c pass": [sys.executable, "-c", "pass"],
}


def seconds(command: list[str], rounds: int) -> list[float]:
    """Wall seconds of a command as a whole process, once to warm the file cache and then each round."""
    taken = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - began)
    return taken[1:]


def megabytes(package: str) -> float:
    """The size of the files a distribution installed."""
    files = metadata.distribution(package).files or []
    return sum(p.stat().st_size for f in files if (p := Path(str(f.locate()))).is_file()) / 1e6


def measure(rounds: int) -> dict[str, Any]:
    times = {name: seconds(command, rounds) for name, command in PARTS.items()}
    sizes = {package: round(megabytes(package), 1) for package in CORE}
    return {
        "id": "B9",
        "machine": {
            "processors": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.system(),
        },
        "command": "python benchmarks/weight.py",
        "seconds": {name: {"median": statistics.median(t), "rounds": t} for name, t in times.items()},
        "installed_mb": {"core": round(sum(sizes.values()), 1), "packages": sizes},
        "goal": {"import heptad": 0.3, "heptad --help": 0.5, "core_mb": 500},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    text = json.dumps(measure(options.rounds), indent=1)
    print(text)
    if options.json is not None:
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
