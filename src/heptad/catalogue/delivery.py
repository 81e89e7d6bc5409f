"""Brings a data set's files into a folder: each appears whole and verified, or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile

from heptad.catalogue.dataset import Chunks, Dataset, File, Progress, Source, content
from heptad.durable import sync
from heptad.errors import DataError

_PART = ".part"

Report = Callable[[Progress], None]


def deliver(dataset: Dataset, folder: Path, sources: Sequence[Source], report: Report) -> dict[str, Path]:
    """The path of every file of ``dataset`` in ``folder``, fetched from the first source that has it.

    A file already there with the right bytes is kept; another one is replaced. Processes that fetch at
    the same time wait for the first. `DataError` when no source delivers the right bytes, or when the
    folder cannot be written.
    """
    try:
        if _lacking(dataset.files, folder):  # asked before locking: a complete shelf may be read-only
            with _alone_in(folder):
                _fill(dataset, folder, sources, report)
    except OSError as error:
        raise DataError(
            f"folder {folder}",
            f"a place to keep the {dataset.size:,} bytes of {dataset.name} in",
            error,
            "set HEPTAD_DATA to a folder you may write to",
        ) from error
    return {file.name: folder / file.name for file in dataset.files}


def _fill(dataset: Dataset, folder: Path, sources: Sequence[Source], report: Report) -> None:
    for leftover in folder.glob(f"*{_PART}"):  # of a process that was killed: we are alone here
        leftover.unlink()
    refusals: list[str] = []
    for source in sources:
        lacking = _lacking(dataset.files, folder)
        if not lacking:  # another process was quicker, or the source before had everything
            return
        try:
            with closing(source.streams(lacking)) as streams:
                for file, chunks in streams:
                    _store(dataset, file, chunks, folder, source.title, report)
        except DataError as error:
            refusals.append(str(error))
    if lacking := _lacking(dataset.files, folder):
        raise DataError(
            f"data set {dataset.name!r}",
            " and ".join(f"{file.name} ({file.expectation})" for file in lacking),
            " ".join(refusals) or "no source to ask",
            f"mend the reason above and fetch again, or set HEPTAD_MIRROR to an address that serves"
            f" {dataset.name}/{lacking[0].name}, or put the files into {folder} yourself",
        )


def _lacking(files: Iterable[File], folder: Path) -> list[File]:
    return [file for file in files if not _holds(folder / file.name, file)]


def _holds(path: Path, file: File) -> bool:
    try:
        with path.open("rb") as stream:
            return (
                os.fstat(stream.fileno()).st_size == file.size
                and hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
            )
    except FileNotFoundError:
        return False


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released by close, and by the death of the process
        yield


def _store(dataset: Dataset, file: File, chunks: Chunks, folder: Path, source: str, report: Report) -> None:
    """Write to a temporary name, verify, fsync, rename; a temporary file never survives an error."""
    digest, done = hashlib.sha256(), 0
    with NamedTemporaryFile(dir=folder, prefix=f"{file.name}.", suffix=_PART, delete=False) as part:
        temporary = Path(part.name)
        try:
            with closing(chunks):
                for chunk in chunks:
                    done += len(chunk)
                    if done > file.size:  # an endless answer must not fill the disk
                        break
                    digest.update(chunk)
                    part.write(chunk)
                    report(Progress(dataset.name, file.name, source, done, file.size))
            if done != file.size or digest.hexdigest() != file.sha256:
                too_long = f"more than {file.size:,} bytes"
                raise DataError(
                    f"{file.name} from {source}",
                    file.expectation,
                    too_long if done > file.size else content(done, digest.hexdigest()),
                    "fetch again; if it stays so, that place serves another version of the file",
                )
            part.flush()
            os.fsync(part.fileno())
            temporary.chmod(0o644)
            temporary.replace(folder / file.name)
        except BaseException:  # KeyboardInterrupt too: nothing half-written stays
            temporary.unlink(missing_ok=True)
            raise
    sync(folder)
