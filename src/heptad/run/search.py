"""A search by pictures from its source to its report: embed, train, compare, gate, index, serve a replay."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from heptad.declare.system import Declaration
from heptad.errors import DataError, HeptadError, MissingExtra
from heptad.evaluation.bootstrap import mean_interval
from heptad.evaluation.gate import CHAMPION
from heptad.lifecycle import search
from heptad.lifecycle.evaluate import MAIN
from heptad.lifecycle.search import Gallery
from heptad.models.vision.backbone import Backbone
from heptad.models.vision.picture import thumbnail
from heptad.models.vision.projection import Floats, Projection
from heptad.registry.registry import Registry
from heptad.retrieval.similar import Embedding, Hit, Similar
from heptad.retrieval.vectors.approximate import SMALLEST
from heptad.retrieval.vectors.index import VectorIndex
from heptad.retrieval.vectors.recall import measure_recall
from heptad.run.profile import Profile
from heptad.run.progress import Progress
from heptad.run.replay import latency_section
from heptad.run.source import read
from heptad.run.stopwatch import Stopwatch
from heptad.run.summary import Render, finish, head, provenance
from heptad.run.target import Target
from heptad.serving.visual_display import similar_of
from heptad.times import MILLISECOND, duration

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows a picture in the report is shown with, how many queries it shows, and how many a replay serves.
ACROSS: Final = 8
QUERIES: Final = 10
REPLAYED: Final = 300


def run_search(
    target: Target,
    profile: Profile,
    *,
    progress: Progress,
    out: Path,
    render: Render | None = None,
) -> dict[str, Any]:
    """Run everything, write ``summary.json`` into ``out``, and return the summary; as `heptad.run.loop.run_system`."""
    system, watch = target.system, Stopwatch(progress)
    out.mkdir(parents=True, exist_ok=True)
    now = time.time_ns() // 1_000
    with watch.stage("load", "reading the pictures"):
        gallery = load_gallery(target, profile)
        held = search.held_out(system, gallery)
    queries = int(held.sum())
    watch.line(f"{len(gallery):,} pictures of {target.name}; {queries:,} of them held out, by their keys")
    if gallery.without:
        watch.line(f"{gallery.without:,} rows have no picture and are left out")
    if queries <= max(search.depths_of(system)):
        raise DataError(
            "evaluation", f"more than {max(search.depths_of(system))} rows held out", str(queries),
            "bring more rows, or hold out more of them: hp.EntitySplit(test=0.5)",
        )  # fmt: skip
    with watch.stage("embed", "embedding", len(gallery)) as stage:
        backbone = Backbone.open(system.embedding.backbone)
        features = backbone.features(gallery.pictures, stage.advance)
    with watch.stage("train", "training the projection", system.embedding.epochs) as stage:
        projection = search.train(system, gallery, features, held, stage.advance)
    embedding = Embedding(backbone, projection)
    registry = Registry(profile.registry)
    with watch.stage("evaluate", "searching with the held-out pictures"):
        known = {MAIN: projection, **_champion(registry, target.name, backbone)}
        outcome = search.compare(system, gallery, features, held, known)
    with watch.stage("gate", "asking the gate"):
        version, verdict = search.register(
            registry, target.name, system, gallery, embedding, outcome, plan=system.plan.hash, time=now
        )
    scores = ", ".join(
        f"{name} {one.metrics['precision@10']:.3f}" for name, one in outcome.contenders.items()
    )
    said = "passed the gate" if verdict.passed else "was refused"
    watch.line(f"precision@10: {scores}; {version.name} {said}")
    with watch.stage("index", "indexing"):
        similar = indexed(system, gallery, embedding, features)
    rows = np.random.default_rng(0).permutation(np.flatnonzero(held))[:REPLAYED]
    with watch.stage("replay", "serving a replay", len(rows)) as stage:
        replay = replayed(system, gallery, similar, rows, stage.advance)
    summary: dict[str, Any] = {
        **head(target),
        "rows": {
            "pictures": len(gallery),
            "train": len(gallery) - queries,
            "test": queries,
            "requests": len(rows),
        },
        **search.sections(system, outcome),
        "gate": verdict.as_dict(),
        "index": index_section(similar, gallery, replay, rows),
        "latency_ms": latency_section(replay.took, replay.stages),
        **provenance(target, profile, registry),
    }
    summary["requirements"] = _requirements(system, summary, replay)
    watch.line(_index_line(summary["index"]))
    with watch.stage("pictures", "drawing"):
        summary["pictures"] = pictures_section(system, gallery, similar, rows)
    finish(summary, watch, out, render)
    return summary


def read_rows(target: Target, profile: Profile) -> pa.Table:
    """The rows of the searched table from the profile's source."""
    (stream,) = target.system.plan.streams
    return read(profile.sources[stream.name], stream)


