"""Which column of a file of events is what: guesses, each with its reason, for a person to confirm or change."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from heptad.errors import DataError
from heptad.run.scaffold.columns import Facts, File, Shape

ROLES: Final = ("time", "user", "item", "key", "outcome")
OPTIONAL: Final = ("key", "outcome")
MEANING: Final = {
    "time": "when it happened",
    "user": "who acts",
    "item": "what is acted on",
    "key": "the event's own id",
    "outcome": "how it turned out",
}
_WORDS: Final = {
    "time": "time timestamp ts date datetime at when created occurred day moment",
    "user": "user customer shopper visitor member account client person reader viewer listener player buyer"
    " uid guest patient student subscriber buyer_id household",
    "item": "item product sku film movie video article song track book ad listing game asin isbn post hotel"
    " page title content recipe course restaurant merchant place show",
    "key": "id key uuid guid number no transaction order event",
    "outcome": "outcome rating stars score liked like clicked click converted bought purchased success label"
    " target completed finished accepted",
}
_OPS: Final[dict[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_YES: Final = re.compile(r"buy|bought|purchas|order|convert|click|like|accept|complet|success|yes|positive")


@dataclass(frozen=True)
class Guess:
    """The column for a role, None where none seems to be, and why."""

    column: str | None
    reason: str


@dataclass(frozen=True)
class Positive:
    """Which events are positive: ``column op bound``."""

    column: str
    op: str
    bound: Any
    share: float

    def __str__(self) -> str:
        return f"{self.column} {self.op} {self.bound!r}"


def guess(role: str, events: File, items: File | None, taken: Mapping[str, str | None]) -> Guess:
    """The best column for a role among those not ``taken`` by an earlier one (in the order of `ROLES`)."""
    used = set(taken.values())
    free = [column for column in events.columns.values() if column.name not in used]
    return _GUESSES[role](free, items, events)


def check(role: str, column: str, events: File) -> None:
    """Raise DataError where the column cannot play the role."""
    facts = events.columns.get(column)
    thing, fix = f"--{role} {column}", f"name another column: {', '.join(events.columns)}"
    if role in OPTIONAL:
        fix += f", or --{role} none"
    if facts is None:
        raise DataError(thing, f"a column of {events.path.name}", "no such column", fix)
    if role == "time" and facts.times is None:
        raise DataError(
            thing, "ISO 8601 times, timestamps, or seconds, milliseconds or microseconds since 1970",
            f"{facts.shape} such as {_example(events, column)}", fix,
        )  # fmt: skip
    if role in ("user", "item", "key") and facts.shape not in (Shape.TEXT, Shape.WHOLE):
        raise DataError(thing, "an id: text or whole numbers", f"{facts.shape}", fix)
    if role == "key" and not facts.unique:
        raise DataError(
            thing, "a value of its own in every row", f"{facts.distinct:,} of {facts.rows:,} rows", fix
        )
    if role == "outcome" and (facts.shape in (Shape.TEXTS, Shape.OTHER, Shape.MOMENT) or facts.distinct < 2):
        raise DataError(thing, "numbers, true or false, or a few texts", f"{facts.shape}", fix)


def positive(column: str, events: File) -> Positive:
    """The condition that splits the events best: true; the word that sounds like success; a number near half."""
    facts = events.columns[column]
    values = [value for value in events.table.column(column).to_pylist() if value is not None]
    if facts.shape is Shape.TRUTH:
        return Positive(column, "==", 1, _share(str(value).lower() == "true" for value in values))
    if facts.shape is Shape.TEXT:
        word = next((value for value in facts.values if _YES.search(str(value).lower())), None)
        if word is None:
            raise DataError(
                f"--outcome {column}", "a value that sounds like success, or --positive",
                f"{', '.join(map(str, facts.values)) or f'{facts.distinct} texts'}",
                f"say which value is the good one: --positive '{(*facts.values, 'VALUE')[0]}'",
            )  # fmt: skip
        return Positive(column, "==", word, _share(value == word for value in values))
    numbers = sorted(float(value) for value in values)
    bounds = sorted(set(numbers))[1:]
    best = min(bounds, key=lambda bound: abs(_share(number >= bound for number in numbers) - 0.5))
    whole = int(best) if best == int(best) else best
    return Positive(column, ">=", whole, _share(number >= best for number in numbers))


def stated(column: str, text: str, events: File) -> Positive:
    """The condition a person wrote with --positive: ``>= 4``, ``purchase``, ``1``."""
    facts = events.columns[column]
    match = re.fullmatch(r"\s*(>=|<=|>|<|==|!=)?\s*(.+?)\s*", text)
    op, bound = (match[1] or "==", match[2].strip("'\"")) if match else ("==", text)
    values = [value for value in events.table.column(column).to_pylist() if value is not None]
    if facts.shape is Shape.TEXT:
        share = _share((value == bound) == (op == "==") for value in values)
        if op not in ("==", "!=") or not 0 < share < 1:
            raise DataError(
                f"--positive {text!r}", f"one of the values of {column}", repr(bound),
                f"write one of {', '.join(map(str, facts.values)) or 'its texts'}",
            )  # fmt: skip
        return Positive(column, op, bound, share)
    try:
        number = _as_number(bound)
    except ValueError as error:
        raise DataError(
            f"--positive {text!r}", f"a comparison with a number, as {column} holds {facts.shape}", repr(bound),
            "write for example --positive '>= 4'",
        ) from error  # fmt: skip
    share = _share(_OPS[op](_as_number(value), number) for value in values)
    if not 0 < share < 1:
        raise DataError(
            f"--positive {text!r}", "a condition that some events meet and others do not",
            f"{share:.0%} of the events meet it", f"{column} runs from {facts.low:g} to {facts.high:g}",
        )  # fmt: skip
    return Positive(column, op, int(number) if number == int(number) else number, share)


def _as_number(value: Any) -> float:
    truth = {"true": 1.0, "false": 0.0}.get(str(value).lower())
    return float(value) if truth is None else truth


def _share(truths: Iterable[bool]) -> float:
    counted = [bool(truth) for truth in truths]
    return sum(counted) / max(1, len(counted))


def words_of(name: str) -> list[str]:
    """The words of a column's name: ``boughtAt`` and ``bought_at`` are bought, at."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return [word for word in re.split(r"[^A-Za-z0-9]+", spaced.lower()) if word]


