"""A disk that forgets and fails on demand: files in memory, with a model of what of them is durable.

Per file it keeps the bytes a process sees, the bytes on disk, and the writes between the two; per directory
the same for names. The model is as mean as POSIX allows:

* ``crash`` keeps an arbitrary part of what was not synced: whole writes, 512-byte blocks of them, or a block
  torn at a byte; names and bytes independently;
* a file's ``sync`` says nothing about its name;
* after a failed ``sync`` the bytes stay visible but are forgotten, as a page cache forgets them: no later
  ``sync`` brings them to disk unless they are written again;
* a failed write leaves a part of its bytes behind.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from heptad.streams.files import Lock, WritableFile

BLOCK: Final = 512


class _Bytes:
    """A file: what processes see, what the disk has, and the changes in between (bytes written, or a size)."""

    def __init__(self) -> None:
        self.visible, self.durable = bytearray(), bytearray()
        self.unsynced: list[tuple[int, bytes | None]] = []

    def change(self, position: int, data: bytes | None) -> None:
        self.unsynced.append((position, data))
        _apply(self.visible, position, data)

    def sync(self) -> None:
        for position, data in self.unsynced:
            _apply(self.durable, position, data)
        self.unsynced.clear()

    def crash(self, rng: Random) -> None:
        keep = rng.choice((0.0, 0.5, 0.9, 1.0))
        for position, data in self.unsynced:
            if data is None:
                if rng.random() < keep:
                    _apply(self.durable, position, None)
                continue
            for at in range(0, len(data), BLOCK):
                if rng.random() < keep:
                    block = data[at : at + BLOCK]
                    torn = rng.random() < 0.2
                    _apply(self.durable, position + at, block[: rng.randrange(len(block))] if torn else block)
        self.unsynced.clear()
        self.visible = bytearray(self.durable)


def _apply(content: bytearray, position: int, data: bytes | None) -> None:
    """Write ``data`` at a position, zeros in a gap before it; None cuts or extends to that size."""
    size = position if data is None else position + len(data)
    if data is None:
        del content[size:]
    content.extend(bytes(max(0, size - len(content))))
    if data is not None:
        content[position:size] = data


class _Names:
    """A directory: the names processes see, those on disk, and the changes in between."""

    def __init__(self) -> None:
        self.visible: dict[str, _Bytes | _Names] = {}
        self.durable: dict[str, _Bytes | _Names] = {}
        self.unsynced: list[dict[str, _Bytes | _Names | None]] = []

    def change(self, names: dict[str, _Bytes | _Names | None]) -> None:
        self.unsynced.append(names)
        _rename(self.visible, names)

    def sync(self) -> None:
        for names in self.unsynced:
            _rename(self.durable, names)
        self.unsynced.clear()

    def crash(self, rng: Random) -> None:
        for names in self.unsynced:
            if rng.random() < 0.5:
                _rename(self.durable, names)
        self.unsynced.clear()
        self.visible = dict(self.durable)
        for node in self.visible.values():
            node.crash(rng)


def _rename(directory: dict[str, _Bytes | _Names], names: dict[str, _Bytes | _Names | None]) -> None:
    for name, node in names.items():
        if node is None:
            directory.pop(name, None)
        else:
            directory[name] = node


class FaultyFiles:
    """A `heptad.streams.files.FileLayer` in memory. Paths are absolute; the root directory always exists.

    >>> files, log = FaultyFiles(), Path("/log")
    >>> file = files.create(log)
    >>> file.write(0, b"synced"); file.sync(); files.sync_directory(Path("/"))
    >>> file.write(6, b" or not")
    >>> files.crash(Random(2))
    >>> files.read(log, 0, 6)
    b'synced'
    """

    def __init__(self) -> None:
        self._root = _Names()
        self._life = 0
        self._held: set[Path] = set()
        self._writes_left: int | None = None
        self._syncs_left: int | None = None

    # -- what a test does to the disk

    def crash(self, rng: Random) -> None:
        """The power fails: every process dies, and of what was not synced ``rng`` chooses what stays."""
        self.kill()
        self._root.crash(rng)

    def kill(self) -> None:
        """Every process dies, the machine lives: what was written stays visible, as unsynced as it was."""
        self._life += 1
        self._held.clear()

    def fail_write(self, nth: int = 1) -> None:
        """Let the nth write from now on, and every later one until `heal`, find the disk full (ENOSPC)."""
        self._writes_left = nth - 1

    def fail_sync(self, nth: int = 1) -> None:
        """Let the nth sync from now on, of a file or a directory, fail once (EIO)."""
        self._syncs_left = nth - 1

    def heal(self) -> None:
        """Forget the faults ordered by `fail_write` and `fail_sync`; a crash alone mends no disk."""
        self._writes_left = self._syncs_left = None

    # -- what a subclass may break

    def sync(self, path: Path, commit: Callable[[], None]) -> None:
        """Sync a file or a directory: ``commit`` makes it durable. Leave it out to plant a missing sync."""
        commit()

    # -- the file layer

    def create(self, path: Path) -> WritableFile:
        file = _Bytes()
        self._names_of(path.parent).change({path.name: file})
        return _OpenFile(self, path, file)

    def open(self, path: Path) -> WritableFile:
        return _OpenFile(self, path, self._bytes_of(path))

    def read(self, path: Path, position: int, count: int) -> bytes:
        return bytes(self._bytes_of(path).visible[position : position + count])

    def rename(self, old: Path, new: Path) -> None:
        directory = self._names_of(old.parent)
        directory.change({old.name: None, new.name: directory.visible[old.name]})

    def remove(self, path: Path) -> None:
        self._bytes_of(path)
        self._names_of(path.parent).change({path.name: None})

    def names(self, directory: Path) -> list[str]:
        return sorted(self._names_of(directory).visible)

    def is_directory(self, path: Path) -> bool:
        return isinstance(self._find(path), _Names)

    def make_directory(self, path: Path) -> None:
        if not self.is_directory(path):
            self._names_of(path.parent).change({path.name: _Names()})

    def sync_directory(self, path: Path) -> None:
        directory = self._names_of(path)
        self.before_sync(path)
        self.sync(path, directory.sync)

    def lock(self, path: Path) -> Lock:
        if path in self._held:
            raise BlockingIOError(errno.EAGAIN, "a process of this test")
        self._held.add(path)
        return _Held(self, path)

    # -- the parts

    def before_write(self, data: bytes) -> bytes:
        """What of ``data`` reaches the file; shorter than ``data`` where the disk is full now."""
        if self._writes_left == 0:
            return data[: len(data) // 2]
        if self._writes_left is not None:
            self._writes_left -= 1
        return data

    def before_sync(self, path: Path) -> None:
        """Raise where this is the sync that was ordered to fail."""
        if self._syncs_left == 0:
            self._syncs_left = None
            raise OSError(errno.EIO, "input/output error", str(path))
        if self._syncs_left is not None:
            self._syncs_left -= 1

    def _find(self, path: Path) -> _Bytes | _Names | None:
        node: _Bytes | _Names | None = self._root
        for name in path.parts[1:]:
            node = node.visible.get(name) if isinstance(node, _Names) else None
        return node

    def _bytes_of(self, path: Path) -> _Bytes:
        node = self._find(path)
        if not isinstance(node, _Bytes):
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        return node

    def _names_of(self, path: Path) -> _Names:
        node = self._find(path)
        if not isinstance(node, _Names):
            raise FileNotFoundError(errno.ENOENT, "no such directory", str(path))
        return node


class _OpenFile:
    """A file held open by a process, until that process dies."""

    def __init__(self, files: FaultyFiles, path: Path, file: _Bytes) -> None:
        self._files, self._path, self._file, self._life = files, path, file, files._life

    def write(self, position: int, data: bytes) -> None:
        file = self._alive()
        reached = self._files.before_write(data)
        file.change(position, reached)
        if len(reached) < len(data):
            raise OSError(errno.ENOSPC, "no space left on device", str(self._path))

    def truncate(self, size: int) -> None:
        self._alive().change(size, None)

    def sync(self) -> None:
        file = self._alive()
        try:
            self._files.before_sync(self._path)
        except OSError:
            file.unsynced.clear()  # visible still, but never written
            raise
        self._files.sync(self._path, file.sync)

    def close(self) -> None:
        pass

    def _alive(self) -> _Bytes:
        if self._life != self._files._life:
            raise OSError(errno.EBADF, "the process that opened it is dead", str(self._path))
        return self._file


class _Held:
    """A lock taken in `FaultyFiles`."""

    def __init__(self, files: FaultyFiles, path: Path) -> None:
        self._files, self._path, self._life = files, path, files._life

    def release(self) -> None:
        if self._life == self._files._life:
            self._files._held.discard(self._path)
