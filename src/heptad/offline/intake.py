"""A source taken in although some of its rows are bad: those are put aside, each with the reason, the rest goes on."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.declare.expectation import Expectation
from heptad.declare.types import Kind
from heptad.offline.conversion import BadRows, Reading
from heptad.offline.sources import as_table, from_table, spelled
from heptad.plan.batch import Batch, Column
from heptad.plan.lift import passes
from heptad.plan.nodes import ConditionPlan, StreamPlan


class Refusal(NamedTuple):
    """One row that was put aside: its number in the source from 0, and what its column should have held."""

    row: int
    column: str
    expected: str
    got: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Intake:
    """What became of a source: the batch of its good rows, the others, and what was found of its nulls.

    ``nulls`` holds, for each column with a limit, (share of nulls among the rows taken, limit).
    """

    batch: Batch
    rows: int
    refused: tuple[Refusal, ...]
    nulls: Mapping[str, tuple[float, float]]

    def report(self) -> dict[str, Any]:
        """Plain data: how many rows came, how many were refused and why, which columns have too many nulls."""
        why = Counter((refusal.column, refusal.expected) for refusal in self.refused)
        return {
            "rows": self.rows,
            "refused": len(self.refused),
            "reasons": [
                {"column": column, "expected": expected, "rows": count}
                for (column, expected), count in why.most_common()
            ],
            "too_many_nulls": [
                {"column": column, "share": share, "limit": limit}
                for column, (share, limit) in self.nulls.items()
                if share > limit
            ],
        }


def take_in(
    stream: StreamPlan,
    source: Any,
    *,
    names: Mapping[str, str] | None = None,
    reading: Reading = Reading(),
) -> Intake:
    """The good rows of a source as `sources.read` would give them, and the bad ones with their reasons.

    A row is bad where a value is not of its column's kind, or not as `hp.expect` says. Raises DataError where
    the source as a whole cannot be read: a missing column, a column of another type throughout.
    """
    called = dict(names or {})
    table = as_table(stream, source, called)
    kept = np.arange(table.num_rows)
    refused: list[Refusal] = []
    while True:
        try:
            batch = from_table(stream, table, called, spelled(source, reading))
        except BadRows as error:
            bad = {error.thing.rpartition(".")[2]: (error.rows, error.expected)}
        else:
            bad = unexpected(batch)
        if not bad:
            break
        out = np.zeros(table.num_rows, np.bool_)
        for column, (rows, expected) in bad.items():
            fresh = np.flatnonzero(rows & ~out)
            held = table.take(fresh).to_pylist()
            name = called.get(column, column)
            refused += [
                Refusal(int(kept[row]), column, expected, repr(values.get(name))[:80], values)
                for row, values in zip(fresh.tolist(), held, strict=True)
            ]
            out |= rows
        table, kept = table.filter(~out), kept[~out]
    nulls = {
        field.name: (
            float(1 - batch.columns[field.name].valid.mean()) if len(batch) else 0.0,
            field.expect.nulls,
        )
        for field in stream.fields
        if field.expect is not None and field.expect.nulls is not None
    }
    return Intake(batch, len(kept) + len(refused), tuple(sorted(refused, key=lambda r: r.row)), nulls)


def unexpected(batch: Batch) -> dict[str, tuple[NDArray[np.bool_], str]]:
    """For each column that breaks its expectation: which rows do, and what was expected."""
    found = {}
    for field in batch.stream.fields:
        if field.expect is not None:
            bad = _breaks(batch, field.name, field.expect)
            if bad.any():
                found[field.name] = bad, field.expect.wording
    return found


def _breaks(batch: Batch, name: str, expected: Expectation) -> NDArray[np.bool_]:
    column = batch.columns[name]
    good = column.valid.copy()
    for op, bound in ((">=", expected.low), ("<=", expected.high)):
        if bound is not None:
            good &= passes(batch, ConditionPlan(name, op, bound))
    if expected.values is not None:
        good &= _among(column, expected.values, batch.stream.by_name[name].kind)
    return column.valid & ~good


def _among(column: Column, allowed: Sequence[Any], kind: Kind) -> NDArray[np.bool_]:
    if column.values.dtype != object:
        whole = [int(value) for value in allowed if not isinstance(value, str)]
        return np.isin(column.values, np.array(whole, np.int64))
    known = frozenset(allowed)
    return np.fromiter((value in known for value in column.values.tolist()), np.bool_, len(column.values))


def intake_lines(taken: Mapping[str, Intake], path: Path) -> list[str]:
    """What a person should hear of the sources: rows put aside and why, columns with too many nulls."""
    lines = []
    for name, intake in taken.items():
        report = intake.report()
        if report["refused"]:
            first = report["reasons"][0]
            lines.append(
                f"{report['refused']:,} of {report['rows']:,} rows of {name} put aside, most where {first['column']} "
                f"should be {first['expected']}: {path}"
            )
        lines += [
            f"{name}.{many['column']}: {many['share']:.1%} null, expected at most {many['limit']:.1%}"
            for many in report["too_many_nulls"]
        ]
    return lines


def write_dead_letters(path: Path, taken: Mapping[str, Intake]) -> int:
    """Write what was refused as JSON lines, replacing the file; the number of lines. No file where none was.

    Each line is ``{"stream", "row", "column", "expected", "got", "values"}``; the file has its name only once
    it is whole.
    """
    lines = [
        json.dumps({"stream": name, **refusal._asdict()}, default=str, ensure_ascii=False)
        for name, intake in taken.items()
        for refusal in intake.refused
    ]
    if not lines:
        path.unlink(missing_ok=True)
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".new")
    with unfinished.open("w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    return len(lines)
