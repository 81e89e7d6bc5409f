"""Progress: a line per stage in a pipe, bars with amounts on a terminal, and nothing left open by an error."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from heptad.cli.progress import progress


def piped():
    return Console(file=io.StringIO(), width=100, markup=False, highlight=False)


def terminal():
    return Console(file=io.StringIO(), width=140, force_terminal=True, color_system=None, _environ={})


def work(console):
    with progress(console) as shown:
        shown.line("3,000 events")
        with shown.stage("replay", total=400) as stage:
            for _ in range(4):
                stage.say("at noon")
                stage.advance(100)
        with shown.stage("write"):
            pass


def test_in_a_pipe_a_stage_is_two_lines():
    console = piped()
    work(console)
    lines = re.sub(r"\d+\.\d s", "T s", console.file.getvalue()).splitlines()
    assert lines == ["3,000 events", "replay ...", "replay: 400 in T s", "write ...", "write: T s"]


def test_in_a_pipe_a_stage_that_fails_says_so():
    console = piped()
    with pytest.raises(ValueError, match="half"), progress(console) as shown, shown.stage("replay"):
        raise ValueError("half way")
    assert re.sub(r"\d+\.\d s", "T s", console.file.getvalue()).splitlines() == [
        "replay ...",
        "replay: stopped after T s",
    ]


def test_on_a_terminal_the_bars_stay_with_their_amounts():
    console = terminal()
    work(console)
    last = console.file.getvalue().splitlines()[-3:]
    text = "\n".join(last)
    assert "replay" in text
    assert "400/400" in text
    assert "write" in text
    assert "3,000 events" in console.file.getvalue()


def test_on_a_terminal_an_error_puts_the_cursor_back():
    console = terminal()
    with pytest.raises(ValueError, match="half"), progress(console) as shown, shown.stage("replay", 10):
        raise ValueError("half way")
    assert console.file.getvalue().endswith("\x1b[?25h")  # the cursor is shown again
