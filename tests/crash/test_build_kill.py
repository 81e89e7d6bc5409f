"""kill -9 at any instant of a build: its output is there whole or not at all, and the next build clears up after it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

from build_child import write_sources

INSTANTS = 200 if "HEPTAD_LONG" in os.environ else 12


def test_a_killed_build_leaves_no_part_of_an_output(tmp_path: Path) -> None:
    write_sources(tmp_path)
    out = tmp_path / "out.parquet"
    script = [sys.executable, str(Path(__file__).with_name("build_child.py")), str(tmp_path)]
    with subprocess.Popen(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:

        def ask(at: int) -> int:
            child.stdin.write(f"{at}\n")
            child.stdin.flush()
            return int(child.stdout.readline())

        steps = ask(0)
        whole = out.read_bytes()
        draw = random.Random(9)
        instants = [1, 2, steps - 1, steps, *(draw.randint(1, steps) for _ in range(INSTANTS - 4))]
        for number, at in enumerate(instants):
            before = number % 2 == 0
            if not before:
                out.unlink()
            assert ask(at) == -9
            published = at == steps  # killed after the rename, before anybody knew
            assert out.exists() == (before or published)
            assert not out.exists() or out.read_bytes() == whole
            assert len(list(tmp_path.glob(".out.parquet.*.building"))) == 1  # and none of a build before
            if not out.exists():
                assert ask(0) == steps
                assert out.read_bytes() == whole
                assert list(tmp_path.glob(".out.parquet.*.building")) == []
        child.stdin.close()
