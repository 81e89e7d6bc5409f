"""What every command shares: examples in its help, and the options that mean the same everywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

FILE = click.Path(dir_okay=False, path_type=Path)


class Command(click.Command):
    """A command whose ``--help`` ends with examples; a test parses every one of them."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, one a line."""
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':>{formatter.current_indent}}{example}\n")


def _remember(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta["heptad.traceback"] = True  # shared with the group, which handles the error


def with_traceback(function: F) -> F:
    """``--traceback``: show where an error was raised."""
    return click.option(
        "--traceback", is_flag=True, expose_value=False, callback=_remember,
        help="On an error, show where in the code it was raised.",
    )(function)  # fmt: skip


def with_system(function: F) -> F:
    """The argument SYSTEM."""
    return click.argument("system", metavar="SYSTEM")(function)


def with_profile(function: F) -> F:
    """``--profile`` and ``--config``."""
    profile = click.option(
        "--profile", default="dev", show_default=True, metavar="NAME", help="Table of heptad.toml to use."
    )
    config = click.option(
        "--config", type=FILE, metavar="FILE",
        help="The heptad.toml to read. [default: ./heptad.toml if it is this system's, else the one beside it]",
    )  # fmt: skip
    return profile(config(function))


def with_state(function: F) -> F:
    """``--state DIR``, of a command that looks at what was served."""
    return click.option(
        "--state", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
        help="Where `heptad serve --state` keeps its log and predictions.",
    )(function)  # fmt: skip


def with_json(function: F) -> F:
    """``--json FILE``."""
    return click.option(
        "--json", "json_file", type=FILE, metavar="FILE", help="Write the result there too, as JSON."
    )(function)
