"""A search by pictures: the rows that are searched, which of them teach, training, comparing, registering."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from heptad.declare.check_search import OTHERS
from heptad.declare.evaluation import EntitySplit
from heptad.declare.system import Declaration
from heptad.declare.types import Kind
from heptad.errors import DataError
from heptad.evaluation.bootstrap import Interval, mean_interval, paired_difference
from heptad.evaluation.gate import CHAMPION, Scores, Verdict, judge
from heptad.evaluation.similarity import by_chance, similarity
from heptad.lifecycle.evaluate import MAIN
from heptad.lifecycle.retrain import code_hash
from heptad.models.vision.projection import Floats, Projection, unit
from heptad.registry.registry import Registry
from heptad.registry.version import Lineage, Version
from heptad.retrieval.similar import Embedding

Mask = NDArray[np.bool_]
Key = int | str

AVERAGE: Final = "average_precision"
_FROZEN, _CHANCE = OTHERS


@dataclass(frozen=True, eq=False)
class Gallery:
    """Rows of a table that have a picture: keys and pictures (n,), and the facts declared, a list (n,) by column."""

    keys: list[Key]
    pictures: list[bytes]
    facts: Mapping[str, list[Any]]
    without: int = 0  #: rows left out, since they had no picture

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def hash(self) -> str:
        """16 hex digits of the SHA-256 over keys, facts and pictures."""
        digest = hashlib.sha256()
        for place, picture in enumerate(self.pictures):
            said = [self.keys[place], *(facts[place] for facts in self.facts.values())]
            digest.update(repr(said).encode() + hashlib.sha256(picture).digest())
        return digest.hexdigest()[:16]


def gallery_of(system: Declaration, rows: Mapping[str, Sequence[Any]]) -> Gallery:
    """The rows of the searched table, from its columns as lists.

    `DataError` where a key is missing or comes twice, a picture is no bytes, or a text no text.
    """
    table, picture = system.search.table, system.search.picture.name
    named = {table.entity().name, picture, *_facts(system)}
    columns = {name: list(rows[name]) for name in named}
    keys = columns.pop(table.entity().name)
    pictures = columns.pop(picture)
    seen: set[Key] = set()
    for key in keys:
        if type(key) not in (int, str) or key in seen:
            got = repr(key) + (", twice" if key in seen else "")
            raise DataError(
                f"{table.__name__}.{table.entity().name}",
                "a key of its own in every row",
                got,
                "mend the source",
            )
        seen.add(key)
    for key, content in zip(keys, pictures, strict=True):
        if content is not None and type(content) is not bytes:
            raise DataError(
                f"{table.__name__}.{picture} of {key!r}", "the bytes of a picture, or null", type(content).__name__,
                "read the file in the source",
            )  # fmt: skip
    for name, values in columns.items():
        if table.fields[name].kind is Kind.TEXT and (
            wrong := [v for v in values if type(v) not in (str, type(None))]
        ):
            raise DataError(f"{table.__name__}.{name}", "texts or nulls", repr(wrong[0]), "mend the source")
    kept = [place for place, content in enumerate(pictures) if content is not None]
    return Gallery(
        [keys[place] for place in kept],
        [pictures[place] for place in kept],
        {name: [values[place] for place in kept] for name, values in columns.items()},
        len(keys) - len(kept),
    )


def _facts(system: Declaration) -> list[str]:
    """Columns of the table that training, the split, evaluation and filters read; what makes rows alike is the first."""
    split = system.evaluation.split
    together = split.together if isinstance(split, EntitySplit) else None
    declared = [system.search.objective.alike.field, *system.data.static.values()]
    return list(dict.fromkeys(field.name for field in (*declared, together) if field is not None))


def held_out(system: Declaration, gallery: Gallery) -> Mask:
    """Which rows test and never teach, (n,): by a hash of the key, so that a row is on one side for ever.

    A row that shares its ``together`` with another is on that one's side.
    """
    split = system.evaluation.split
    if not isinstance(split, EntitySplit):  # checked where it is declared
        raise DataError("split", "hp.EntitySplit", type(split).__name__, "write hp.EntitySplit(test=0.25)")
    who: list[Any] = gallery.keys if split.together is None else gallery.facts[split.together.name]
    drawn = (hashlib.blake2b(repr(one).encode(), digest_size=8).digest() for one in who)
    share = np.fromiter((int.from_bytes(one, "big") / 2**64 for one in drawn), np.float64, len(who))
    return np.asarray(share < split.test)


def train(
    system: Declaration,
    gallery: Gallery,
    features: Floats,
    held: Mask,
    advance: Callable[[int], None] | None = None,
) -> Projection:
    """The declared projection, learned from the rows that are not held out; rows of an unknown kind teach nothing."""
    kind = gallery.facts[system.search.objective.alike.field.name]
    teaches = ~held & np.array([one is not None for one in kind], np.bool_)
    codes = np.unique([str(one) for one in kind], return_inverse=True)[1].astype(np.int64)
    model = system.embedding
    return Projection.fit(
        features[teaches], codes[teaches], size=model.size, hidden=model.hidden, epochs=model.epochs,
        batch=model.batch, temperature=system.search.objective.temperature, advance=advance,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Outcome:
    """Contenders on the held-out rows: by model its scores, and by model and other column the same for that column."""

    contenders: Mapping[str, Scores]
    others: Mapping[str, Mapping[str, Scores]]
    queries: int


def compare(
    system: Declaration, gallery: Gallery, features: Floats, held: Mask, projections: Mapping[str, Projection]
) -> Outcome:
    """Every projection, the frozen features and chance on the held-out rows: each is a query among all others.

    Rows of an unknown kind are left out. What counts as relevant is the declared `same`; the other text columns of the
    data are measured on the same rankings.
    """
    first = system.search.objective.alike.field.name
    chosen = held & np.array([one is not None for one in gallery.facts[first]], np.bool_)
    rows = np.flatnonzero(chosen)
    table = system.search.table
    names = [first, *(n for n in _facts(system) if n != first and table.fields[n].kind is Kind.TEXT)]
    kinds = {name: _kinds(gallery.facts[name], rows) for name in names}
    vectors = {name: one.vectors(features[rows]) for name, one in projections.items()} | {
        _FROZEN: unit(features[rows])
    }
    depths = depths_of(system)
    found = {name: similarity(held_vectors, kinds, depths) for name, held_vectors in vectors.items()}
    found[_CHANCE] = {name: by_chance(kind, depths) for name, kind in kinds.items()}
    by_column = {name: {model: _scores(values[name]) for model, values in found.items()} for name in names}
    return Outcome(by_column.pop(first), by_column, len(rows))


def _kinds(values: Sequence[Any], rows: NDArray[np.int64]) -> NDArray[np.str_]:
    """The texts of these rows; one that is unknown is like no other."""
    return np.array([f"?{row}" if values[row] is None else f"={values[row]}" for row in rows.tolist()])


def depths_of(system: Declaration) -> list[int]:
    """The depths that are measured: 1, 10, how many rows are shown, and those the gate names."""
    asked = [int(depth) for check in system.evaluation.gate if (depth := check.metric.partition("@")[2])]
    return sorted({1, 10, system.requirements.shown, *asked})


def _scores(values: Mapping[str, NDArray[np.float64]]) -> Scores:
    means = {
        name: float(np.nanmean(one)) if not np.isnan(one).all() else float("nan")
        for name, one in values.items()
    }
    return Scores(means, values)


def register(
    registry: Registry, name: str, system: Declaration, gallery: Gallery, embedding: Embedding, outcome: Outcome, *,
    plan: str, time: int,
) -> tuple[Version, Verdict]:  # fmt: skip
    """Register the embedding, let the gate decide, and promote or refuse it with the gate's reasons."""
    others = {model: scores for model, scores in outcome.contenders.items() if model not in (MAIN, CHAMPION)}
    verdict = judge(
        system.evaluation.gate,
        outcome.contenders[MAIN],
        champion=outcome.contenders.get(CHAMPION),
        baselines=others,
    )
    lineage = Lineage(gallery.hash, plan, code_hash(), time)
    version = registry.register(
        name,
        embedding.save,
        metrics=outcome.contenders[MAIN].metrics,
        lineage=lineage,
        time=time,
        reason="run",
    )
    if verdict.passed:
        return registry.promote(name, version.name, time=time, reason="the gate passed"), verdict
    failed = [f"{check.check}: {check.why}" for check in verdict.checks if not check.passed]
    return registry.refuse(name, version.name, time=time, reason="; ".join(failed)), verdict


