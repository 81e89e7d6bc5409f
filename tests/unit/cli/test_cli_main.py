"""The commands as a group: light to start, honest about mistakes, and every example in their help can be typed."""

from __future__ import annotations

import shlex
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from heptad.cli.main import COMMANDS, main


def commands(group=main, words=()):
    """(words, command) of every command, those of groups too."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


ALL = list(commands())
EXAMPLES = [(words, command, example) for words, command in ALL for example in command.examples]


def run(*words):
    return CliRunner().invoke(main, list(words))


@pytest.mark.parametrize(("words", "command"), ALL, ids=[" ".join(words) for words, _ in ALL])
def test_every_command_explains_itself_with_an_example(words, command):
    done = run(*words, "--help")
    assert done.exit_code == 0
    assert command.examples
    assert all(example in done.stdout for example in command.examples)
    assert "--traceback" in done.stdout


@pytest.mark.parametrize(("words", "command", "example"), EXAMPLES, ids=[e for _, _, e in EXAMPLES])
def test_an_example_is_a_command_that_can_be_typed(words, command, example):
    typed = shlex.split(example)
    assert typed[: 1 + len(words)] == ["heptad", *words]
    command.make_context(words[-1], typed[1 + len(words) :])  # raises UsageError where it does not parse


def test_the_list_of_commands_says_what_each_says_of_itself():
    context = click.Context(main)
    assert {name: main.get_command(context, name).short_help for name in COMMANDS} == COMMANDS


def test_an_unknown_command_is_a_usage_error():
    done = run("train")
    assert done.exit_code == 2
    assert "No such command 'train'" in done.stderr


def test_help_loads_nothing_heavy():
    """By what is imported, not by a clock: rich, numpy and their like take most of half a second."""
    code = (
        "import sys\n"
        "from heptad.cli.main import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "print(sorted({'rich', 'numpy', 'numba', 'pyarrow', 'matplotlib', 'uvicorn'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_error_is_one_message_on_standard_error():
    done = run("explain", "vidoes")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "error: system 'vidoes'",
        "  expected a shipped system (fraud, images, videos), a directory with a system.py, or module:attribute",
        "  got      no such name or directory",
        "  fix      write 'videos'",
    ]


def test_the_traceback_is_shown_where_it_is_asked_for():
    done = run("explain", "vidoes", "--traceback")
    assert type(done.exception).__name__ == "DeclarationError"
    assert done.exc_info[2] is not None


def test_an_error_in_a_declaration_says_its_line(tmp_path):
    (tmp_path / "system.py").write_text("import heptad as hp\nhp.GBDT(trees=0)\n", encoding="utf-8")
    done = run("explain", str(tmp_path))
    assert done.exit_code == 2
    assert done.stderr.splitlines()[0] == "error: GBDT.trees"
    assert done.stderr.splitlines()[-1] == f"  in {tmp_path / 'system.py'}, line 2"


def test_the_version_is_the_packages():
    import heptad

    assert run("--version").stdout == f"heptad, version {heptad.__version__}\n"
