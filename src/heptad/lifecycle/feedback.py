"""What was shown and what came of it: impressions of the event log joined with the decisions that showed the items.

A pure function of the two logs: asked again, after any number of restarts, it gives the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from heptad.declare.system import Declaration
from heptad.declare.types import Kind, Role
from heptad.errors import DataError
from heptad.lifecycle.history import History
from heptad.lifecycle.pairs import Pairs, model_columns, train_retriever
from heptad.lifecycle.requests import Requests, settled
from heptad.lifecycle.training import CALIBRATION_SHARE, Rows, Trained, fit
from heptad.offline.training_set import training_set
from heptad.plan.batch import Column, column_of
from heptad.serving.decision import Decision


@dataclass
class Report:
    """Impressions that carry a request id, and why some are no rows.

    ``unsettled``: the attribution window has not passed. ``lost``: the request is in no prediction log; a crash may
    lose the newest. ``not_shown``: the request is there and did not show the item. ``repeated``: impressions of
    an item that one request has already; their label is true if one of them is. ``unmodelled``: no model ranked the
    request (a fallback), so no candidate's features were read.
    """

    impressions: int = 0
    rows: int = 0
    unsettled: int = 0
    lost: int = 0
    not_shown: int = 0
    repeated: int = 0
    unmodelled: int = 0


class Difference(NamedTuple):
    """Values logged by serving and recomputed from the log: 0 differ, but those of degraded answers may."""

    compared: int
    differ: Mapping[str, int]
    degraded: int


@dataclass(frozen=True, eq=False)
class Feedback:
    """n rows in the order of (t, request): ``label`` (n,) of ``item`` (n,) for ``user`` (n,), known at (``t``, ``o``).

    ``sent`` holds what the request brought, nulls where it did not, and the sources' scores; ``logged`` the features as they were
    served; ``degraded`` (n,) the rows of answers that say so themselves.
    """

    request: list[str]
    user: list[Any]
    item: list[Any]
    t: NDArray[np.int64]
    o: NDArray[np.int64]
    label: NDArray[np.float64]
    sent: Mapping[str, Column]
    logged: Mapping[str, NDArray[Any]]
    degraded: NDArray[np.bool_]
    report: Report

    def __len__(self) -> int:
        return len(self.t)


class _Row(NamedTuple):
    """A row before it is a column: of the decision only what its candidate needs, not the hundreds beside it."""

    t: int
    request: str
    place: int
    o: int
    user: Any
    item: Any
    label: float
    sent: Mapping[str, Any]
    scores: Mapping[str, float]
    numbers: Mapping[str, float]
    others: Mapping[str, Any]
    degraded: bool


def feedback(
    history: History,
    system: Declaration,
    decisions: Iterable[Decision],
    now: int,
    *,
    begin: int | None = None,
) -> Feedback:
    """Rows of the impressions from ``begin`` on whose label was settled by ``now`` (microseconds).

    ``decisions`` are looked at once, in any order, and only those kept that an impression names: memory is that of the
    rows. Raises DataError where the label's event names no request.
    """
    label = system.label
    batch = history.batches[label.event.__name__]
    named = next((f for f in batch.stream.fields if f.role is Role.REQUEST), None)
    if named is None:
        raise DataError(
            f"event {batch.stream.name}", "a column of hp.RequestId", "none",
            "add request: hp.RequestId | None, and post the id that came with the answer",
        )  # fmt: skip
    ids, items = batch.columns[named.name], batch.columns[system.ranking.item.name]
    chosen = ids.valid & items.valid & (batch.time >= (batch.time.min(initial=0) if begin is None else begin))
    labels, report = settled(history, label, now), Report(impressions=int(chosen.sum()))
    report.unsettled = int(np.isnan(labels[chosen]).sum())
    wanted: dict[str, dict[Any, list[float]]] = {}
    for row in np.flatnonzero(chosen & ~np.isnan(labels)).tolist():
        item = items.values[row]
        item = item.item() if isinstance(item, np.generic) else item
        wanted.setdefault(ids.values[row], {}).setdefault(item, []).append(float(labels[row]))
    rows: list[_Row] = []
    for decision in decisions:
        asked = wanted.pop(decision.request_id, None)
        if asked is not None:
            rows += _rows(decision, asked, report)
    report.lost = sum(len(labels) for asked in wanted.values() for labels in asked.values())
    rows.sort(key=lambda row: row[:3])
    report.rows = len(rows)
    return _columns(rows, history, report)


def recomputed(history: History, system: Declaration, found: Feedback) -> dict[str, NDArray[Any]]:
    """The model's columns of every row, computed anew from the log at the (t, o) that its request logged."""
    names = model_columns(history)
    framing, kinds = system.ranking, {field.name: field.kind for field in history.plan.request}
    rows = dict(found.sent)
    rows[framing.user.name] = column_of(found.user, kinds[framing.user.name])
    rows[framing.item.name] = column_of(found.item, kinds[framing.item.name])
    plan = history.only(*names)
    values = training_set(plan, history.batches, rows, found.t, found.o)
    return {name: values[name] for name in names}


