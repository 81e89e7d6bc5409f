"""Results as files: whole or not at all."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from heptad.errors import DataError


def write_text(path: Path, text: str) -> None:
    """Write a file under a temporary name beside it, then rename: a reader never sees a half of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as part:
            temporary = Path(part.name)
            try:
                part.write(text)
                part.flush()
                os.fsync(part.fileno())
                temporary.chmod(0o644)
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise DataError(
            f"file {path}", "a file that can be written", error, "choose another place"
        ) from error


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a result as JSON; what is no number there (NaN, infinite) becomes null."""
    write_text(path, json.dumps(_plain(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file. Raises DataError for a file that holds none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"file {path}", "a JSON object", error, "run the command that writes it again"
        ) from error
    if not isinstance(value, dict):
        raise DataError(
            f"file {path}", "a JSON object", type(value).__name__, "run the command that writes it again"
        )
    return value


def _plain(value: Any) -> Any:
    """Only what JSON has: keys as text, sequences as lists, numpy's numbers as Python's, paths as text."""
    match value:
        case None | bool() | str() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(key): _plain(held) for key, held in value.items()}
        case list() | tuple():
            return [_plain(held) for held in value]
        case Path():
            return str(value)
    if callable(item := getattr(value, "tolist", None)):  # numpy's scalars and arrays
        return _plain(item())
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
