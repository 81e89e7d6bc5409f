"""Parts of heptad that a command finds by name: what stands beside the command line, or below it and heavy.

The dashboard and the command line do not know each other; the one command that needs it asks here.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from typing import Any

from heptad.errors import HeptadError


def part(name: str) -> Callable[..., Any]:
    """The function ``module:name``. Raises HeptadError where this version of heptad does not have it."""
    module, _, _ = name.partition(":")
    try:
        found: Callable[..., Any] = pkgutil.resolve_name(name)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise HeptadError(
            f"module {module}", "a part of this version of heptad", "no such module", "install a newer heptad"
        ) from error
    return found
