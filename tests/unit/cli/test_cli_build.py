"""``heptad build``: files in, a file out, the same numbers as in a notebook; what stops it leaves nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from heptad.cli.main import main
from heptad.offline.build.writer import facts_of
from heptad.testing import world as made
from heptad.times import DAY

SYSTEM = """
from heptad.testing import world as made
from heptad.testing.world import Movie, Vote
system = made.world()
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A directory with a system, its films, a directory of votes, and labels."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "built_here.py").write_text(SYSTEM, encoding="utf-8")
    votes = made.votes()
    (tmp_path / "votes").mkdir()
    for part in range(3):
        parquet.write_table(votes.slice(part * 5_000, 5_000), tmp_path / "votes" / f"{part}.parquet")
    parquet.write_table(made.movies(), tmp_path / "movies.parquet")
    draw = np.random.default_rng(5)
    labels = {
        "ts": draw.integers(made.BEGIN, made.BEGIN + 100 * DAY, 300),
        "user": draw.integers(1, 650, 300),
        "movie": draw.integers(1, 70, 300),
        "screen": draw.choice(["tv", "phone"], 300).tolist(),
    }
    parquet.write_table(pa.table(labels), tmp_path / "labels.parquet")
    yield tmp_path
    sys.modules.pop("built_here", None)


ARGUMENTS = (
    "build", "built_here:system", "--labels", "labels.parquet", "--events", "Vote=votes", "--events", "Movie=movies.parquet",
    "--out", "made/training.parquet",
)  # fmt: skip


def test_the_file_is_the_notebooks_table(home):
    done = CliRunner().invoke(main, [*ARGUMENTS, "--memory", "4GB", "--json", "report.json"])
    assert done.exit_code == 0, done.output
    report = json.loads((home / "report.json").read_text())
    assert report["rows"] == 300
    assert report["plan"] == made.world().plan.hash
    assert "300 rows" in done.stdout
    events = {"Vote": pa.concat_tables([made.votes().slice(0, 15_000)]), "Movie": made.movies()}
    want = made.world().training_set(parquet.read_table(home / "labels.parquet"), events=events)
    got = parquet.read_table(home / "made" / "training.parquet")
    assert got.column_names == want.column_names
    assert got.to_pydict() == want.to_pydict() or str(got.to_pydict()) == str(want.to_pydict())
    assert facts_of(home / "made" / "training.parquet")["rows"] == 300
    assert [path.name for path in (home / "made").iterdir()] == ["training.parquet"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--events", "Vote"), "is not CLASS=PATH"),
        (("--events", "Film=movies.parquet"), "one of Movie, Vote"),
        (("--memory", "1MB"), "at least"),
        (("--labels", "nothing.parquet"), "an existing file"),
        (("--at", "when"), "a time column 'when'"),
    ],
)
def test_a_mistake_is_told_and_leaves_nothing(home, change, message):
    done = CliRunner().invoke(main, [*ARGUMENTS, *change])
    assert done.exit_code == 2
    assert message in done.output
    assert not (home / "made" / "training.parquet").exists()


def test_a_build_that_is_told_to_stop_clears_up(home):
    """The signal comes from the build itself, at its first output, so that there is something to clear up."""
    code = (
        "import os, signal\n"
        "from heptad.offline.build.workspace import Workspace\n"
        "Workspace.publish = lambda self, made: os.kill(os.getpid(), signal.SIGTERM)\n"
        "from heptad.cli.main import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *ARGUMENTS, "--memory", "4GB"], cwd=home, capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": str(home)},
    )  # fmt: skip
    assert done.returncode == 128 + signal.SIGTERM, done.stderr
    assert list((home / "made").iterdir()) == []
