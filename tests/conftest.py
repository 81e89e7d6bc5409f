"""What every test may rely on: no window is opened, one thread per library, seeded Hypothesis examples."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # two workers share two cores; read when numpy is imported

import pytest
from hypothesis import HealthCheck, settings

from heptad import catalogue
from heptad.errors import DataError

# `ci` draws the same examples everywhere; `HYPOTHESIS_PROFILE=long make test` looks for new ones.
settings.register_profile(
    "ci", derandomize=True, deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "long", deadline=None, max_examples=2000, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def videos_home(tmp_path_factory) -> Path:
    """A directory in which ``heptad run videos --json run.json`` has just run, once for all workers.

    Its output is in ``out.txt``. Skipped, with the reason, where MovieLens 100K cannot be fetched.
    """
    try:
        catalogue.fetch("movielens-100k")
    except DataError as error:
        pytest.skip(f"MovieLens 100K: {error}")
    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "videos"
    home.mkdir(exist_ok=True)
    with (home / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "run.json").is_file():
            command = [sys.executable, "-m", "heptad.cli.main", "run", "videos", "--json", "run.json"]
            done = subprocess.run(
                command, cwd=home, capture_output=True, text=True, timeout=900, check=False,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
            (home / "out.txt").write_text(done.stdout, encoding="utf-8")
    return home