def difference(found: Feedback, again: Mapping[str, NDArray[Any]]) -> Difference:
    """How many values of the logged features are not those recomputed, to the last bit, by column."""
    differ, compared = {}, 0
    for name in found.logged.keys() & again.keys():
        unlike = _unlike(found.logged[name], again[name])
        compared += len(unlike)
        if unlike.any():
            differ[name] = int(unlike.sum())
    return Difference(compared, dict(sorted(differ.items())), int(found.degraded.sum()))


def rows_to_learn(history: History, system: Declaration, found: Feedback, *, logged: bool = False) -> Rows:
    """The rows as `lifecycle.training.fit` takes them: features recomputed, or as they were ``logged``.

    The newest requests calibrate, whole. Raises DataError where a model needs a column that was not logged.
    """
    columns = dict(found.logged) if logged else recomputed(history, system, found)
    missing = sorted(model_columns(history).keys() - columns.keys())
    if missing:
        raise DataError(
            "logged features", f"the column {missing[0]}", "an answer that did not read it",
            "train on recomputed features",
        )  # fmt: skip
    first, of = np.unique(np.array(found.request, object), return_index=True, return_inverse=True)[1:]
    order = np.argsort(found.t[first], kind="stable")
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    request, first = place[of], first[order]
    users, items = _objects([found.user[row] for row in first.tolist()]), _objects(found.item)
    context = {
        name: column.take(first) for name, column in found.sent.items() if not name.startswith("score:")
    }
    worth = np.zeros(len(found))
    asked = Requests(users, found.t[first], context, request, items, found.label, worth)
    scores = {n.removeprefix("score:"): c.values for n, c in found.sent.items() if n.startswith("score:")}
    pairs = Pairs(asked, request, items, found.label, scores, np.ones(len(first), np.bool_))
    edge = np.quantile(found.t[first], 1.0 - CALIBRATION_SHARE, method="nearest") if len(first) else 0
    return Rows(pairs, np.ones(len(found)), found.t >= edge, columns)


def learned_from(
    history: History, system: Declaration, found: Feedback, cut: int, *, logged: bool = False
) -> Trained:
    """Trained on feedback whose labels were settled before ``cut``; candidate sources on all events before it."""
    rows = rows_to_learn(history, system, found, logged=logged)
    return Trained(cut, train_retriever(history, system, cut), fit(history, system, rows, cut), rows)


def _rows(decision: Decision, asked: Mapping[Any, list[float]], report: Report) -> list[_Row]:
    """A row for each item that the decision showed and an impression names."""
    shown = {decision.items[place]: place for place in decision.shown}
    out = []
    for item, labels in asked.items():
        if item not in shown:
            report.not_shown += len(labels)
        elif decision.t is None or not decision.columns:
            report.unmodelled += len(labels)
        else:
            report.repeated += len(labels) - 1
            out.append(_row(decision, shown[item], max(labels)))
    return out


def _row(decision: Decision, place: int, label: float) -> _Row:
    others = {**decision.categories, **decision.lists}
    return _Row(
        decision.t or 0, decision.request_id, place, decision.offsets.get(0, 0), decision.user,
        decision.items[place], label, decision.context,
        {name: float(scores[place]) for name, scores in decision.sources.items()},
        dict(zip(decision.columns, decision.numbers[place].tolist(), strict=True)),
        {name: values[place] for name, values in others.items()}, bool(decision.flags),
    )  # fmt: skip


def _columns(rows: list[_Row], history: History, report: Report) -> Feedback:
    sent = {f.name: column_of([row.sent.get(f.name) for row in rows], f.kind) for f in history.plan.request}
    for name in dict.fromkeys(name for row in rows for name in row.scores):
        sent[f"score:{name}"] = column_of([row.scores.get(name) for row in rows], Kind.FLOAT)
    logged: dict[str, NDArray[Any]] = {}
    for name in dict.fromkeys(name for row in rows for name in row.numbers):
        logged[name] = np.array([row.numbers.get(name, np.nan) for row in rows], np.float64)
    for name in dict.fromkeys(name for row in rows for name in row.others):
        logged[name] = _objects([row.others.get(name) for row in rows])
    return Feedback(
        [row.request for row in rows], [row.user for row in rows], [row.item for row in rows],
        np.array([row.t for row in rows], np.int64), np.array([row.o for row in rows], np.int64),
        np.array([row.label for row in rows], np.float64), sent, logged,
        np.array([row.degraded for row in rows], np.bool_), report,
    )  # fmt: skip


def _objects(values: list[Any]) -> NDArray[Any]:
    return np.fromiter(values, object, len(values))


def _unlike(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    if one.dtype != np.float64 or other.dtype != np.float64:
        return np.array([a != b for a, b in zip(one.tolist(), other.tolist(), strict=True)], np.bool_)
    unlike: NDArray[np.bool_] = one.view(np.int64) != other.view(np.int64)
    unlike &= ~(np.isnan(one) & np.isnan(other))
    return unlike
