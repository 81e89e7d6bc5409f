"""CONTRIBUTING's recipe 'Add an aggregation', followed to the letter on a copy: three files, nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STEP = re.compile(r"^\d\. .*?`(src/[\w/]+\.py)`.*?```python\n(.*?)^ *```", flags=re.DOTALL | re.MULTILINE)
SUITES = ("tests/parity", "tests/unit/offline/test_training_set_oracle.py")


def steps() -> dict[str, str]:
    """File -> code of each step of the recipe."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    recipe = text.partition("## Add an aggregation\n")[2].partition("\n## ")[0]
    return {path: textwrap.dedent(code) for path, code in STEP.findall(recipe)}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package and the suites with the recipe's steps done: new files written, the row put among the rows."""
    folder = tmp_path_factory.mktemp("recipe")
    # compiled kernels come along: they are as good as new where their source is
    shutil.copytree(ROOT / "src", folder / "src")
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(ROOT / "pyproject.toml", folder)
    for name, code in steps().items():
        path = folder / name
        if path.exists():
            rows = path.read_text(encoding="utf-8").rstrip()
            assert rows.endswith("\n)")
            path.write_text(f"{rows[:-1]}{textwrap.indent(code.rstrip(), '    ')},\n)\n", encoding="utf-8")
        else:
            path.write_text(code, encoding="utf-8")
    return folder


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True,
        check=False, timeout=600,
    )  # fmt: skip


def test_the_recipe_writes_one_specification_one_kernel_and_one_row() -> None:
    (spec, kernel, rows) = steps()
    assert Path(spec).parent.name == "aggregations"
    assert Path(kernel).parent.name == "kernels"
    assert Path(spec).name == Path(kernel).name
    assert not (ROOT / spec).exists(), "choose an aggregation that is not shipped"
    assert (ROOT / rows).exists()
    assert steps()[rows].count("example(") == 1


def test_the_new_aggregation_passes_the_parity_suites(copy: Path) -> None:
    name = Path(next(iter(steps()))).stem
    done = run(copy, "pytest", *SUITES, "-k", name, "-m", "not slow", "-p", "no:cacheprovider", "-vv")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    passed = re.findall(r"(\S+\.py)::(\w+)\S*.* PASSED", done.stdout)
    assert {
        ("tests/parity/test_examples_oracle.py", "test_oracle_gives_the_value"),
        ("tests/parity/test_examples_engines.py", "test_a_training_row_has_the_value"),
        ("tests/parity/test_examples_engines.py", "test_a_live_read_gives_the_value"),
        ("tests/parity/test_interleavings.py", "test_a_few_interleavings"),
        ("tests/unit/offline/test_training_set_oracle.py", "test_every_aggregation_as_known"),
    } <= set(passed), done.stdout


def test_the_pages_show_the_new_aggregation(copy: Path) -> None:
    name = Path(next(iter(steps()))).stem
    for module in ("heptad.testing.features_page", "heptad.testing.meaning"):
        done = run(copy, module)
        assert f"{name}" in done.stdout, done.stderr


@pytest.mark.parametrize(
    "tool",
    [
        ("ruff", "check"),
        ("ruff", "format", "--check"),
        pytest.param(("mypy", "--strict"), marks=pytest.mark.slow),
    ],
)
def test_the_recipes_code_is_held_to_the_house_rules(copy: Path, tool: tuple[str, ...]) -> None:
    done = run(copy, *tool, *(str(copy / name) for name in steps()))
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_aggregation_whose_kernel_disagrees_with_its_definition_is_found(
    copy: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    shutil.copytree(copy, wrong)
    kernel = wrong / list(steps())[1]
    kernel.write_text(
        kernel.read_text(encoding="utf-8").replace("words[:, 1:]", "words[:, :1]"), encoding="utf-8"
    )
    name = kernel.stem
    done = run(wrong, "pytest", "tests/parity/test_examples_engines.py", "-k", name, "-p", "no:cacheprovider")
    assert done.returncode == 1, done.stdout
