"""A new system's directory: its four files, written whole or not at all, and proved by reading them back."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp

from heptad.errors import DataError
from heptad.run.scaffold.render_data import data_text, functions
from heptad.run.scaffold.render_system import system_text
from heptad.run.scaffold.sketch import Sketch


def write(sketch: Sketch, directory: Path) -> tuple[Path, ...]:
    """Write the system to a directory that must not exist yet; returns the files. Raises DataError."""
    if directory.exists():
        raise DataError(
            f"directory {directory}",
            "a new one",
            "one that is there already",
            "choose another name, or remove it",
        )
    texts = {
        "system.py": system_text(sketch),
        "data.py": data_text(sketch, directory),
        "heptad.toml": _profile(sketch),
        "README.md": _readme(sketch, directory),
    }
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(mkdtemp(dir=directory.parent, prefix=f".{directory.name}."))
        try:
            for name, text in texts.items():
                (draft / name).write_text(text, encoding="utf-8")
            draft.chmod(0o755)
            draft.rename(directory)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    except OSError as error:
        raise DataError(
            f"directory {directory}", "a place to write to", error, "choose another place"
        ) from error
    return tuple(directory / name for name in texts)


def _profile(s: Sketch) -> str:
    sources = "\n".join(f'{cls} = "python:.data:{function}"' for cls, function in functions(s).items())
    return f"""# Where `heptad run` keeps the log, states and models of {s.name}, and where its data comes from.
[dev]
clock = "replay"
log = ".heptad/{s.name}/log"
store = "embedded:.heptad/{s.name}/state"
registry = ".heptad/registry"
{sources}
"""


def _readme(s: Sketch, directory: Path) -> str:
    roles = [("time", s.time), ("user", s.user), ("item", s.item), ("key", s.key), ("outcome", s.outcome)]
    rows = [
        f"| {role} | {'`' + column.source + '`' if column else 'none'} | {s.reasons.get(role, '')} |"
        for role, column in roles
    ]
    positive = (
        f"\nAn event is positive where `{s.positive}`: {s.positive.share:.0%} of them.\n"
        if s.positive
        else ""
    )
    left = "".join(f"* `{name}`: {why}\n" for name, why in s.unused.items())
    where = directory.name
    return (
        f"""# {s.name}

Written by `heptad new` from `{s.events.path.name}`. The files are yours: change what does not fit.

```bash
heptad explain ./{where}
heptad run ./{where}
heptad design ./{where}
heptad serve ./{where}
```

* `system.py` declares the seven steps.
* `data.py` reads the file: every time becomes microseconds UTC there.
* `heptad.toml` names where data comes from and where state is kept.

## What each column was taken for

| role | column | why |
|---|---|---|
{chr(10).join(rows)}
{positive}
To choose otherwise, remove the directory and say so:
`heptad new {where} --events FILE --user COLUMN --item COLUMN --time COLUMN --key COLUMN --outcome COLUMN`.

## Columns that are not used

{left or "None."}""".rstrip()
        + "\n"
    )
