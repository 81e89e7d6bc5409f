"""Features by the SHA-256 of what they were computed from, in one file that only grows."""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.float32]


class Memo:
    """Records of (digest, row, CRC-32 of both), all of one length, appended whole.

    A record that a crash tore, or a disk damaged, fails its CRC and counts as absent; a torn end is cut off before the
    next one is written. Several processes may read and append; the lock is held while one writes. The file is a
    copy of what can be computed again: removing it loses time only.
    """

    def __init__(self, path: Path, width: int) -> None:
        self._path = path
        self._record = np.dtype([("digest", "V32"), ("row", "<f4", (width,)), ("crc", "<u4")])

    @classmethod
    def open(cls, path: Path, width: int) -> Memo:
        """The memo in this file, which need not exist, of rows of ``width`` numbers."""
        path.parent.mkdir(parents=True, exist_ok=True)
        return cls(path, width)

    def find(self, digests: Sequence[bytes]) -> dict[bytes, Row]:
        """The rows that are known, by digest."""
        if not self._path.exists() or self._path.stat().st_size < self._record.itemsize:
            return {}
        whole = self._path.stat().st_size // self._record.itemsize
        records = np.memmap(self._path, self._record, mode="r", shape=(whole,))
        wanted = set(digests)
        held: list[bytes] = records["digest"].tolist()
        places = {digest: place for place, digest in enumerate(held) if digest in wanted}
        found = ((digest, records[place]) for digest, place in places.items())
        return {digest: record["row"].copy() for digest, record in found if _crc(record) == record["crc"]}

    def add(self, rows: Mapping[bytes, Row]) -> None:
        """Keep rows (width,) by their digest."""
        records = np.zeros(len(rows), self._record)
        for record, (digest, row) in zip(records, rows.items(), strict=True):
            record["digest"], record["row"] = np.void(digest), row
            record["crc"] = _crc(record)
        with self._path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # released by close, and by the death of the process
            end = os.fstat(file.fileno()).st_size
            file.truncate(end - end % self._record.itemsize)
            file.write(records.tobytes())


def _crc(record: Any) -> int:
    return zlib.crc32(record["row"].tobytes(), zlib.crc32(bytes(record["digest"])))
