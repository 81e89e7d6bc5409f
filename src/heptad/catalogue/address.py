"""Files behind a web address: one GET per file, `<base>/<file name>`."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from http.client import HTTPException
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

import msgspec

from heptad.catalogue.dataset import Chunks, File
from heptad.errors import DataError

_CHUNK = 1 << 16
_PATIENCE_SECONDS = 60.0


class Address(msgspec.Struct, frozen=True):
    """A base address (http or https) under which every file of a data set lies by its name."""

    base: str

    @property
    def title(self) -> str:
        """The address itself."""
        return self.base

    def streams(self, files: Sequence[File]) -> Generator[tuple[File, Chunks]]:
        """Each file with the body of its answer; `DataError` for another scheme than http and https."""
        if urlsplit(self.base).scheme not in ("http", "https"):
            raise DataError(
                f"address {self.base!r}", "http:// or https://", repr(self.base), "write the whole address"
            )
        for file in files:
            yield file, _body(f"{self.base.rstrip('/')}/{quote(file.name)}")


def _body(url: str) -> Chunks:
    # URLError, refused connections, resets and timeouts are all OSError.
    try:
        with urlopen(url, timeout=_PATIENCE_SECONDS) as answer:
            while chunk := answer.read(_CHUNK):
                yield chunk
    except (OSError, HTTPException) as error:
        raise DataError(
            url,
            "an answer with the file",
            f"{type(error).__name__}: {error}",
            "check the address and the network, then fetch again",
        ) from error
