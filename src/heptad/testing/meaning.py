"""The table of worked examples as a page to read: ``python -m heptad.testing.meaning > docs/reference/meaning.md``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from heptad.algebra import catalogue
from heptad.algebra.window import Window
from heptad.declare.features import Decay, Rate, Windowed
from heptad.oracle.admission import verdicts
from heptad.plan.batch import Logged
from heptad.testing.examples import Example, Licence, Shop, at
from heptad.testing.examples_table import EXAMPLES, THEMES
from heptad.times import DAY, format_duration, format_instant

_TODAY: Final = at("00:00")
_USUAL: Final = {"user": "ann", "shop": "s", "amount": 1.0}
#: What a record that does not count is marked with.
_REFUSED: Final = {
    "late": "refused: late",
    "future": "dead letter: too far ahead",
    "duplicate": "a duplicate",
    "conflict": "dead letter: a conflict",
}

_INTRODUCTION: Final = f"""\
# What a value means

This page is generated from the table of worked examples (`heptad.testing.examples_table`) by `make docs`. Each row
is executed: by the oracle, which defines the answer, by the offline engine, and by the online path on every
store, to the last bit.

The rows speak of three classes:

```python
class Shop(hp.Table):
    shop: hp.Id
    tags: list[str]
    area: int | None
    since: hp.Time


class Licence(hp.Table, lag="1h", ttl="7d"):
    shop: hp.Id
    since: hp.Time
    rev: hp.Version
    gone: hp.Deleted
    grade: str | None


class Sale(hp.Event, lateness="1h", max_future="1d"):
    sale: hp.Key
    ts: hp.Time
    user: hp.Id | None
    shop: hp.Id
    amount: float
    tags: list[str] = hp.lookup(Shop.tags)
```

How to read a row. The log's records stand in their order, numbered from 0. "sale 1 09:00" is a sale with id 1 whose
event time is 09:00; it arrived at its own time unless an arrival is given. It is by the user `ann` in the shop `s`
for an amount of 1.0 unless said otherwise. Times are of 2026-01-02, UTC. The read is for `ann` and `s`, at the time
t and with the whole log known, unless an offset is given. A rule's number is its place in the list of rules
that the decision records settle.

{len(EXAMPLES)} examples.
"""


def page() -> str:
    """The page as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _INTRODUCTION
    for theme in THEMES:
        yield f"## {theme.title}"
        yield ""
        yield f"{theme.says} Reasons: [{theme.record}](../adr/{theme.record}.md)."
        yield ""
        for rule in dict.fromkeys(example.rule for example in theme.rows):
            yield f"### {rule}"
            yield ""
            yield "| says | log | read | at t | value |"
            yield "|---|---|---|---|---|"
            for example in (example for example in theme.rows if example.rule == rule):
                yield "| " + " | ".join(_cells(example)) + " |"
            yield ""


def _cells(example: Example) -> Iterator[str]:
    yield example.says
    found = verdicts(example.plan, example.log)
    yield "<br>".join(map(_record, example.log, found)) or "empty"
    yield _read(example)
    yield _time(example.t) + (f", offset {example.o}" if example.o is not None else "")
    yield f"`{example.value!r}`" + ("" if example.online else " (offline only: t is at the frontier)")


def _record(record: Logged, verdict: str) -> str:
    row = record.row
    if record.stream == Licence.__name__:
        text, time = f"{record.offset}: licence of {row['shop']}, {_graded(row)}, from ", row["since"]
    elif record.stream == Shop.__name__:
        text, time = f"{record.offset}: shop {row['shop']} has tags {_texts(row['tags'])} from ", row["since"]
    else:
        text, time = f"{record.offset}: sale {row['sale']!r} ", row["ts"]
    text += _time(time)
    if record.stream not in (Shop.__name__, Licence.__name__):
        text += "".join(f", {name} {row[name]!r}" for name in _USUAL if row[name] != _USUAL[name])
        text += f", looked up tags {_texts(row['tags'])}" if row["tags"] is not None else ""
    text += f", arrives {_time(record.arrival)}" if record.arrival != time else ""
    return text + (f" (**{_REFUSED[verdict]}**)" if verdict in _REFUSED else "")


def _graded(row: Mapping[str, Any]) -> str:
    revision = f" (rev {row['rev']})" if row["rev"] else ""
    return ("deleted" if row["gone"] else f"grade {row['grade']!r}") + revision


def _texts(values: Sequence[str]) -> str:
    return "[" + ", ".join(values) + "]"


def _time(t: int) -> str:
    """The time of day on the examples' day, else the date too; seconds only where they matter."""
    date, clock = format_instant(t).removesuffix("Z").split("T")
    clock = clock.removesuffix(":00") if clock.count(":") == 2 else clock
    return clock if 0 <= t - _TODAY < DAY else f"{date} {clock}"


def _read(example: Example) -> str:
    if example.column in ("tags", "grade"):
        text = f"the shop's {example.column}"
    else:
        chosen = [
            window
            for window in example.feature.windows
            if example.column in ("value", f"value_{window.label}")
        ]
        decays = isinstance(example.feature, Decay)
        text = f"`{_feature(example.feature)}`" + ("" if decays else f" {_window(chosen[0])}")
    usual = {name: value for name, value in example.ask.items() if value != _USUAL[name]}
    return text + "".join(f", for {name} {value!r}" for name, value in usual.items())


def _feature(feature: Windowed | Rate | Decay) -> str:
    match feature:
        case Rate(numerator, denominator, prior, strength):
            return f"rate of {_feature(numerator)} to {_feature(denominator)}, prior {prior:g} worth {strength:g}"
        case Decay(total, half_life):
            return f"{_windowed(total)}, halved every {format_duration(half_life)}"
        case Windowed():
            return _windowed(feature)


def _windowed(feature: Windowed) -> str:
    spec, params = catalogue.get(feature.aggregation), feature.params
    said = {
        "n": f"n={params.n}",
        "q": f"q={params.q / 1e6:g}",
        "k": f"k={params.k}",
        "vocabulary": f"vocabulary={params.vocabulary!r}",
    }
    arguments = [feature.column] if feature.column else []
    arguments += [said[option] for option in spec.options if option in said]
    where = f" where {feature.where}" if feature.where is not None else ""
    keys = f"per {', '.join(feature.keys)}" if feature.keys else "of all events"
    text = f"{feature.aggregation}({', '.join(arguments)}) {keys}{where}"
    usual = "decimals" not in spec.options or params.decimals == 6
    return text if usual else f"{text} to {params.decimals} decimals"


def _window(window: Window) -> str:
    if window.width is None:
        return "over all time"
    delay = f", {format_duration(window.delay)} ago" if window.delay else ""
    return f"over {format_duration(window.width)}{delay}"


if __name__ == "__main__":
    print(page(), end="")
