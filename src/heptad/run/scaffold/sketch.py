"""What a new system will declare: names, features and serving, decided from the columns and their roles."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from heptad.errors import DataError
from heptad.run.scaffold.columns import Facts, File, Shape, Written
from heptad.run.scaffold.roles import Positive, item_key, words_of
from heptad.times import DAY, SECOND, format_duration

#: Names a column of a class cannot have, or that would hide what the generated modules use.
_RESERVED: Final = {
    "fields", "lateness", "max_future", "per", "parse", "entity", "time_field", "key_field", "hp",
    "int", "float", "str", "list",
}  # fmt: skip
_WINDOWS: Final = (DAY // 24, DAY, 7 * DAY, 30 * DAY, 365 * DAY)


@dataclass(frozen=True)
class Column:
    """A column of the file, and what it is called and annotated as in the class."""

    name: str
    facts: Facts
    annotation: str

    @property
    def source(self) -> str:
        """Its name in the file."""
        return self.facts.name


@dataclass(frozen=True)
class Sketch:
    """Everything `render` writes down.

    ``table`` names the class of the items' attributes, ``attributes`` those among the file ``attributes_of``.
    ``means`` are numbers of the events; ``unused`` says of each other column why it is left out.
    """

    name: str
    events: File
    items: File | None
    event: str
    table: str
    time: Column
    user: Column
    item: Column
    key: Column | None
    outcome: Column | None
    positive: Positive | None
    items_key: str
    attributes: tuple[Column, ...]
    means: tuple[Column, ...]
    unused: Mapping[str, str]
    zone: str
    windows: tuple[str, ...]
    history: int
    repeats: float
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def attributes_of(self) -> File:
        """The file that says what an item is like: the items' own, or the events'."""
        return self.items if self.items is not None else self.events

    @property
    def categories(self) -> tuple[Column, ...]:
        """The attributes a user can have a taste for: text and lists of text."""
        return tuple(a for a in self.attributes if a.facts.shape in (Shape.TEXT, Shape.TEXTS))


def sketch(
    name: str,
    events: File,
    items: File | None,
    roles: Mapping[str, str | None],
    positive: Positive | None,
    zone: str,
    reasons: Mapping[str, str],
) -> Sketch:
    """Decide everything that follows from the roles. Raises DataError where no system can be made of them."""
    taken = {column for column in roles.values() if column}
    names: dict[str, str] = {}
    for source in (*events.columns, *(items.columns if items is not None else ())):
        names.setdefault(source, _identifier(source, names.values()))
    as_text = False
    key = ""
    if items is not None:
        key = item_key(str(roles["item"]), events, items) or ""
        if not key:
            raise DataError(
                f"--items {items.path}", f"a column with the values of {roles['item']}, each in one row", "none",
                "leave --items out, or name the items' column of the events with --item",
            )  # fmt: skip
        as_text = items.columns[key].shape is not events.columns[str(roles["item"])].shape

    def column(role: str, annotation: str) -> Column | None:
        source = roles[role]
        return None if source is None else Column(names[source], events.columns[source], annotation)

    time, user, item = (
        _required(role, column(role, note))
        for role, note in (("time", "hp.Time"), ("user", "hp.Id"), ("item", "hp.Id"))
    )
    if as_text:
        item = Column(item.name, _as_text(item.facts), item.annotation)
    unused: dict[str, str] = {}
    attributes, means = [], []
    constant = _constant_per_item(events, item.source) if items is None else set()
    item_count = events.columns[item.source].distinct
    for facts in events.columns.values():
        if facts.name in taken:
            continue
        if facts.name in constant and (reason := _not_an_attribute(facts, item_count)) is None:
            attributes.append(_attribute(names[facts.name], facts))
        elif (
            facts.shape in (Shape.WHOLE, Shape.NUMBER, Shape.TRUTH)
            and facts.distinct > 1
            and not facts.unique
        ):
            means.append(Column(names[facts.name], facts, "float | None"))
        else:
            reason = _not_an_attribute(facts, item_count) if facts.name in constant else None
            unused[facts.name] = reason or _why_unused(facts)
    if items is not None:
        for facts in items.columns.values():
            if facts.name == key:
                continue
            if reason := _not_an_attribute(facts, facts.rows):
                unused[f"{facts.name} of {items.path.name}"] = reason
            else:
                attributes.append(_attribute(names[facts.name], facts))
    event = _class_name(events.path.stem)
    pairs = Counter(zip(*(events.table.column(c.source).to_pylist() for c in (user, item)), strict=True))
    return Sketch(
        name, events, items, event, _table_name(items, item.name, event), time, user, item,
        column("key", "hp.Key"), _outcome(column("outcome", ""), positive), positive, key,
        tuple(attributes), tuple(means), unused, zone,
        _windows(time.facts), _history(events, user.source), 1 - len(pairs) / events.table.num_rows, reasons,
    )  # fmt: skip


def _required(role: str, column: Column | None) -> Column:
    if column is None:
        raise DataError(f"--{role}", "a column", "none", f"name it: --{role} COLUMN")
    return column


def _as_text(facts: Facts) -> Facts:
    """The two files write the item's id differently; both are read as text."""
    return Facts(facts.name, Shape.TEXT, facts.rows, facts.nulls, facts.distinct)