def _sounds(name: str, role: str) -> bool:
    known = set(_WORDS[role].split())
    return any(word in known or word.removesuffix("s") in known for word in words_of(name))


def _example(events: File, column: str) -> str:
    return repr(next((v for v in events.table.column(column).to_pylist() if v is not None), None))


def _time(free: list[Facts], items: File | None, events: File) -> Guess:
    able = [column for column in free if column.times is not None]
    sure = [column for column in able if column.shape in (Shape.TEXT, Shape.MOMENT)]
    named = [column for column in (*sure, *able) if _sounds(column.name, "time")]
    if found := (named or sure):
        return Guess(found[0].name, f"it holds {found[0].times}")
    return Guess(None, "no column holds times")


def _ids(free: list[Facts]) -> list[Facts]:
    """Columns of names that come back: text or whole numbers, neither all alike nor all different."""
    return [
        column
        for column in free
        if column.shape in (Shape.TEXT, Shape.WHOLE)
        and not (column.times is not None and _sounds(column.name, "time"))
        and 2 <= column.distinct < column.rows - column.nulls
    ]


def _user(free: list[Facts], items: File | None, events: File) -> Guess:
    named = [column for column in _ids(free) if _sounds(column.name, "user")]
    if named:
        return Guess(named[0].name, f"its name, and {named[0].distinct:,} distinct values")
    others = [c for c in _ids(free) if not _sounds(c.name, "item") and not _sounds(c.name, "outcome")]
    others = [column for column in others if column.distinct > 20]
    if others:
        return Guess(others[0].name, f"a guess: {others[0].distinct:,} distinct values that come back")
    return Guess(None, "no column sounds like one")


def _item(free: list[Facts], items: File | None, events: File) -> Guess:
    if items is not None:
        for column in _ids(free):
            if key := item_key(column.name, events, items):
                return Guess(column.name, f"its values are those of {key} in {items.path.name}")
    named = [column for column in _ids(free) if _sounds(column.name, "item")]
    if named:
        return Guess(named[0].name, f"its name, and {named[0].distinct:,} distinct values")
    others = [c for c in _ids(free) if c.distinct > 20 and not _sounds(c.name, "outcome")]
    if others:
        return Guess(others[0].name, f"a guess: {others[0].distinct:,} distinct values that come back")
    return Guess(None, "no column sounds like one")


def item_key(column: str, events: File, items: File) -> str | None:
    """The unique column of the items' file that holds at least nine tenths of the events' items."""
    wanted = {str(value) for value in events.table.column(column).to_pylist() if value is not None}
    for facts in items.columns.values():
        if facts.unique and facts.shape in (Shape.TEXT, Shape.WHOLE):
            known = {str(value) for value in items.table.column(facts.name).to_pylist()}
            if len(wanted & known) >= 0.9 * len(wanted):
                return facts.name
    return None


def _key(free: list[Facts], items: File | None, events: File) -> Guess:
    able = [c for c in free if c.unique and c.shape in (Shape.TEXT, Shape.WHOLE)]
    named = [column for column in able if _sounds(column.name, "key")]
    if named:
        return Guess(named[0].name, "every row has a value of its own")
    return Guess(None, "no column has a name like an id and a value of its own in every row")


def _outcome(free: list[Facts], items: File | None, events: File) -> Guess:
    for column in free:
        if not _sounds(column.name, "outcome") or column.distinct < 2:
            continue
        if column.shape in (Shape.WHOLE, Shape.NUMBER, Shape.TRUTH) and column.distinct <= 101:
            return Guess(column.name, f"its name, and {column.distinct} distinct values")
    return Guess(None, "no column sounds like one: every event counts as positive")


_GUESSES = {"time": _time, "user": _user, "item": _item, "key": _key, "outcome": _outcome}
