"""The rooms keep their order (.importlinter), and the contracts do notice when one does not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """import-linter on the package `heptad` that lies in ``folder``."""
    command = [Path(sys.executable).parent / "lint-imports", "--config", ROOT / ".importlinter", "--no-cache"]
    wide = os.environ | {"COLUMNS": "200"}  # one row per contract
    return subprocess.run(
        command, env=wide, cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


def test_every_room_keeps_its_place():
    done = lint(ROOT / "src")
    assert done.returncode == 0, done.stdout


@pytest.fixture
def copy(tmp_path) -> Path:
    """A copy of the package to plant mistakes in."""
    ignore = shutil.ignore_patterns("__pycache__", "*.nb?")
    shutil.copytree(ROOT / "src" / "heptad", tmp_path / "heptad", ignore=ignore)
    return tmp_path


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("algebra/planted.py", "import heptad.declare", "A room imports only"),
        ("unknown_room/__init__.py", "", "A room imports only"),
        ("catalogue/planted.py", "import heptad.algebra", "A room imports only"),
        ("declare/planted.py", "from heptad import catalogue", "Only systems, the command line"),
        ("serving/planted.py", "import heptad.offline.planted_too", "Serving answers without"),
        ("systems/planted/system.py", "import heptad.algebra", "Systems are written with"),
        ("declare/planted.py", "def late():\n    import lmdb", "An infrastructure vendor"),
        ("monitoring/planted.py", "from sklearn.metrics import roc_auc_score", "A modelling library"),
        ("declare/planted.py", "from matplotlib import pyplot", "Plots stay in the dashboard"),
    ],
)
def test_a_planted_import_breaks_its_contract(copy, module, line, contract):
    for name, content in {"offline/planted_too.py": "", module: line}.items():
        path = copy / "heptad" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
        for package in path.parents[: len(Path(name).parents)]:
            (package / "__init__.py").touch()
    done = lint(copy)
    assert done.returncode != 0
    broken = [row for row in done.stdout.splitlines() if " BROKEN" in row]
    assert len(broken) == 1, done.stdout
    assert broken[0].startswith(contract)
