"""``heptad``: the group of commands. A command's module is loaded when it is called, not before."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from heptad import __version__
from heptad.errors import HeptadError

#: Command -> its one line. The module is ``heptad.cli.NAME`` (``-`` is ``_`` there) and holds ``command``.
COMMANDS = {
    "run": "Run the whole loop on historical data and write a report.",
    "serve": "Answer over HTTP with the model that is champion.",
    "build": "Write a training set to a Parquet file, within a limit of memory.",
    "check": "Measure every number the system requires.",
    "bench-serve": "Load a running server and measure what it answers.",
    "retrain": "Train a challenger from what a deployment has logged.",
    "why": "Make a logged decision again, and explain it.",
    "explain": "Print the compiled plan.",
    "design": "Write the seven-step design document.",
    "new": "Write a working system for a file of events.",
    "data": "List and fetch public data sets.",
}


class Heptad(click.Group):
    """Loads commands when asked for, and shows a HeptadError as one message instead of a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command called ``cmd_name``, or None."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"heptad.cli.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in ``--help``, without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a HeptadError becomes one red message and exit code 2."""
        try:
            return super().invoke(ctx)
        except HeptadError as error:
            if ctx.meta.get("heptad.traceback"):
                raise
            from heptad.cli.console import show_error  # rich loads only when there is something to draw

            show_error(error)
            sys.exit(2)


@click.group(
    cls=Heptad,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="SYSTEM is a shipped name (videos), module:attribute (my_pkg.ads:ads), or a directory (./shop).",
)
@click.version_option(__version__, prog_name="heptad")
def main() -> None:
    """Declare the seven steps of a machine-learning system once, and run it."""


if __name__ == "__main__":
    main()
