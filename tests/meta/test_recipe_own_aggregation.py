"""CONTRIBUTING's recipe for an aggregation in a package of one's own: two files, and heptad stays as it is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with the recipe's two files."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    recipe = text.partition("### In your own package\n")[2].partition("\n## ")[0]
    module, test = re.findall(r"^```python\n(.*?)^```", recipe, flags=re.DOTALL | re.MULTILINE)
    (tmp_path / "midrange.py").write_text(module, encoding="utf-8")
    (tmp_path / "test_midrange.py").write_text(test, encoding="utf-8")
    return tmp_path


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )


def test_the_aggregation_passes_the_contract(package: Path) -> None:
    done = run(package, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=.")
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_kernel_that_disagrees_with_its_definition_fails_the_contract(package: Path) -> None:
    module = package / "midrange.py"
    text = module.read_text(encoding="utf-8")
    module.write_text(text.replace("return low / 2 + high / 2", "return low + high"), encoding="utf-8")
    done = run(package, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--rootdir=.")
    assert done.returncode == 1, done.stdout[-3000:]
    assert "FAILED" in done.stdout


def test_a_name_that_heptad_uses_is_refused(package: Path) -> None:
    module = package / "midrange.py"
    text = module.read_text(encoding="utf-8")
    module.write_text(text.replace('name="midrange"', 'name="mean"'), encoding="utf-8")
    done = run(package, "-c", "import midrange")
    assert "aggregation 'mean': expected a name of its own" in done.stderr


def test_it_is_a_method(package: Path) -> None:
    program = (
        "import midrange; from heptad.testing.examples import Sale;"
        "print(Sale.per('user').midrange('amount', '1h'))"
    )
    assert run(package, "-c", program).stdout == "Sale.per('user').midrange(amount)\n"