def _outcome(column: Column | None, positive: Positive | None) -> Column | None:
    if column is None or positive is None:
        return None
    kinds = {Shape.TEXT: "str", Shape.WHOLE: "int", Shape.TRUTH: "int"}
    note = kinds.get(column.facts.shape, "float")
    return Column(column.name, column.facts, f"{note} | None" if column.facts.nulls else note)


def _attribute(name: str, facts: Facts) -> Column:
    kinds = {Shape.TEXT: "str", Shape.TEXTS: "list[str]"}
    return Column(name, facts, f"{kinds.get(facts.shape, 'float')} | None")


def _not_an_attribute(facts: Facts, items: int) -> str | None:
    """Why a column cannot describe items; None where it can."""
    if facts.shape in (Shape.MOMENT, Shape.OTHER) or (facts.times and facts.shape is Shape.TEXT):
        return f"it holds {facts.times or facts.shape}"
    if facts.distinct < 2:
        return "it has one value"
    if facts.shape is Shape.TEXT and facts.distinct > max(2, items // 2):
        return f"{facts.distinct:,} distinct texts are too many for a category"
    return None


def _why_unused(facts: Facts) -> str:
    if facts.unique:
        return "every row has a value of its own"
    if facts.distinct < 2:
        return "it has one value"
    if facts.shape is Shape.TEXT and facts.times is None:
        return "it changes from event to event and is text: declare it yourself if requests bring it"
    return f"it holds {facts.times or facts.shape}"


def _constant_per_item(events: File, item: str) -> set[str]:
    """Columns with one value (or none) for each item, where items come back often enough to tell."""
    ids = events.table.column(item).to_pylist()
    distinct = len(set(ids))
    if distinct * 2 > len(ids):
        return set()
    found = set()
    for name in events.columns:
        values = events.table.column(name).to_pylist()
        if len({(key, str(value)) for key, value in zip(ids, values, strict=True)}) == distinct:
            found.add(name)
    return found - {item}


def _windows(time: Facts) -> tuple[str, ...]:
    """Up to three windows of at most half the file's span, and all time."""
    scale = {Written.MILLISECONDS: 1e-3, Written.MICROSECONDS: 1e-6}.get(time.times or Written.SECONDS, 1.0)
    span = (time.high - time.low) * scale * SECOND
    fitting = [format_duration(width) for width in _WINDOWS if width <= span / 2]
    return (*fitting[-3:], "all")


def _history(events: File, user: str) -> int:
    """How many items of a user are kept: enough for the longest history, at most 1,000."""
    longest = max(Counter(events.table.column(user).to_pylist()).values())
    return next((n for n in (50, 100, 200, 500) if n >= longest), 1000)


def _identifier(source: str, used: Iterable[str]) -> str:
    """A column's name as a Python name: ``Order ID`` is order_id."""
    name = "_".join(words_of(source)) or "column"
    name = f"n{name}" if name[0].isdigit() else name
    while name in _RESERVED or keyword.iskeyword(name) or name in set(used):
        name += "_"
    return name


def _class_name(stem: str) -> str:
    """A file's name as a class: ``order_lines`` is OrderLine."""
    words = [word for word in words_of(stem) if not word.isdigit()] or ["interaction"]
    words[-1] = _singular(words[-1])
    name = re.sub(r"^\d+", "", "".join(word.capitalize() for word in words))
    return "Interaction" if name in ("Event", "Table", "") or keyword.iskeyword(name) else name


def _singular(word: str) -> str:
    if word in ("movies", "cookies", "calories", "series", "species", "news"):
        return {"series": "series", "species": "species", "news": "news"}.get(word, word[:-1])
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) else word


def _table_name(items: File | None, item: str, event: str) -> str:
    name = _class_name(items.path.stem) if items is not None else _class_name(item.removesuffix("_id"))
    return f"{name}Item" if name == event else name


__all__ = ["Column", "Sketch", "sketch"]
