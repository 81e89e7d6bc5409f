"""A profile: where one deployment of a system keeps its state, and where its data comes from (heptad.toml)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

from heptad.errors import DeclarationError, StateError
from heptad.run.source import Source, source
from heptad.run.target import Target
from heptad.state.open import deployed

FILE = "heptad.toml"
CLOCKS = ("wall", "replay")


@dataclass(frozen=True)
class Profile:
    """One table of heptad.toml.

    ``log`` and ``registry`` are directories and ``store`` a URL, relative to the current directory;
    ``sources`` holds one source per event and table class of the plan; ``path`` is the file itself.
    """

    name: str
    path: Path
    clock: str
    log: Path
    store: str
    registry: Path
    sources: Mapping[str, Source]


def load_profile(target: Target, name: str = "dev", path: Path | None = None) -> Profile:
    """The profile called ``name``: from ``path``, else ./heptad.toml, else the file beside the system.

    ./heptad.toml is taken where it says ``system = "NAME"`` with this system's name, or where there is no
    file beside the system. Raises DeclarationError that names the file, the key and the mending.
    """
    path = _find(target, path)
    tables = _tables(path)
    if name not in tables:
        raise DeclarationError(
            f"profile {name!r}", f"a table [{name}] in {path}", f"tables {', '.join(tables) or 'none'}",
            f"add [{name}], or choose another with --profile",
        )  # fmt: skip
    return _profile(target, name, path, tables[name])


def _find(target: Target, path: Path | None) -> Path:
    if path is not None:
        if not path.is_file():
            raise DeclarationError(
                "--config", "a file such as heptad.toml", f"no file {path}", "check the path"
            )
        return path
    here, beside = Path.cwd() / FILE, target.directory / FILE
    if here.is_file() and (_read(here).get("system") == target.name or not beside.is_file()):
        return here
    if beside.is_file():
        return beside
    streams = "\n".join(f'  {stream.name} = "python:.data:..."' for stream in target.system.plan.streams)
    raise DeclarationError(
        f"profiles of {target.name}", f"the file {here} or {beside}", "neither",
        f"write one:\n  [dev]\n{streams}\n",
    )  # fmt: skip


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DeclarationError(str(path), "a TOML file", str(error), "mend that line") from error


def _tables(path: Path) -> dict[str, dict[str, Any]]:
    content = _read(path)
    stray = [key for key, value in content.items() if key != "system" and not isinstance(value, dict)]
    if stray:
        raise DeclarationError(
            f"{stray[0]!r} in {path}", "profiles such as [dev], and only system= above them", "a key outside",
            "move it below the line [dev]",
        )  # fmt: skip
    return {key: value for key, value in content.items() if isinstance(value, dict)}


def _profile(target: Target, name: str, path: Path, table: Mapping[str, Any]) -> Profile:
    thing = f"profile [{name}] in {path}"
    streams = [stream.name for stream in target.system.plan.streams]
    settings = {
        "clock": "replay",
        "log": f".heptad/{target.name}/log",
        "store": f"embedded:.heptad/{target.name}/state",
        "registry": ".heptad/registry",
    }
    allowed = [*settings, *streams]
    for key in table:
        if key not in allowed:
            close = get_close_matches(key, allowed, n=1)
            raise DeclarationError(
                thing, f"keys among {', '.join(allowed)}", repr(key),
                f"write {close[0]}" if close else "remove it; classes are those the features, label and requests use",
            )  # fmt: skip
    missing = [stream for stream in streams if stream not in table]
    if missing:
        raise DeclarationError(
            thing, f"a source for {missing[0]}", "none",
            f'add {missing[0]} = "python:module:function", or a path to .parquet, .csv or .jsonl',
        )  # fmt: skip
    said = {key: _text(thing, key, table.get(key, default)) for key, default in settings.items()}
    if said["clock"] not in CLOCKS:
        raise DeclarationError(
            f"clock of {thing}", " or ".join(map(repr, CLOCKS)), repr(said["clock"]),
            "use 'replay' for historical data and 'wall' for live events",
        )  # fmt: skip
    for key in ("log", "registry"):
        if ":" in said[key]:
            raise DeclarationError(
                f"{key} of {thing}", "a directory", repr(said[key]), f"write for example {settings[key]!r}"
            )
    try:
        store = deployed(said["store"], target.name)
        if store == "embedded:":
            raise StateError("the store", "a directory", "none", "write embedded:PATH")
    except StateError as error:
        raise DeclarationError(
            f"store of {thing}", "'memory:', 'embedded:PATH' or 'redis://HOST:PORT/DB'", repr(said["store"]),
            f"write for example {settings['store']!r}",
        ) from error  # fmt: skip
    package = target.module.__name__.rpartition(".")[0]
    sources = {stream: source(stream, table[stream], path.resolve().parent, package) for stream in streams}
    return Profile(
        name, path, said["clock"], Path(said["log"]), store, Path(said["registry"]),
        MappingProxyType(sources),
    )  # fmt: skip


def _text(thing: str, key: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise DeclarationError(f"{key} of {thing}", "text", repr(value), f'write {key} = "..."')
    return value
