"""API keys: where they are read from, and whether one was sent. Only their hashes are kept."""

from __future__ import annotations

import hashlib
import hmac
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from heptad.errors import DataError

#: The environment variable that holds keys, with commas or blanks between them.
VARIABLE: Final = "HEPTAD_API_KEYS"
#: The fewest characters of a key: so many cannot be guessed by asking.
SHORTEST: Final = 16
_SCHEME: Final = b"bearer "


class Keys:
    """The keys that open a service.

    >>> keys = Keys(["k" * 16, "l" * 16])
    >>> keys.place(b"Bearer " + b"l" * 16), keys.place(b"Bearer x"), keys.place(None)
    (1, None, None)
    """

    def __init__(self, keys: Iterable[str]) -> None:
        """Raises DataError where a key is too short, or holds what no header can."""
        given = list(keys)
        for place, key in enumerate(given, 1):
            if len(key) < SHORTEST or not key.isascii() or not key.isprintable() or " " in key:
                raise DataError(
                    f"API key {place}", f"at least {SHORTEST} printable ASCII characters without blanks",
                    f"{len(key)} characters", "make one: python -c 'import secrets; print(secrets.token_urlsafe())'",
                )  # fmt: skip
        self._digests = [_digest(key.encode()) for key in given]

    def __len__(self) -> int:
        return len(self._digests)

    def place(self, authorization: bytes | None) -> int | None:
        """Which key an authorization header holds; None where it holds none. The time does not depend on which."""
        if authorization is None or authorization[: len(_SCHEME)].lower() != _SCHEME:
            return None
        sent, found = _digest(authorization[len(_SCHEME) :].strip()), None
        for place, digest in enumerate(self._digests):
            if hmac.compare_digest(digest, sent):
                found = place
        return found


def read_keys(path: Path | None, environment: Mapping[str, str]) -> Keys | None:
    """The keys of a file (one a line, # begins a comment) and of the environment; None where neither is given.

    Raises DataError where the file holds none, cannot be read, or can be read by everybody.
    """
    found = environment.get(VARIABLE, "").replace(",", " ").split()
    if path is not None:
        lines = [line.strip() for line in _private(path).splitlines()]
        of_file = [line for line in lines if line and not line.startswith("#")]
        if not of_file:
            raise DataError(f"--keys {path}", "a key a line", "none", "write one into the file")
        found += of_file
    return Keys(found) if found else None


def _private(path: Path) -> str:
    """The text of a file that not everybody may read or write."""
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & (stat.S_IRWXO | stat.S_IWGRP):
                raise DataError(
                    f"--keys {path}", "a file that others can neither read nor write", f"mode {mode:o}",
                    f"close it: chmod 600 {path}",
                )  # fmt: skip
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"--keys {path}", "a file with a key a line", error, "name a file of keys") from error


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
