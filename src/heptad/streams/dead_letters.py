"""Dead letters: the records that will never count, each with the reason, in a file of JSON lines.

A line is ``{"offset": .., "stream": .., "reason": .., "expected": .., "got": .., "row": {..}}``. Lines are in the
order of the log, so the last one says which records were already reported: applying records again after a
crash reports none of them twice. A line cut off by a crash is removed when the file is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from heptad.errors import StateError
from heptad.streams.files import FileLayer, OsFiles, make_directories

_EVERYTHING = 1 << 62


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

    def __init__(self, path: Path, files: FileLayer, size: int, last: int) -> None:
        """For `DeadLetters.open`."""
        self.path = path
        self._files, self._file = files, files.open(path)
        self._size, self._last = size, last
        self._file.truncate(size)

    @classmethod
    def open(cls, path: str | Path, files: FileLayer | None = None) -> Self:
        """The file at ``path``, made where it is missing. Raises StateError where it holds something else."""
        path, layer = Path(path), files or OsFiles()
        make_directories(layer, path.parent)
        if path.name not in layer.names(path.parent):
            layer.create(path).close()
            layer.sync_directory(path.parent)
        data = layer.read(path, 0, _EVERYTHING)
        whole = data[: data.rfind(b"\n") + 1]
        last = _parsed(path, whole[whole.rfind(b"\n", 0, -1) + 1 :]).offset if whole else -1
        return cls(path, layer, len(whole), last)

    def add(self, letters: Sequence[DeadLetter]) -> None:
        """Write the letters that are not here yet, in the order of their offsets; durable on return.

        Raises StateError where the disk refuses; the same letters may be added again.
        """
        fresh = [letter for letter in letters if letter.offset > self._last]
        if not fresh:
            return
        lines = b"".join(msgspec.json.encode(letter) + b"\n" for letter in fresh)
        try:
            self._file.write(self._size, lines)
            self._file.sync()
        except OSError as error:
            raise StateError(
                f"dead letters {self.path}", "the disk to take them", error, "mend the disk, then apply again"
            ) from error
        self._size += len(lines)
        self._last = fresh[-1].offset

    def letters(self) -> list[DeadLetter]:
        """All of them."""
        return [_parsed(self.path, line) for line in self._files.read(self.path, 0, self._size).splitlines()]

    def close(self) -> None:
        self._file.close()


def _parsed(path: Path, line: bytes) -> DeadLetter:
    try:
        return msgspec.json.decode(line, type=DeadLetter)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StateError(
            f"dead letters {path}", "a JSON line per refused record", error, "move the file away"
        ) from None
