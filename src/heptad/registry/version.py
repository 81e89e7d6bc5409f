"""One registered version of a system's model: its files, metrics and where it came from."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from heptad.durable import digests
from heptad.errors import StateError
from heptad.registry.journal import Stage

MANIFEST: Final = "manifest.json"


@dataclass(frozen=True)
class Lineage:
    """What a version was made of: hashes of its data, plan and code, and the time its training data ends.

    ``trained_through`` is in microseconds: no event at or after it was used.
    """

    data: str
    plan: str
    code: str
    trained_through: int


@dataclass(frozen=True)
class Version:
    """A version as read from the registry; ``files`` holds the SHA-256 of each file below ``path``."""

    system: str
    name: str
    path: Path
    created: int
    metrics: Mapping[str, float]
    lineage: Lineage
    files: Mapping[str, str]
    stage: Stage


def manifest_of(
    directory: Path, *, system: str, name: str, created: int, metrics: Mapping[str, float], lineage: Lineage
) -> bytes:
    """The manifest for the files now in ``directory``; NaN metrics are written as null."""
    value = {
        "system": system,
        "version": name,
        "created": created,
        "metrics": {key: None if math.isnan(number) else float(number) for key, number in metrics.items()},
        "lineage": asdict(lineage),
        "files": digests(directory),
    }
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()


def open_version(path: Path, manifest_digest: str, stage: Stage, *, check_files: bool = True) -> Version:
    """Read a version and check its bytes; `StateError` if a file is missing, added or changed.

    Without ``check_files`` only the manifest is checked: enough to list, not to load.
    """
    linked = next((place for place in (path, *path.rglob("*")) if place.is_symlink()), None)
    if linked is not None:  # what it points to may change after it was checked
        raise _damaged(path, f"a symbolic link, {linked.name}")
    try:
        content = (path / MANIFEST).read_bytes()
    except OSError as error:
        raise _damaged(path, f"no readable {MANIFEST}") from error
    if hashlib.sha256(content).hexdigest() != manifest_digest:
        raise _damaged(path, f"a changed {MANIFEST}")
    manifest: dict[str, Any] = json.loads(content)
    expected: dict[str, str] = manifest["files"]
    found = (
        {name: digest for name, digest in digests(path).items() if name != MANIFEST} if check_files else {}
    )
    if check_files and found != expected:
        names = sorted(
            name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)
        )
        raise _damaged(path, f"other bytes in {', '.join(names)}")
    return Version(
        system=manifest["system"],
        name=manifest["version"],
        path=path,
        created=manifest["created"],
        metrics={key: math.nan if n is None else n for key, n in manifest["metrics"].items()},
        lineage=Lineage(**manifest["lineage"]),
        files=expected,
        stage=stage,
    )


def _damaged(path: Path, got: str) -> StateError:
    return StateError(
        f"version {path.name} at {path}",
        "the files that were registered, byte for byte",
        got,
        "roll back to another version, or train again",
    )