def sections(system: Declaration, outcome: Outcome) -> dict[str, Any]:
    """The summary's parts about quality: metrics, intervals, paired, slices, kpi."""
    shown = f"precision@{system.requirements.shown}"
    by_model = {
        model: {"kpi": 1_000 * system.requirements.shown * scores.metrics[shown], "loss": None}
        for model, scores in outcome.contenders.items()
    }
    return {
        "metrics": {model: dict(scores.metrics) for model, scores in outcome.contenders.items()},
        "intervals": {model: _intervals(scores) for model, scores in outcome.contenders.items()},
        "paired": [
            _paired(outcome.contenders, against, metric)
            for metric in ("precision@10", "recall@10", AVERAGE)
            for against in outcome.contenders
            if against != MAIN
        ],
        "slices": {
            f"the same {column} instead": {
                "n": outcome.queries,
                "metrics": {model: dict(scores.metrics) for model, scores in contenders.items()},
                "intervals": {model: _intervals(scores) for model, scores in contenders.items()},
            }
            for column, contenders in outcome.others.items()
        },
        "kpi": {"name": system.requirements.kpi.name, "unit": "per 1,000 requests", "by_model": by_model},
    }


def _intervals(scores: Scores) -> dict[str, list[float]]:
    return {metric: _ends(mean_interval(values)) for metric, values in scores.values.items()}


def _paired(contenders: Mapping[str, Scores], against: str, metric: str) -> dict[str, Any]:
    found = paired_difference(contenders[MAIN].values[metric], contenders[against].values[metric])
    ends = {"difference": found.estimate, "low": found.low, "high": found.high}
    return {"metric": metric, "model": MAIN, "against": against, **ends}


def _ends(interval: Interval) -> list[float]:
    return [interval.low, interval.high]
