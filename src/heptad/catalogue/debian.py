"""Files that a Debian package happens to carry: the package is downloaded and read, never installed."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Generator, Sequence
from lzma import LZMAError
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Final

import msgspec

from heptad.catalogue.address import Address
from heptad.catalogue.dataset import Chunks, File
from heptad.errors import DataError

_CHUNK = 1 << 16
_MAGIC: Final = b"!<arch>\n"
_HEADER: Final = (
    60  #: bytes of an entry's header in an ar archive; its name is the first 16, its size 48 to 58
)


class Apt(msgspec.Struct, frozen=True):
    """Files inside one pinned Debian package, asked for by the machine's own apt, from the mirror it is set up with.

    Parameters
    ----------
    package: its name.
    version: its exact version.
    folder: where in the package the files lie, without a leading slash.
    """

    package: str
    version: str
    folder: str

    @property
    def title(self) -> str:
        """The package in words."""
        return f"the Debian package {self.package}={self.version} by apt-get"

    def streams(self, files: Sequence[File]) -> Generator[tuple[File, Chunks]]:
        """Each file, read out of the package; `DataError` where apt-get cannot get it or it lacks a file."""
        with TemporaryDirectory(prefix="heptad-deb-") as folder:
            yield from _members(self.title, self._download(Path(folder)), self.folder, files)

    def _download(self, folder: Path) -> Path:
        command = ["apt-get", "download", "-q", f"{self.package}={self.version}"]
        fix = f"see why with 'apt-get download {self.package}={self.version}'"
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd=folder
            )
        except OSError as error:
            raise DataError(self.title, "apt-get, to download it", str(error), fix) from error
        found = next(folder.glob("*.deb"), None)
        if done.returncode != 0 or found is None:
            said = done.stderr.strip().splitlines() or ["nothing"]
            got = f"exit status {done.returncode} and {said[-1]!r}"
            raise DataError(self.title, "apt-get to download it", got, fix)
        return found


class Pool(msgspec.Struct, frozen=True):
    """Files inside one Debian package at a web address, for machines without apt.

    Parameters
    ----------
    base: the directory of the archive's pool, http or https.
    package: the file's name, with version and architecture.
    folder: where in the package the files lie, without a leading slash.
    """

    base: str
    package: str
    folder: str

    @property
    def title(self) -> str:
        """The address."""
        return f"{self.base}/{self.package}"

    def streams(self, files: Sequence[File]) -> Generator[tuple[File, Chunks]]:
        """Each file, read out of the package; `DataError` where the address refuses or the package lacks a file."""
        with TemporaryDirectory(prefix="heptad-deb-") as folder:
            path = Path(folder) / "package.deb"
            for _, chunks in Address(self.base).streams([File(self.package, 0, "")]):
                with path.open("wb") as held:
                    held.writelines(chunks)
            yield from _members(self.title, path, self.folder, files)


def _members(title: str, path: Path, folder: str, files: Sequence[File]) -> Generator[tuple[File, Chunks]]:
    """The files in the order of the package, which is read once."""
    lacking = {f"{folder}/{file.name}": file for file in files}
    try:
        with path.open("rb") as held, tarfile.open(fileobj=_contents(held), mode="r|*") as archive:
            for member in archive:
                file = lacking.pop(member.name.removeprefix("./"), None) if member.isfile() else None
                body = None if file is None else archive.extractfile(member)
                if file is not None and body is not None:
                    yield file, _chunks(body)
                if not lacking:
                    return
    except (tarfile.TarError, LZMAError, EOFError, ValueError) as error:
        raise _another(title, "a readable Debian package", f"{type(error).__name__}: {error}") from error
    raise _another(title, f"a file {next(iter(lacking))} in it", "none")


def _contents(held: IO[bytes]) -> IO[bytes]:
    """The package's file, at the beginning of the archive ``data.tar`` in it (deb(5))."""
    if held.read(len(_MAGIC)) != _MAGIC:
        raise ValueError("no ar archive")
    while len(header := held.read(_HEADER)) == _HEADER:
        if header[:16].startswith(b"data.tar"):
            return held
        size = int(header[48:58])
        held.seek(size + size % 2, 1)
    raise ValueError("no data.tar in it")


def _chunks(body: IO[bytes]) -> Chunks:
    with body:
        while chunk := body.read(_CHUNK):
            yield chunk


def _another(title: str, expected: str, got: str) -> DataError:
    fix = "fetch from a mirror (HEPTAD_MIRROR): this package is another one than heptad knows"
    return DataError(title, expected, got, fix)
