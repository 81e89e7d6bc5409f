"""Dead letters: the records that will never count, each with the reason, in a file of JSON lines.

The first line names the format, every other is
``{"offset": .., "stream": .., "reason": .., "expected": .., "got": .., "row": {..}}``. Lines are in the order of
the log, so the last one says which records were already reported: applying records again after a crash
reports none of them twice. What a crash left of lines that were not yet acknowledged is cut off from the first
one that is not whole when the file is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from heptad.errors import StateError
from heptad.streams.files import FileLayer, OsFiles, make_directories

_EVERYTHING: Final = 1 << 62
_HEADER: Final = b'{"heptad": "dead letters", "format": 1}\n'
_UNFINISHED: Final = ".new"
#: Bytes after which a write ends, so that what may not be durable is never more (one line may be longer).
_WRITE: Final = 1 << 20


class DeadLetter(msgspec.Struct, frozen=True):
    """One refused record: ``reason`` is late, future or conflict."""

    offset: int
    stream: str
    reason: str
    expected: str
    got: str
    row: Mapping[str, Any]


class DeadLetters:
    """The file of dead letters of one log. Open it with `DeadLetters.open`."""

    def __init__(self, path: Path, files: FileLayer, lines: Sequence[bytes], last: int) -> None:
        """For `DeadLetters.open`."""
        self.path = path
        self._files, self._file = files, files.open(path)
        self._size, self._last = sum(map(len, lines)), last
        self._file.truncate(self._size)
        tail = b"".join(lines)[-_WRITE:]  # after a failed sync it may be seen and still not be on disk
        self._file.write(self._size - len(tail), tail)
        self._file.sync()

    @classmethod
    def open(cls, path: str | Path, files: FileLayer | None = None) -> Self:
        """The file at ``path``, made where it is missing. Raises StateError where it holds something else."""
        path, layer = Path(path), files or OsFiles()
        make_directories(layer, path.parent)
        if path.name not in layer.names(path.parent):
            _create(path, layer)
        layer.sync_directory(path.parent)
        header, *lines = layer.read(path, 0, _EVERYTHING).splitlines(keepends=True) or [b""]
        if header != _HEADER:
            raise StateError(
                f"dead letters {path}", f"a first line {_HEADER.decode().strip()}", repr(header)[:60],
                "move the file away, or name another",
            )  # fmt: skip
        last, whole = -1, [header]
        for line in lines:
            letter = _parsed(line)
            if letter is None or letter.offset <= last:
                break
            last = letter.offset
            whole.append(line)
        return cls(path, layer, whole, last)

    def add(self, letters: Sequence[DeadLetter]) -> None:
        """Write the letters that are not here yet, in the order of their offsets; durable on return.

        Raises StateError where the disk refuses; the same letters may be added again.
        """
        lines, size = list[bytes](), 0
        for letter in letters:
            if letter.offset > self._last:
                lines.append(msgspec.json.encode(letter) + b"\n")
                size += len(lines[-1])
                if size > _WRITE - (1 << 16):
                    self._write(lines, letter.offset)
                    lines, size = [], 0
        if lines:
            self._write(lines, letters[-1].offset)

    def _write(self, lines: Sequence[bytes], last: int) -> None:
        data = b"".join(lines)
        try:
            self._file.write(self._size, data)
            self._file.sync()
        except OSError as error:
            raise StateError(
                f"dead letters {self.path}", "the disk to take them", error, "mend the disk, then apply again"
            ) from error
        self._size += len(data)
        self._last = last

    def letters(self) -> list[DeadLetter]:
        """All of them."""
        lines = self._files.read(self.path, 0, self._size).splitlines(keepends=True)
        return [letter for line in lines[1:] if (letter := _parsed(line)) is not None]

    def close(self) -> None:
        self._file.close()


def _create(path: Path, files: FileLayer) -> None:
    """An empty file of dead letters: it has its name once its header is on disk."""
    unfinished = path.with_name(path.name + _UNFINISHED)
    file = files.create(unfinished)
    try:
        file.write(0, _HEADER)
        file.sync()
    finally:
        file.close()
    files.rename(unfinished, path)


def _parsed(line: bytes) -> DeadLetter | None:
    """The letter of a line; None where the line is not whole."""
    try:
        return msgspec.json.decode(line, type=DeadLetter) if line.endswith(b"\n") else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
