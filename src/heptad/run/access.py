"""Who may ask `heptad serve`: the keys, how often, and that nothing without keys is seen from other machines."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path

from heptad.errors import DataError
from heptad.serving.door import Access
from heptad.serving.keys import VARIABLE, read_keys
from heptad.serving.lines import STDERR, Lines


def access_of(
    host: str,
    *,
    keys: Path | None = None,
    anyone: bool = False,
    per_second: float | None = None,
    log: str | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Access:
    """What the options say. Raises DataError where a server without keys would be seen beyond this machine.

    ``log`` is a file for a line per request, ``-`` for stderr, None for errors alone.
    """
    found = read_keys(keys, environment)
    if found is None and not anyone and not is_loopback(host):
        raise DataError(
            f"--host {host}", "keys, since other machines can reach it", "none",
            f"set {VARIABLE} or --keys FILE, or say --open to let everybody ask and post",
        )  # fmt: skip
    lines = None if log is None else Lines(STDERR if log == "-" else Path(log), requests=True)
    return Access(keys=found, per_second=per_second, lines=lines)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "", "shop.example")]
    [True, True, True, False, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
