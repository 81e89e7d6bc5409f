"""Every command in a fenced ``bash`` block of the README and CONTRIBUTING is run, block by block.

A block is one session in a fresh copy of the repository, with this environment as its `.venv` and first on
PATH. A command runs as it is written, unless it would run this test again, install for minutes or reach out to
the network: those are rehearsed by what `REHEARSED` names. There is no third way: a command that fails, or a
`make`, `git` or `pip` command that has no rehearsal, fails the test. A command that ends in ``&`` is a server: it
must print its address before the next command runs, and is stopped at the end of its block.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = ("README.md", "CONTRIBUTING.md")
TIMEOUT_SECONDS = 900

#: What a make that runs these tests hands down, and a reader's shell does not have.
OF_MAKE = {"MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "ARGS"}
#: The make of a session: it never installs, because the environment it is lent is complete.
MAKE = "make -o .venv/.installed-to-run -o .venv/.installed-to-develop"
#: Pattern of a documented command -> what is run in its place.
REHEARSED = {
    r"git clone \S+/heptad(\.git)?": f"git clone -q {ROOT} heptad && ln -s {sys.prefix} heptad/.venv",
    r"make( help)?": r"\g<0>",
    r"make (setup|setup-integration)": r"make -n \1",
    r"make run( SYSTEM=\w+)?": rf"{MAKE} run\1",
    r"make test": f"{MAKE} test ARGS='--collect-only tests/unit'",
    r"make test (ARGS=.+)": rf"{MAKE} test \1",
    r"make test-long": f"{MAKE} -n test-long",
    r"make check": f"{MAKE} check ARGS=tests/meta/test_module_files.py",
    r"make bench( B=\w+)?": rf"{MAKE} -n bench\1",
    r"make docs": f"{MAKE} docs",
    r"make clean": "make clean",
    r"make check test": f"{MAKE} -n check test",
    # exit code 1 says that a requirement does not hold, as may be while this machine runs tests
    r"heptad check (\w+)": r"heptad check \1 || test $? -eq 1",
    r"\.ci/run": "bash -n .ci/run",
}
#: Programs whose commands are never run without a rehearsal.
GUARDED = {"make", "git", "pip", "pip3", "pipx", "uv", "sudo", "apt", "apt-get", "docker", ".ci/run"}


def blocks(markdown: str) -> list[list[str]]:
    """The commands of each ``bash`` block: comments left out, continued lines and here-documents whole."""
    found = []
    for block in re.findall(r"^```bash\n(.*?)^```", markdown, flags=re.DOTALL | re.MULTILINE):
        commands, lines = [], iter(block.replace("\\\n", " ").splitlines())
        for line in lines:
            command = re.sub(r"(^|\s+)# .*$", "", line).strip()
            here = re.search(r"<<\s*'?(\w+)'?", command)
            while here and command.splitlines()[-1] != here[1]:
                command += f"\n{next(lines)}"
            if command:
                commands.append(command)
        found.append(commands)
    return found


def rehearsal(command: str) -> str:
    """What is run for a documented command; fails for one that is guarded and has no rehearsal."""
    for pattern, instead in REHEARSED.items():
        if match := re.fullmatch(pattern, command):
            return match.expand(instead)
    words = shlex.split(command.splitlines()[0])
    program = next((word for word in words if not re.fullmatch(r"\w+=.*", word)), "")
    if program in GUARDED or (program.startswith("python") and words[1:3] == ["-m", "pip"]):
        pytest.fail(
            f"{command!r} is documented but has no rehearsal: add one to REHEARSED, or write it otherwise"
        )
    return command


def copy_of_the_repository(folder: Path) -> Path:
    """A repository of the files that git keeps, and this environment as `.venv`."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(sys.prefix)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def run_block(commands: list[str], folder: Path) -> None:
    """Run the commands one after another; a change of directory holds for those that follow."""
    environment = {name: value for name, value in os.environ.items() if name not in OF_MAKE} | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "MYPY_CACHE_DIR": str(ROOT / ".mypy_cache"),  # the copy holds the same files: by their hashes
    }
    where = folder
    with ExitStack() as servers:
        for command in commands:
            script = rehearsal(command)
            if script.endswith("&"):
                server = servers.enter_context(
                    subprocess.Popen(
                        ["bash", "-c", f"exec {script[:-1]}"], cwd=where, env=environment, text=True,
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                    )
                )  # fmt: skip
                servers.callback(server.terminate)  # runs before the wait of the line above
                printed = []
                for line in server.stdout:
                    printed.append(line)
                    if "http://" in line:
                        break
                else:
                    pytest.fail(f"{command!r} ended before it printed its address:\n{''.join(printed)}")
                continue
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", f"{script}\npwd > {shlex.quote(str(folder / '.where'))}"],
                cwd=where, env=environment, text=True, timeout=TIMEOUT_SECONDS, check=False,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            if done.returncode != 0:
                pytest.fail(f"{command!r}, run as {script!r}, gave {done.returncode}:\n{done.stdout[-4000:]}")
            where = Path((folder / ".where").read_text().rstrip("\n"))