def gallery_from(target: Target, table: pa.Table) -> Gallery:
    """Those of them that have a picture; a column that the source does not have is null."""
    (stream,) = target.system.plan.streams
    given = {name: table.column(name).to_pylist() for name in table.column_names}
    absent = {field.name: [None] * len(table) for field in stream.fields if field.name not in given}
    return search.gallery_of(target.system, given | absent)


def load_gallery(target: Target, profile: Profile) -> Gallery:
    """The rows of the profile's source that have a picture."""
    return gallery_from(target, read_rows(target, profile))


def indexed(system: Declaration, gallery: Gallery, embedding: Embedding, features: Floats) -> Similar:
    """All rows findable, with the declared filters."""
    similar = similar_of(system, embedding)
    names = similar.index.attributes
    similar.add(gallery.keys, features, {name: gallery.facts[name] for name in names})
    return similar


def _champion(registry: Registry, name: str, backbone: Backbone) -> dict[str, Projection]:
    """The champion's projection, if there is one on this backbone; the hash of a key holds out the same rows for it."""
    version = registry.champion(name)
    if version is None:
        return {}
    try:
        embedding = Embedding.load(version.path)
    except HeptadError:  # one of another backbone, or of another release, cannot compete
        return {}
    return {CHAMPION: embedding.projection} if embedding.backbone.version == backbone.version else {}


@dataclass(frozen=True, eq=False)
class Replay:
    """Held-out pictures as requests: milliseconds of each and of its parts, what it found, and of a fresh row."""

    took: list[float]
    stages: Mapping[str, list[float]]
    found: list[list[Hit]]
    fresh: list[float]


def replayed(
    system: Declaration,
    gallery: Gallery,
    similar: Similar,
    rows: NDArray[np.int64],
    advance: Callable[[int], None],
) -> Replay:
    """Ask with the pictures of these rows one after the other, as a server would, each row itself excluded.

    Every tenth row is taken out of the index first and put back, to measure from when on a new row is found.
    """
    took: list[float] = []
    stages: dict[str, list[float]] = {"embed": [], "search": []}
    found, fresh = [], []
    for place, row in enumerate(rows.tolist()):
        began = time.perf_counter()
        look = similar.embedding.look(gallery.pictures[row])
        embedded = time.perf_counter()
        found.append(similar.search(look, system.requirements.shown, exclude=gallery.keys[row]))
        ended = time.perf_counter()
        took.append(1e3 * (ended - began))
        stages["embed"].append(1e3 * (embedded - began))
        stages["search"].append(1e3 * (ended - embedded))
        if place % 10 == 0:
            fresh.append(_fresh(gallery, similar, row))
        advance(1)
    return Replay(took, stages, found, fresh)


def _fresh(gallery: Gallery, similar: Similar, row: int) -> float:
    """Milliseconds from a picture's bytes until the row is the answer to its own picture."""
    key, names = gallery.keys[row], similar.index.attributes
    similar.delete([key])
    began = time.perf_counter()
    look = similar.embedding.look(gallery.pictures[row])
    similar.add([key], look[None], {name: [gallery.facts[name][row]] for name in names})
    hits = similar.search(look, 1)
    took = 1e3 * (time.perf_counter() - began)
    return took if hits and hits[0].cosine > 0.999 else float("inf")


