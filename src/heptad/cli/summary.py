"""A run's summary as tables on a terminal; every section is shown where the run has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

_METRICS = (
    "ndcg@10",
    "precision@10",
    "precision@1",
    "average_precision",
    "recall@10",
    "hit@10",
    "recall@100",
    "auc",
    "logloss",
    "ne",
    "ece",
)


def show_summary(console: Console, summary: Mapping[str, Any]) -> None:
    """Print metrics with their intervals, the gate, the audit, latency, requirements, and the report's path."""
    before: object = None
    for make in (
        _rows,
        _feedback,
        _metrics,
        _paired,
        _slices,
        _disease,
        _gate,
        _audit,
        _index,
        _latency,
        _drift,
        _requirements,
    ):
        for piece in make(summary):
            if before is not None and (isinstance(piece, Table) or isinstance(before, Table)):
                console.print()
            console.print(piece, soft_wrap=not isinstance(piece, Table))
            before = piece
    console.print()
    if summary.get("seconds"):
        stages = ", ".join(f"{name} {value:.1f}" for name, value in summary["seconds"].items())
        console.print(f"seconds  {stages}", soft_wrap=True)
    if summary.get("report"):
        console.print(f"report   {summary['report']}", soft_wrap=True)


def requirements_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Each requirement beside its measurement."""
    table = _table("requirement", "target", "measured", "holds")
    for row in rows:
        holds = Text("yes", "green") if row["holds"] else Text("no", "bold red")
        table.add_row(str(row["name"]), str(row["target"]), str(row["measured"]), holds)
    return table


def _table(first: str, *others: str, title: str | None = None) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
    table.add_column(first)
    for other in others:
        table.add_column(other, justify="right" if title is not None else "left")
    return table


def _number(value: Any, digits: int = 4) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}f}"


def _between(pair: Sequence[float] | None) -> str:
    return "" if not pair else f" [{pair[0]:.3f}, {pair[1]:.3f}]"


def _rows(summary: Mapping[str, Any]) -> list[Any]:
    counts = summary.get("rows")
    if not counts:
        return []
    said = ", ".join(f"{_number(value)} {name}" for name, value in counts.items())
    return [Text.assemble((f"{summary.get('system', '')}  ", "bold"), said)]


def _feedback(summary: Mapping[str, Any]) -> list[Any]:
    """What became of the impressions, and how the served features compare with those recomputed."""
    found, said = summary.get("feedback"), summary.get("difference")
    if not found or not said:
        return []
    others = ", ".join(f"{_number(n)} {name}" for name, n in found.items() if name != "impressions" and n)
    differ = ", ".join(f"{name} in {_number(n)}" for name, n in said["differ"].items())
    degraded = f"; {_number(said['degraded'])} rows of degraded answers" if said["degraded"] else ""
    return [
        f"shown    {_number(found['impressions'])} impressions: {others or 'none that teaches'}",
        f"served   {_number(said['compared'])} feature values beside those recomputed: {differ or 'none'} differ{degraded}",
    ]


def _metrics(summary: Mapping[str, Any]) -> list[Any]:
    metrics = summary.get("metrics")
    return [_scores(metrics, summary.get("intervals", {}), "models")] if metrics else []


def _scores(metrics: Mapping[str, Any], intervals: Mapping[str, Any], title: str) -> Table:
    """One row per model; the first metric with its 95 % interval, the others as they are, to fit a line."""
    present = [name for name in _METRICS if any(name in scores for scores in metrics.values())]
    table = _table("model", *present, title=title)
    for model, scores in metrics.items():
        cells = [
            _number(scores.get(name)) + (_between(intervals.get(model, {}).get(name)) if place == 0 else "")
            for place, name in enumerate(present)
        ]
        table.add_row(model, *cells)
    return table


def _paired(summary: Mapping[str, Any]) -> list[Any]:
    table = _table("paired", "difference", "low", "high", title="against each other (95 % interval)")
    for row in summary.get("paired", ()):
        table.add_row(
            f"{row['metric']}: {row['model']} - {row['against']}",
            *(f"{row[key]:+.4f}" for key in ("difference", "low", "high")),
        )
    return [table] if table.row_count else []


def _slices(summary: Mapping[str, Any]) -> list[Any]:
    return [
        _scores(
            part.get("metrics", {}), part.get("intervals", {}), f"{name}, {_number(part.get('n'))} requests"
        )
        for name, part in summary.get("slices", {}).items()
    ]


def _disease(summary: Mapping[str, Any]) -> list[Any]:
    found = summary.get("disease")
    if not found:
        return []
    table = _table(
        "features computed by", "offline", "replayed", title=f"skew and leak, {found.get('metric')}"
    )
    for row in found.get("rows", ()):
        offline = _number(row.get("offline")) + _between(row.get("offline_interval"))
        replayed = _number(row.get("replayed")) + _between(row.get("replayed_interval"))
        table.add_row(row["name"], offline, replayed)
    return [table]


def _gate(summary: Mapping[str, Any]) -> list[Any]:
    gate = summary.get("gate")
    if not gate:
        return []
    verdict = Text("gate     passed", "green") if gate["passed"] else Text("gate     refused", "bold red")
    marks = {True: Text("passed", "green"), False: Text("refused", "red")}
    if (made := summary.get("challenger")) is not None:
        against = f", tested against {summary['against']}" if summary.get("against") else ""
        verdict.append(f": {made['name']} is {made['stage']}{against}", style="default")
    table = _table("check", "measured", "verdict", "why")
    for check in gate.get("checks", ()):
        table.add_row(
            check["check"], _number(check.get("measured")), marks[bool(check["passed"])], check.get("why", "")
        )
    return [verdict, table] if table.row_count else [verdict]


def _audit(summary: Mapping[str, Any]) -> list[Any]:
    audit = summary.get("audit")
    if not audit:
        return []
    wrong, style = audit.get("mismatches", 0), "bold red" if audit.get("mismatches") else "green"
    line = Text.assemble(
        f"audit    {_number(audit.get('compared'))} served values recomputed, ",
        (f"{_number(wrong)} wrong", style),
        f", {_number(audit.get('late', 0))} changed by late events",
    )
    planted = [
        Text.assemble(
            f"         planted {fault['fault']}: ",
            ("found", "green") if fault["found"] else ("missed", "bold red"),
        )
        for fault in audit.get("planted", ())
    ]
    return [line, *planted]


def _index(summary: Mapping[str, Any]) -> list[Any]:
    found = summary.get("index")
    if not found:
        return []
    ends = _between([found["low"], found["high"]])
    return [
        f"index    {_number(found['items'])} vectors, recall@{found['k']} {_number(found['recall'], 3)}{ends}"
    ]


def _latency(summary: Mapping[str, Any]) -> list[Any]:
    found = summary.get("latency_ms")
    if not found:
        return []
    times = ", ".join(f"{key} {found[key]:.1f} ms" for key in ("p50", "p99", "max") if key in found)
    return [f"latency  {times} over {_number(found.get('requests', 0))} requests"]


def _requirements(summary: Mapping[str, Any]) -> list[Any]:
    rows = summary.get("requirements")
    return [requirements_table(rows)] if rows else []


def _drift(summary: Mapping[str, Any]) -> list[Any]:
    events = summary.get("drift", {}).get("events", ())
    return [f"drift    {event['time']}  {event['what']}: {event.get('detail', '')}" for event in events]


def show_load(console: Console, result: Mapping[str, Any]) -> None:
    """Print what a load came to: rates, latency, failures, freshness, and the generator's own share."""
    load = result["load"]
    if (found := result.get("saturation")) is not None:
        console.print(f"saturating rate  {found['rate']:.1f} per second; measured at half of it")
    rates = f"{load['offered']:.1f} offered, {load['achieved']:.1f} achieved per second"
    console.print(f"requests         {_number(load['requests'])} in {load['seconds']:g} s; {rates}")
    console.print(f"latency          {_times(load['latency_ms'])}")
    for kind in ("failed", "flagged"):
        told = ", ".join(f"{n} {why}" for why, n in load[kind].items())
        console.print(f"{kind:<16} {told or 'none'}", soft_wrap=True)
    if (fresh := load.get("freshness")) is not None:
        verdicts = ", ".join(f"{n} {why}" for why, n in (fresh["verdicts"] | fresh["failed"]).items())
        console.print(f"events           {verdicts}; in a read after {_times(fresh['visible_ms'])}")
    own = load["generator"]
    console.print(
        f"generator        {own['cpu_cores']:.2f} cores, p99 of sending late {own['late_p99_ms']:.2f} ms"
    )


def _times(milliseconds: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f} ms" for name, value in milliseconds.items())
