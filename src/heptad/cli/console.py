"""Where commands print: results on standard output, errors on standard error, both readable in a pipe."""

from __future__ import annotations

import os
import sys

from rich.console import Console
from rich.text import Text

from heptad.errors import HeptadError

_PIPE_WIDTH = 120  #: columns where nobody's terminal says how many


def output() -> Console:
    """Standard output."""
    return _console(stderr=False)


def messages() -> Console:
    """Standard error."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    width = None if terminal or "COLUMNS" in os.environ else _PIPE_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, markup=False)


def show_error(error: HeptadError) -> None:
    """One message: the thing in red, what was expected, what came, how to mend it, and where it stands."""
    rows = [("expected", error.expected), ("got", error.got), ("fix", error.fix)]
    message = Text.assemble(("error: ", "bold red"), (error.thing, "red"))
    for title, words in rows:
        message.append_text(Text.assemble((f"\n  {title:<9}", "bold"), words))
    for note in getattr(error, "__notes__", ()):
        message.append_text(Text(f"\n  {note}", "dim"))
    messages().print(message, soft_wrap=True)
