"""What a data set is: its files to the byte, its terms, its citation and the places it comes from."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Protocol

import msgspec


class File(msgspec.Struct, frozen=True):
    """One file of a data set, known to the byte: its name, its size in bytes, its SHA-256 in hex."""

    name: str
    size: int
    sha256: str

    @property
    def expectation(self) -> str:
        """What the bytes must be, in words.

        >>> File("a.csv", 1234, "ab" * 32).expectation
        '1,234 bytes with SHA-256 abababababab…'
        """
        return content(self.size, self.sha256)


def content(size: int, sha256: str) -> str:
    """A file's content in a few words, for messages that compare two of them."""
    return f"{size:,} bytes with SHA-256 {sha256[:12]}…"


#: The bytes of one file, in pieces; closing it lets go of the connection or archive behind it.
Chunks = Generator[bytes]


class Source(Protocol):
    """A place that can hand over files of a data set, as bytes that nobody has verified yet."""

    @property
    def title(self) -> str:
        """The place in a few words, as a person would find it."""
        ...

    def streams(self, files: Sequence[File]) -> Generator[tuple[File, Chunks]]:
        """Each of ``files`` with its bytes in chunks; `DataError` where the place refuses.

        A file's chunks must be read before the next file is asked for.
        """
        ...


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """A public data set: what it is, under which terms, and where it comes from, in order.

    Parameters
    ----------
    name: what `fetch` and ``heptad data fetch`` call it.
    title: one plain line.
    licence: the terms of use, in words; heptad itself carries none of the data.
    citation: the paper its authors ask to be cited.
    homepage: the authors' own page.
    files: every file, with size and SHA-256.
    sources: where the files are asked for, in this order, once the cache and ``HEPTAD_MIRROR`` have none.
    """

    name: str
    title: str
    licence: str
    citation: str
    homepage: str
    files: tuple[File, ...]
    sources: tuple[Source, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)


class Progress(msgspec.Struct, frozen=True):
    """A step of a fetch: ``done`` of ``total`` bytes of ``file`` are here, from ``source``."""

    dataset: str
    file: str
    source: str
    done: int
    total: int