def documented() -> list[tuple[str, list[str]]]:
    """Every block of the documents, by a name for its test."""
    return [
        (f"{document}-{number}", commands)
        for document in DOCUMENTS
        if (ROOT / document).exists()
        for number, commands in enumerate(blocks((ROOT / document).read_text(encoding="utf-8")), start=1)
    ]


@pytest.mark.parametrize(
    "commands", [commands for _, commands in documented()], ids=[name for name, _ in documented()]
)
def test_every_documented_command_has_a_program_or_a_rehearsal(commands):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command in commands:
        program = shlex.split(rehearsal(command).splitlines()[0])[0]
        if "=" not in program and program not in {"cd", "export"}:
            assert shutil.which(program, path=path), f"{command!r}: no program {program!r}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "commands", [commands for _, commands in documented()], ids=[name for name, _ in documented()]
)
def test_a_documented_block_runs(commands, tmp_path):
    run_block(commands, copy_of_the_repository(tmp_path))


SAMPLE = """
```bash
git clone https://example.org/heptad   # once
cd heptad
printf '%s\\n' one \\
  two > here.txt
cat > heredoc.txt <<'END'
# kept
END
```
```python
not a command
```
```bash
# only a comment
make help
```
"""


def test_commands_are_read_out_of_bash_blocks_only():
    assert blocks(SAMPLE) == [
        [
            "git clone https://example.org/heptad",
            "cd heptad",
            "printf '%s\\n' one    two > here.txt",
            "cat > heredoc.txt <<'END'\n# kept\nEND",
        ],
        ["make help"],
    ]


def test_a_block_is_one_session(tmp_path):
    commands = [command for command in blocks(SAMPLE)[0] if not command.startswith("git")]
    (tmp_path / "heptad").mkdir()
    run_block(commands, tmp_path)
    assert (tmp_path / "heptad/here.txt").read_text() == "one\ntwo\n"
    assert (tmp_path / "heptad/heredoc.txt").read_text() == "# kept\n"


def test_words_for_the_make_that_runs_the_tests_do_not_reach_the_documented_one(tmp_path, monkeypatch):
    monkeypatch.setenv("MAKEFLAGS", r" -- ARGS=-m\ slow")
    monkeypatch.setenv("ARGS", "-m slow")
    run_block(['test -z "${ARGS-}${MAKEFLAGS-}"'], tmp_path)


def test_a_clone_has_the_makefile_and_the_environment(tmp_path):
    run_block(
        ["git clone https://example.org/heptad.git", "cd heptad", "make help", "test -x .venv/bin/python"],
        tmp_path,
    )


def test_a_server_runs_until_its_block_ends(tmp_path):
    serve = 'python -u -c \'import http.server as h; s = h.HTTPServer(("127.0.0.1", 0), h.SimpleHTTPRequestHandler);'
    serve += (
        ' print(s.server_port, file=open("port", "w"), flush=True); print("http://"); s.serve_forever()\' &'
    )
    fetch = 'python -c \'import urllib.request as u; u.urlopen("http://127.0.0.1:" + open("port").read()).close()\''
    run_block([serve, fetch], tmp_path)
    with pytest.raises(pytest.fail.Exception, match="URLError"):
        run_block([fetch], tmp_path)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("false", "gave 1"),
        ("no-such-program --help", "gave 127"),
        ("make frobnicate", "has no rehearsal"),
        ("pip install heptad", "has no rehearsal"),
        ("python -m pip install heptad", "has no rehearsal"),
        ("HEPTAD_DATA=here git push", "has no rehearsal"),
        ("python -c 'print(1)' &", "ended before it printed its address"),
    ],
)
def test_a_command_that_cannot_be_run_fails(command, why, tmp_path):
    with pytest.raises(pytest.fail.Exception, match=why):
        run_block([command], tmp_path)
