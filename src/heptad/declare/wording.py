"""How an error names what came: by what its author wrote, never by an address in memory."""

from __future__ import annotations

import inspect
from typing import Any


def shown(value: Any) -> str:
    """A value in a few words: ``the class Popular``, ``the function gap``, ``the column Rating.stars``, ``3``.

    >>> shown(int), shown(shown), shown("x"), shown(None)
    ('the class int', 'the function shown', "'x'", 'None')
    """
    if inspect.isclass(value):
        return f"the class {value.__name__}"
    if inspect.isroutine(value):
        return f"the function {value.__name__}"
    text = repr(value)
    if " at 0x" in text:
        text = f"an object of {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


def listed(group: object) -> bool:
    """Whether a value is a list or tuple, as every argument of several parts must be."""
    return isinstance(group, (list, tuple))


def is_number(value: object) -> bool:
    """Whether a value is a number to compare with; True and False are none, and neither is NaN."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def is_whole(value: object) -> bool:
    """Whether a value is a whole number; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def named(name: str) -> str:
    """A name that came from outside, in the words of an error: not empty, and no longer than a line."""
    return name[:80] or "''"
