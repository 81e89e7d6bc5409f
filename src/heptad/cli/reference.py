"""Every command's help as one page: ``python -m heptad.cli.reference > docs/reference/cli.md``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click

from heptad.cli.main import main

_WIDTH: Final = 100

_INTRODUCTION: Final = """\
# The command line

This page is generated from the commands themselves by `make docs`.
"""


def page() -> str:
    """The page as Markdown."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield _INTRODUCTION
    top = _context(main, "heptad")
    yield from _section("heptad", main, top)
    for name in main.list_commands(top):
        command = main.get_command(top, name)
        if command is not None:
            yield from _section(f"heptad {name}", command, _context(command, name, top))
            if isinstance(command, click.Group):
                yield from _nested(f"heptad {name}", command, _context(command, name, top))


def _nested(title: str, group: click.Group, context: click.Context) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None:
            yield from _section(f"{title} {name}", command, _context(command, name, context))


def _section(title: str, command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"## {title}\n"
    yield f"```text\n{command.get_help(context).rstrip()}\n```\n"


def _context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    settings = {**command.context_settings, "terminal_width": _WIDTH, "max_content_width": _WIDTH}
    return click.Context(command, info_name=name, parent=parent, **settings)


if __name__ == "__main__":
    print(page(), end="")
