"""How much of the memory each part of a build may hold at once, in rows."""

from __future__ import annotations

import os
import re
import resource
import sys
from dataclasses import dataclass
from typing import Final

from heptad.errors import DeclarationError

_UNITS: Final = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
                 "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}  # fmt: skip
#: Bytes an engine holds per event beside its columns while it sorts and sweeps, and per row beside its states.
EVENT: Final = 150
ROW: Final = 200
#: What libraries, compiled kernels and the file writer take once they run, beside what the process has now.
RESERVE: Final = 200 * 10**6
_LEAST: Final = 64 * 10**6
#: What a partition takes at most: its columns are then small enough for the allocator to give the same memory again,
#: where larger ones are pages that the system clears each time.
_PARTITION: Final = 100 * 10**6
#: Partitions above which they rather grow: each piece of one is a read of its own.
_MANY: Final = 256


def memory_bytes(text: str | int) -> int:
    """Bytes of ``"2GB"``, ``"512MiB"`` or a number of bytes.

    >>> memory_bytes("2GB"), memory_bytes("1.5 GiB"), memory_bytes(10**9)
    (2000000000, 1610612736, 1000000000)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kKmMgGtT]?i?[bB]?)\s*", str(text))
    if found is None or found[2].upper() not in _UNITS:
        raise DeclarationError("memory", "a size such as '2GB' or '512MB'", repr(text), "write memory='2GB'")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def resident() -> int:
    """Bytes of memory this process holds now."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # no such file but on Linux: what is usual for this process
        return 250 * 10**6


def peak() -> int:
    """The most memory this process has held so far, bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


@dataclass(frozen=True)
class Budget:
    """What may be in memory at once: ``free`` bytes in all, ``workers`` partitions.

    The other fields are None where they follow from ``free``; tests set them to force every way through a build.
    """

    free: int
    workers: int = 2
    chunk: int | None = None
    block: int | None = None
    partitions: int | None = None
    load: int | None = None  #: rows and events of a partition, above which it is sliced

    @classmethod
    def of(cls, memory: str | int, workers: int) -> Budget:
        """The budget of a process that may hold ``memory`` in all. Raises DeclarationError where it is too little."""
        total, used = memory_bytes(memory), resident() + RESERVE
        if workers < 1:
            raise DeclarationError("workers", "1 or more", workers, "write workers=2")
        if total - used < _LEAST:
            least = (used + _LEAST) / 1e6
            raise DeclarationError(
                f"memory {memory!r}", f"at least {least:.0f} MB, of which the process itself takes {used / 1e6:.0f} MB",
                f"{total / 1e6:.0f} MB", "allow more",
            )  # fmt: skip
        return cls(total - used, workers)

    @property
    def share(self) -> int:
        """Bytes one partition may take."""
        return int(self.free * 0.8) // self.workers

    def chunk_rows(self, columns: int, shards: int) -> int:
        """Events decoded at a time: two chunks are in memory, one of them spread over the shards."""
        row = 8 * (columns + 3) * (2 + 2 * min(shards, self.workers)) + 40
        return self.chunk or max(10_000, min(2_000_000, int(self.free * 0.5) // row))

    def block_rows(self, columns: int) -> int:
        """Rows put together at a time; each worker prepares a block."""
        row = 8 * columns * 3 + 100
        return self.block or max(1_000, min(1_000_000, int(self.free * 0.6) // (row * (self.workers + 1))))

    def count(self, cost: int) -> int:
        """Partitions for a shard that costs so many bytes, even ones taking two thirds of a share at most."""
        return self.partitions or max(1, -(-cost // min(self.share * 2 // 3, max(_PARTITION, cost // _MANY))))


def event_bytes(columns: int) -> int:
    """What an event of so many columns takes in an engine."""
    return EVENT + 16 * (columns + 2)


def row_bytes(words: int, columns: int) -> int:
    """What a row takes whose states have so many words."""
    return ROW + 10 * words + 16 * columns
