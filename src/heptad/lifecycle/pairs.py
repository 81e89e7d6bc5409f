"""Candidates of past requests, retrieved as they would have been then, with what the user did about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from heptad.declare.rerank import Unseen
from heptad.declare.search import Nearest
from heptad.declare.system import Declaration
from heptad.declare.types import Kind
from heptad.errors import DataError
from heptad.lifecycle.history import History
from heptad.lifecycle.requests import Requests, as_column, factorize
from heptad.offline.training_set import training_set
from heptad.plan.batch import Column, column_of
from heptad.plan.nodes import FactColumn
from heptad.plan.rules import rule_columns, rule_inputs
from heptad.retrieval.blend import Retriever
from heptad.retrieval.fit import fit_retriever
from heptad.retrieval.gallery import Changes

_AT_ONCE: Final = 2_000  #: histories read at once: a long list of items for each is held meanwhile


@dataclass(frozen=True, eq=False)
class Pairs:
    """p (request, candidate) rows in the requests' order.

    ``request`` (p,) is a place in ``requests``, ``item`` (p,), ``label`` (p,) 1.0 where the request's
    outcome for the item was positive, ``scores`` one (p,) per candidate source. ``known`` (n,) is true for the
    requests whose user had a history by then: serving answers the others by its fallback.
    """

    requests: Requests
    request: NDArray[np.int64]
    item: NDArray[Any]
    label: NDArray[np.float64]
    scores: Mapping[str, NDArray[np.float64]]
    known: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.request)

    @property
    def t(self) -> NDArray[np.int64]:
        return self.requests.t[self.request]

    def take(self, rows: NDArray[Any]) -> Pairs:
        """Some of the rows; the requests stay."""
        scores = {name: values[rows] for name, values in self.scores.items()}
        return Pairs(self.requests, self.request[rows], self.item[rows], self.label[rows], scores, self.known)


def train_retriever(history: History, system: Declaration, cut: int) -> Retriever:
    """Candidate sources that know the label's events before ``cut``, and no later one."""
    framing = system.ranking
    event = framing.objective.label.event.__name__
    batch = history.batches[event]
    user, item = batch.columns[framing.user.name], batch.columns[framing.item.name]
    known = (batch.time < cut) & user.valid & item.valid
    return fit_retriever(
        system.retrieval.candidates,
        user.values[known],
        item.values[known],
        trained_through=cut,
        total=system.requirements.candidates,
    )


def histories_of(history: History, system: Declaration, requests: Requests) -> list[tuple[Any, ...]]:
    """Each request's user's recent items, newest first, as the history feature gives them then."""
    name = system.retrieval.history
    plan = history.only(name)
    found: list[tuple[Any, ...]] = []
    for low in range(0, len(requests), _AT_ONCE):
        part = slice(low, low + _AT_ONCE)
        rows = {system.ranking.user.name: as_column(requests.user[part])}
        t = requests.t[part]
        found += training_set(plan, history.batches, rows, t, history.offsets_at(t))[name].tolist()
    return found


def pairs_of(history: History, system: Declaration, retriever: Retriever, requests: Requests) -> Pairs:
    """Candidates of every request, each seeing only what came before it."""
    histories = histories_of(history, system, requests)
    unseen = any(isinstance(step, Unseen) for step in system.retrieval.rerank)
    framing = system.ranking
    batch = history.batches[framing.objective.label.event.__name__]
    item = batch.columns[framing.item.name]
    found = retriever.retrieve_in_time(
        histories,
        requests.t,
        histories if unseen else None,
        item.values[item.valid],
        batch.time[item.valid],
        {column: changes_of(history, column, requests) for column in vector_columns(system)},
    )
    label = _labels(found.request, found.items, requests)
    known = np.fromiter((len(items) > 0 for items in histories), np.bool_, len(histories))
    return Pairs(requests, found.request, found.items, label, dict(found.scores), known)


def vector_columns(system: Declaration) -> list[str]:
    """The columns of items' vectors that candidate sources go by."""
    columns = [one.column for one in system.retrieval.candidates if isinstance(one, Nearest)]
    return [column for column in dict.fromkeys(columns) if column is not None]


def changes_of(history: History, column: str, requests: Requests) -> Changes:
    """Which items' vectors changed before each request, and to what: as a feature reads them at the request's moment."""
    plan = history.only(column)
    source = plan.column(column).source
    if not isinstance(source, FactColumn):
        raise DataError(column, "a column of a table", "another", "declare it in Data.static")
    table = history.batches[plan.groups[source.group].stream]
    key = next(field.name for field in table.stream.fields if field.kind is Kind.ID)
    items = table.columns[key]
    known = history.offsets_at(requests.t)
    first = np.searchsorted(requests.t, table.time, side="right")  # the first request after the row's time
    if known is not None:
        first = np.maximum(first, np.searchsorted(known, table.offset, side="right"))
    rows = np.flatnonzero((first < len(requests)) & items.valid)
    rows = rows[np.argsort(first[rows], kind="stable")]
    pairs = dict.fromkeys(zip(first[rows].tolist(), items.values[rows].tolist(), strict=True))
    request = np.array([place for place, _ in pairs], np.int64)
    ids = [item for _, item in pairs]
    t = requests.t[request]
    asked = {key: column_of(ids, Kind.ID)}
    vectors = training_set(plan, history.batches, asked, t, None if known is None else known[request])[column]
    return Changes(request, ids, vectors)


def features_of(
    history: History, system: Declaration, pairs: Pairs, t: NDArray[np.int64] | None = None
) -> dict[str, NDArray[Any]]:
    """The model's columns for every pair, as of its request's time (or of another ``t`` (p,), to study leaks).

    What re-ranking steps read comes along, each under its `rule_name`.
    Lists that grow with a user's history serve candidate sources, not the model, and are left out.
    """
    framing = system.ranking
    rows: dict[str, Column] = {
        name: column.take(pairs.request) for name, column in pairs.requests.context.items()
    }
    rows[framing.user.name] = as_column(pairs.requests.user[pairs.request])
    rows[framing.item.name] = as_column(pairs.item)
    rows |= {f"score:{name}": as_column(values) for name, values in pairs.scores.items()}
    rules = [
        c for c in rule_columns(system.retrieval.rerank, history.plan, framing.objective.label.event) if c
    ]
    names = [*model_columns(history), *(rule.name for rule in rules)]
    inputs = [name for rule in rules for name in rule_inputs(rule)]
    plan = history.only(*model_columns(history), *inputs)
    at = pairs.t if t is None else t
    plan = replace(plan, columns=(*plan.columns, *rules))
    found = training_set(plan, history.batches, rows, at, history.offsets_at(at))
    return {name: found[name] for name in names}


def model_columns(history: History) -> dict[str, str]:
    """The columns a model reads, and what each holds: number, category or list."""
    return {c.name: c.holds for c in history.plan.columns if not (c.group == "dynamic" and c.holds == "list")}


def _labels(request: NDArray[np.int64], item: NDArray[Any], requests: Requests) -> NDArray[np.float64]:
    """1.0 where (request, item) is among the requests' positive outcomes."""
    positive = requests.label > 0
    codes, distinct = factorize(np.concatenate([item, requests.item[positive]]))
    width = len(distinct) + 1
    truth = requests.of[positive] * width + codes[len(item) :]
    return np.isin(request * width + codes[: len(item)], truth).astype(np.float64)
