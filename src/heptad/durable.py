"""Writes that are on disk when they return: whole files or directories, in place at once or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def sync(path: Path) -> None:
    """fsync a file, or a directory (so that the names in it last)."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(directory: Path) -> None:
    """fsync every file and directory below ``directory``, and itself."""
    for path in sorted(directory.rglob("*")):
        sync(path)
    sync(directory)


def replace(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path``: a reader sees the old file or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(content)
    sync(temporary)
    os.replace(temporary, path)
    sync(path.parent)


def digests(directory: Path) -> dict[str, str]:
    """SHA-256 of every file below ``directory``, by its path inside it with forward slashes."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): _digest(path) for path in files}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
