"""The account of a decision as tables on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

_STYLES: Final = {"reproduced": "green", "degraded": "yellow", "differs": "bold red", "refused": "bold red"}
_TOP: Final = 6  #: contributions shown of an item


def show_why(console: Console, result: Mapping[str, Any]) -> None:
    """Print what was known, whether it came out again, and what led to it."""

    def line(name: str, text: Any, style: str = "") -> None:
        console.print(Text.assemble(f"{name:<10}", (str(text), style)), soft_wrap=True)

    line("request", result["request_id"])
    if "time" in result:
        _knowledge(line, result)
    line("verdict", result["says"], _STYLES[result["verdict"]])
    if (error := result.get("error")) is not None:
        for name in ("thing", "expected", "got", "fix"):
            line("", f"{name}: {error[name]}")
    for one in result.get("differences", ()):
        line("", f"{one['part']}, {one['where']}: logged {one['logged']!r}, recomputed {one['recomputed']!r}")
    if (decided := result.get("decision")) is not None:
        line("decision", _decided(decided))
    for make in (_shown, _steps, _contributions, _with):
        for piece in make(result):
            console.print(piece, soft_wrap=not isinstance(piece, Table))


def _knowledge(line: Any, result: Mapping[str, Any]) -> None:
    line("logged in", f"{result['log']['predictions']}, record {result['log']['offset']}")
    if result["log"]["asked"] > 1:
        line("", f"{result['log']['asked']} decisions have this id: this is the newest", "yellow")
    for damage in result["log"]["damage"]:
        line("", damage, "yellow")
    offsets = ", ".join(f"partition {p} before {o:,}" for p, o in result["offsets"].items())
    line(
        "known at", f"{result['time']} ({result['t']}), {offsets}" if result["time"] else "no state was read"
    )
    line("model", f"{result['model_version']}, plan {result['plan_hash']}")
    if result["user"] is not None:
        line("user", f"{result['user']}, {len(result.get('history', ()))} items in the history")
    if result["context"]:
        line("context", ", ".join(f"{name}={value!r}" for name, value in result["context"].items()))
    if result["flags"]:
        line("flags", ", ".join(f"{name}: {value}" for name, value in result["flags"].items()), "yellow")


def _decided(decided: Mapping[str, Any]) -> str:
    said = f"{'review' if decided['reviewed'] else 'pass'}: p {decided['p']:.6g}"
    said += "" if decided["threshold"] is None else f", reviewed from {decided['threshold']:.6g}"
    return said + "".join(f"; rule {rule}" for rule in decided["rules"])


def _table(title: str, first: str, *others: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
    table.add_column(first)
    for other in others:
        table.add_column(other, justify="right")
    return table


def _shown(result: Mapping[str, Any]) -> list[Any]:
    """The items shown; a source's place is that among what it has a score for, * where it is in its list."""
    candidates = result.get("candidates")
    if not candidates:
        return []
    names = list(candidates[0]["sources"])
    title = f"shown, of {len(candidates)} candidates"
    table = _table(title, "rank", "item", "p", "score", "rank by score", *names)
    for one in sorted((c for c in candidates if c["rank"] is not None), key=lambda c: int(c["rank"])):
        cells = [_source(one["sources"][name]) for name in names]
        table.add_row(
            str(one["rank"]), str(one["item"]), f"{one['p']:.6g}", f"{one['score']:.6g}", str(one["by_score"]), *cells
        )  # fmt: skip
    return ["", table]


def _source(said: Mapping[str, Any]) -> str:
    place = "" if said["place"] is None else f" #{said['place']}{'*' if said['listed'] else ''}"
    return f"{said['score']:.4g}{place}"


def _steps(result: Mapping[str, Any]) -> list[Any]:
    out = [f"{step['step']:<24} {_moves(step)}" for step in result.get("steps", ())[1:]]
    return ["", Text("re-ranking", "bold"), *out] if out else []


def _moves(moves: Mapping[str, Any]) -> str:
    said = [f"{word} {', '.join(map(str, moves[word]))}" for word in ("out", "in") if moves[word]]
    said += [f"{one['item']} {one['from']} → {one['to']}" for one in moves["moved"]]
    return "; ".join(said) or "changed nothing"


def _contributions(result: Mapping[str, Any]) -> list[Any]:
    """Of the first item: what its features added to the log-odds."""
    found = result.get("contributions")
    if not found:
        return []
    item, said = next(iter(found.items()))
    values = result["features"][item]
    table = _table(
        f"what led to {item}: log-odds {said['base']:+.4f}, and the largest of what its features added",
        "feature", "value", "log-odds",
    )  # fmt: skip
    ranked = sorted(said["columns"].items(), key=lambda one: -abs(one[1]))
    for name, added in ranked[:_TOP]:
        table.add_row(name, str(values.get(name, ""))[:40], f"{added:+.4f}")
    if rest := ranked[_TOP:]:
        table.add_row(f"{len(rest)} others", "", f"{sum(added for _, added in rest):+.4f}")
    return ["", table]


def _with(result: Mapping[str, Any]) -> list[Any]:
    other = result.get("with")
    if other is None:
        return []
    head = Text(f"with {other['system']}, model {other['model']}", "bold")
    shown = "".join(f" {number}. {item}" for number, item in enumerate(other["shown"], 1))
    out: list[Any] = ["", head, f"it shows{shown or ' nothing'}", f"changes  {_moves(other)}"]
    if not other["shown"]:
        out.append(f"p        {', '.join(f'{p:.6g}' for p in other['p'])}")
    if other["features"]:
        table = _table("features with other values", "feature", "item", "logged", "with")
        for one in other["features"][:_TOP]:
            table.add_row(one["column"], str(one["item"]), str(one["logged"])[:24], str(one["with"])[:24])
        out.append(table)
    for word in ("lost", "gained"):
        if other[f"features_{word}"]:
            out.append(f"features {word}: {', '.join(other[f'features_{word}'])}")
    return out
