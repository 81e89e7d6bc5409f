"""The tutorials work: their files are written, their commands run in order, and what is printed is what they show."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SLOW = {"serving"}  #: those that start servers and train
TUTORIALS = [
    pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in SLOW else [])
    for path in sorted((ROOT / "docs/tutorial").glob("*.md"))
]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
SAVED = re.compile(r"Save this as `([^`]+)`:\s*$")


def shown_as(expected: str, printed: str) -> bool:
    """Whether the output is as shown; ``...`` stands for anything, lines included, and at the end for the rest."""
    pattern = ".*?".join(map(re.escape, expected.rstrip("\n").split("...")))
    return re.fullmatch(pattern + r"\n*", printed, flags=re.DOTALL) is not None


def follow(markdown: str, folder: Path) -> int:
    """Do what the tutorial says in ``folder``; how many commands' outputs were compared."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "PYTHONWARNINGS": "error",
    }  # fmt: skip
    printed: str | None = None
    compared = end = 0
    for block in BLOCK.finditer(markdown):
        before, (language, text) = markdown[end : block.start()], block.groups()
        end = block.end()
        if saved := SAVED.search(before):
            (folder / saved[1]).write_text(text, encoding="utf-8")
            continue
        match language:
            case "bash":
                done = subprocess.run(
                    ["bash", "-euo", "pipefail", "-c", text], cwd=folder, env=environment, text=True,
                    check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                )  # fmt: skip
                assert done.returncode == 0, f"{text}\n{done.stdout}"
                printed = done.stdout
            case "text":
                assert printed is not None, f"no command printed\n{text}"
                assert shown_as(text, printed), f"shown:\n{text}\nprinted:\n{printed}"
                printed, compared = None, compared + 1
            case _:
                pytest.fail(f"a block that is neither saved nor run:\n{text}")
    return compared


@pytest.mark.parametrize("path", TUTORIALS)
def test_a_tutorial_can_be_followed(path: Path, tmp_path: Path) -> None:
    try:
        assert follow(path.read_text(encoding="utf-8"), tmp_path) > 0
    finally:  # what it started ends with it, wherever it failed
        for started in tmp_path.glob("*.pid"):
            with suppress(ProcessLookupError):
                os.kill(int(started.read_text(encoding="utf-8")), signal.SIGKILL)


def test_a_tutorial_that_shows_what_is_not_so_fails(tmp_path: Path) -> None:
    wrong = (
        "Save this as `a.py`:\n\n```python\nprint(1)\n```\n\n```bash\npython a.py\n```\n\n```text\n2\n```\n"
    )
    with pytest.raises(AssertionError, match="printed:"):
        follow(wrong, tmp_path)
    assert follow(wrong.replace("2", "1"), tmp_path) == 1


def test_dots_stand_for_anything_and_for_the_rest() -> None:
    assert shown_as("plan ...  7 columns\n...\n", "plan 0af1  7 columns\n\nmore\n")
    assert not shown_as("plan ...  7 columns\n...\n", "plan 0af1  8 columns\n\nmore\n")
    assert not shown_as("1\n", "1\n2\n")