def index_section(
    similar: Similar, gallery: Gallery, replay: Replay, rows: NDArray[np.int64]
) -> dict[str, Any]:
    """What is indexed, by which embedding, and how much of an exact search by numpy alone the index finds."""
    view = similar.index.view()
    looks = similar.embedding.features([gallery.pictures[row] for row in rows.tolist()])
    vectors, k = similar.embedding.projection.vectors(looks), similar.n
    cosines = vectors.astype(np.float64) @ view.vectors[view.alive].T.astype(np.float64)
    least = np.sort(cosines, axis=1)[:, -min(k, cosines.shape[1])]
    found = view.search(vectors, k)
    shares = [
        float((found.scores[found.of(query)] >= least[query] - 1e-6).sum() / min(k, cosines.shape[1]))
        for query in range(len(found))
    ]
    interval = mean_interval(shares)
    approximate = _approximate(similar, vectors)
    return {
        "items": len(similar.index),
        "version": similar.embedding.version,
        "size": similar.embedding.projection.size,
        "k": k,
        "exact": len(similar.index) <= similar.index.exact_below,
        "recall": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "queries": len(rows),
        **({} if approximate is None else {"approximate": approximate}),
        "freshness_ms": float(np.quantile(replay.fresh, 0.99)),
    }


def _approximate(similar: Similar, vectors: Floats) -> dict[str, float] | None:
    """Recall of an approximate index of the same vectors, as a larger table would have; None without faiss."""
    rows = similar.index.view().living()
    if len(rows["id"]) <= SMALLEST:
        return None
    version, size = similar.embedding.version, similar.embedding.projection.size
    index = VectorIndex(size, version=version, exact_below=SMALLEST, automatic=False)
    index.add(rows["id"].tolist(), rows["vector"], version=version)
    try:
        index.rebuild()
    except MissingExtra:
        return None
    found = measure_recall(index.view(), vectors, similar.n)
    return {"recall": found.value, "low": found.low, "high": found.high}


def pictures_section(
    system: Declaration, gallery: Gallery, similar: Similar, rows: NDArray[np.int64]
) -> dict[str, Any]:
    """Queries of the replay, one of each kind where there are so many, and what they found, as small pictures."""
    name = system.search.objective.alike.field.name
    kinds, place_of = gallery.facts[name], {key: place for place, key in enumerate(gallery.keys)}
    chosen: dict[Any, int] = {}
    for row in rows.tolist():
        chosen.setdefault(kinds[row], row)
    picked = list(chosen.values())[:QUERIES]
    looks = similar.embedding.features([gallery.pictures[row] for row in picked])

    def shown(row: int) -> dict[str, Any]:
        return {
            "key": str(gallery.keys[row]),
            "kind": kinds[row] or "",
            "picture": thumbnail(gallery.pictures[row]),
        }

    queries = []
    for row, look in zip(picked, looks, strict=True):
        hits = similar.search(look, ACROSS, exclude=gallery.keys[row])
        found = [
            shown(place_of[hit.item])
            | {"cosine": hit.cosine, "alike": kinds[place_of[hit.item]] == kinds[row]}
            for hit in hits
        ]
        queries.append(shown(row) | {"found": found})
    return {"column": name, "queries": queries}


def _requirements(system: Declaration, summary: Mapping[str, Any], replay: Replay) -> list[dict[str, Any]]:
    """name, target, measured, holds of each requirement; the rate is that of one process, one request after the other."""
    needs, latency, index = system.requirements, summary["latency_ms"], summary["index"]
    rate = 1e3 / latency["p50"]
    by_model = {name: row["kpi"] for name, row in summary["kpi"]["by_model"].items()}
    best = max(value for name, value in by_model.items() if name not in (MAIN, CHAMPION))
    looked = min(index["k"], index["items"])

    def row(name: str, target: str, measured: str, holds: bool) -> dict[str, Any]:
        return {"name": name, "target": target, "measured": measured, "holds": bool(holds)}

    return [
        row("p99", needs.p99, f"{latency['p99']:.1f}ms", latency["p99"] * MILLISECOND <= duration(needs.p99)),
        row("qps", f"{needs.qps:g} per second", f"{rate:.0f} per second", rate >= needs.qps),
        row("candidates", str(needs.candidates), f"{looked} nearest looked at", looked >= needs.candidates),
        row(
            "freshness", needs.freshness, f"{index['freshness_ms']:.1f}ms",
            index["freshness_ms"] * MILLISECOND <= duration(needs.freshness),
        ),
        row(
            "kpi", f"above every baseline ({best:.0f})", f"{by_model[MAIN]:.0f} {summary['kpi']['unit']}",
            by_model[MAIN] > best,
        ),
    ]  # fmt: skip


def _index_line(index: Mapping[str, Any]) -> str:
    how = "searched exactly" if index["exact"] else "searched approximately"
    return (
        f"index: {index['items']:,} vectors, {how}; recall@{index['k']} {index['recall']:.3f} against numpy"
    )
