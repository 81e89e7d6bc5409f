"""Small pieces of Markdown, with text escaped so that a name cannot break a table or become markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from heptad.dashboard.html import clean

_SPECIAL = re.compile(r"([\\|*`\[\]])")


def plain(value: object) -> str:
    """Any declared value as one line of Markdown text.

    >>> plain(["a|b", True, None]), plain({"top": 3, "by": "ctr"})
    ('a\\\\|b, yes, none', 'top 3, by ctr')
    """
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, Mapping):
        return ", ".join(f"{plain(key)} {plain(held)}" for key, held in value.items())
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(plain(held) for held in value)
    line = " ".join(clean(value).split())
    return _SPECIAL.sub(r"\\\1", line).replace("<", "&lt;")


def name(value: object) -> str:
    """A name in a fixed-width font; backticks in it are dropped, they would end it.

    >>> name("user_clicks_1h")
    '`user_clicks_1h`'
    """
    line = " ".join(clean(value).replace("`", "").split())
    return f"`{line.replace('|', chr(92) + '|')}`" if line else ""


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of ready cells; a title that ends in ``:`` is a column of numbers, aligned to the right.

    >>> print(table(["name", "bytes:"], [["a", "8"]]))
    | name | bytes |
    |---|---:|
    | a | 8 |
    """
    head = "| " + " | ".join(title.rstrip(":") for title in columns) + " |"
    rule = "|" + "|".join("---:" if title.endswith(":") else "---" for title in columns) + "|"
    return "\n".join([head, rule, *("| " + " | ".join(row) + " |" for row in rows)])


def listed(facts: Iterable[tuple[str, str]]) -> str:
    """A list of names and values; those without a value are left out."""
    return "\n".join(f"* **{key}**: {value}" for key, value in facts if value)
