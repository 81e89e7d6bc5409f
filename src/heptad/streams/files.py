"""The few file operations durable code needs, behind a protocol so that tests can make the disk fail.

The rules a file layer promises, and no more:

* bytes written are durable after ``sync`` of the file, a directory's names after ``sync_directory``;
* a file's name and its bytes are separate: both must be synced;
* after a crash any part of what was not synced may be there or not;
* after a failed ``sync`` what was written before it may never become durable, even if a later ``sync``
  succeeds (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).
"""

from __future__ import annotations

import fcntl
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Protocol


class WritableFile(Protocol):
    """One file open for writing. Every method raises OSError when the disk refuses."""

    def write(self, position: int, data: bytes) -> None:
        """Write all of ``data`` at byte ``position``; on an error a part of it may be written."""

    def truncate(self, size: int) -> None: ...

    def sync(self) -> None:
        """Return once the file's bytes and size are on disk."""

    def close(self) -> None: ...


class Lock(Protocol):
    """A lock that is held until released, or until its process ends."""

    def release(self) -> None: ...


class FileLayer(Protocol):
    """A file system as the log sees it."""

    def create(self, path: Path) -> WritableFile:
        """A new file, or an existing one emptied."""

    def open(self, path: Path) -> WritableFile:
        """An existing file, kept as it is."""

    def read(self, path: Path, position: int, count: int) -> bytes:
        """Up to ``count`` bytes from ``position``; fewer only where the file ends."""

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name in the same directory, in one step."""

    def remove(self, path: Path) -> None: ...

    def names(self, directory: Path) -> list[str]:
        """The names in a directory, sorted; FileNotFoundError where there is none."""

    def is_directory(self, path: Path) -> bool: ...

    def make_directory(self, path: Path) -> None:
        """Make one directory in an existing one; fine if it is there already."""

    def sync_directory(self, path: Path) -> None:
        """Return once the names in the directory are on disk."""

    def lock(self, path: Path) -> Lock:
        """Take the lock at ``path`` without waiting; BlockingIOError, naming the holder, if it is taken."""


def make_directories(files: FileLayer, path: Path) -> None:
    """Make ``path`` and what is missing above it; its own name is durable on return."""
    if not files.is_directory(path.parent):
        make_directories(files, path.parent)
    files.make_directory(path)
    files.sync_directory(path.parent)


class OsFile:
    """A file of the operating system, written at positions."""

    def __init__(self, path: Path, flags: int) -> None:
        self._descriptor = os.open(path, flags | os.O_RDWR | os.O_CLOEXEC, 0o644)

    def write(self, position: int, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            written = os.pwrite(self._descriptor, rest, position)
            position, rest = position + written, rest[written:]

    def truncate(self, size: int) -> None:
        os.ftruncate(self._descriptor, size)

    def sync(self) -> None:
        if sys.platform == "darwin":  # there fsync leaves the bytes in the drive's own cache
            fcntl.fcntl(self._descriptor, fcntl.F_FULLFSYNC)
        else:
            os.fdatasync(self._descriptor)  # the bytes and the size, not the times

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class OsLock:
    """An advisory lock on an open file: it dies with its process, and excludes a second open in the same one."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise BlockingIOError(error.errno, f"process {holder or 'unknown'}") from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class OsFiles:
    """The operating system's files (POSIX)."""

    def create(self, path: Path) -> WritableFile:
        return OsFile(path, os.O_CREAT | os.O_TRUNC)

    def open(self, path: Path) -> WritableFile:
        return OsFile(path, 0)

    def read(self, path: Path, position: int, count: int) -> bytes:
        with open(path, "rb", buffering=0) as file:
            count = min(count, os.fstat(file.fileno()).st_size - position)
            parts = []
            while count > 0 and (part := os.pread(file.fileno(), count, position)):
                parts.append(part)
                position, count = position + len(part), count - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def rename(self, old: Path, new: Path) -> None:
        os.rename(old, new)

    def remove(self, path: Path) -> None:
        os.unlink(path)

    def names(self, directory: Path) -> list[str]:
        return sorted(os.listdir(directory))

    def is_directory(self, path: Path) -> bool:
        return os.path.isdir(path)

    def make_directory(self, path: Path) -> None:
        with suppress(FileExistsError):
            os.mkdir(path)

    def sync_directory(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def lock(self, path: Path) -> Lock:
        return OsLock(path)
