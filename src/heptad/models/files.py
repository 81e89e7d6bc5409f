"""How a model's numbers lie on disk: JSON for settings, npz for arrays, never a pickle."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heptad.errors import StateError


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write ``value`` as sorted JSON, so that equal values give equal bytes (and equal hashes)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, sort_keys=True, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """The object that `write_json` wrote; `StateError` for a missing or damaged file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(path, "a JSON file written by save", error) from error
    if type(value) is not dict:
        raise _unreadable(path, "a JSON object", type(value).__name__)
    return value


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays to an npz file (numbers and text only, object arrays are refused)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **dict(arrays))


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays that `write_arrays` wrote; `StateError` for a missing or damaged file."""
    try:
        # opened here: np.load leaves a damaged file open
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise _unreadable(path, "an npz file written by save", error) from error


def _unreadable(path: Path, expected: str, got: object) -> StateError:
    return StateError(
        f"model file {path.name}", expected, got, "load another version from the registry, or train again"
    )
