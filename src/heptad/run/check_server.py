"""The server that `heptad check` measures: a process of its own, with a state of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heptad.errors import StateError
from heptad.run.profile import Profile
from heptad.run.target import Target
from heptad.serving.keys import VARIABLE


@contextmanager
def server(target: Target, profile: Profile, state: Path) -> Iterator[str]:
    """A server process on a free port, its log and states in ``state``; stopped by SIGTERM at the end."""
    command = [
        sys.executable, "-c", "from heptad.cli.main import main; main()", "serve", target.address,
        "--profile", profile.name, "--config", str(profile.path), "--state", str(state), "--port", "0",
    ]  # fmt: skip
    unkeyed = {name: value for name, value in os.environ.items() if name != VARIABLE}  # it asks without a key
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=unkeyed
    ) as process:
        said = []
        try:
            if process.stdout is None:
                raise StateError("server", "a process with output", "none", "report this")
            for line in process.stdout:
                said.append(line)
                if line.startswith("ready "):
                    yield line.split()[1]
                    break
            else:
                raise StateError(
                    "server", "a line that says it is ready", "".join(said[-5:]).strip(), "mend what it says"
                )
        finally:
            process.terminate()
            process.communicate()
