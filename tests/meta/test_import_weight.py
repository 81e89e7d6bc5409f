"""`import heptad` is light, and a room loads no optional package before it is used."""

from __future__ import annotations

import json
import pkgutil
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import heptad

ROOT = Path(__file__).resolve().parents[2]
#: Required packages that take a tenth of a second and more to import.
HEAVY = {"numpy", "numba", "llvmlite", "pyarrow"}
REPORT = """
import importlib, json, sys
loaded = {}
for name in sys.argv[1:]:
    importlib.import_module(name)
    loaded[name] = sorted({module.partition(".")[0] for module in sys.modules})
print(json.dumps(loaded))
"""


def loaded_by(*modules: str) -> dict[str, set[str]]:
    """The top-level packages in a new interpreter after importing each of ``modules`` in turn."""
    done = subprocess.run(
        [sys.executable, "-c", REPORT, *modules], capture_output=True, text=True, check=True, timeout=120
    )
    return {name: set(packages) for name, packages in json.loads(done.stdout).items()}


def optional_packages() -> set[str]:
    """Import names of every package that only an extra of pyproject.toml installs."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = {re.match(r"[\w.-]+", entry)[0].lower() for entries in extras.values() for entry in entries}
    wanted -= {"heptad"}
    return {
        package
        for package, distributions in packages_distributions().items()
        if wanted & {distribution.lower() for distribution in distributions} and package.isidentifier()
    }


def test_the_extras_are_known_by_their_import_names():
    assert {
        "lightgbm",
        "sklearn",
        "scipy",
        "matplotlib",
        "uvicorn",
        "pandas",
        "polars",
    } <= optional_packages()


def test_importing_heptad_loads_nothing_heavy_and_no_extra():
    assert loaded_by("heptad")["heptad"] & (HEAVY | optional_packages()) == set()


def test_importing_a_room_loads_no_extra():
    rooms = [f"heptad.{room.name}" for room in pkgutil.iter_modules(heptad.__path__)]
    optional = optional_packages()
    found = {room: packages & optional for room, packages in loaded_by(*rooms).items()}
    assert {room: packages for room, packages in found.items() if packages} == {}
