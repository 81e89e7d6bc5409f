"""A table of coloured squares and a network small enough to compute by hand, for tests of a search by pictures."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import heptad as hp
from heptad.models.vision.backbone import Backbone
from heptad.models.vision.memo import Memo
from heptad.models.vision.projection import Projection
from heptad.registry.registry import Registry
from heptad.registry.version import Lineage
from heptad.retrieval.similar import Embedding
from heptad.run.profile import Profile
from heptad.run.source import Source
from heptad.run.target import Target
from heptad.serving.visual import VisualService
from heptad.serving.visual_display import Rows
from heptad.serving.visual_log import ChangeLog
from heptad.streams.clock import ReplayClock
from heptad.streams.log import Log

if TYPE_CHECKING:
    import pyarrow as pa

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 210), "grey": (120, 120, 120)}


class Square(hp.Table):
    square: hp.Id
    picture: hp.Image
    colour: str
    size: str | None
    series: str | None


squares = hp.System(
    requirements=hp.Requirements(
        p99="1s", qps=1, freshness="1s", candidates=20, shown=5,
        kpi=hp.KPI("alike", hp.count(where=hp.same(Square.colour))),
    ),
    framing=hp.Retrieval(Square.picture, objective=hp.Contrastive(hp.same(Square.colour))),
    data=hp.Data(static=dict(colour=Square.colour, size=Square.size)),
    model=hp.Embedding(size=8, hidden=16, epochs=60, batch=32),
    evaluation=hp.Evaluation(
        hp.EntitySplit(test=0.4),
        gate=[hp.average_precision > hp.baseline("frozen"), hp.precision(5) >= hp.champion],
    ),
    serving=hp.Search([hp.Nearest(20)], filters=[Square.size], rerank=[hp.Distinct(0.9999)]),
    monitoring=hp.Monitoring(),
)  # fmt: skip


def picture(colour: str, number: int, side: int = 24) -> bytes:
    """A PNG of noise around a colour; the noise, and a brightness of its own, follow from ``number``."""
    from PIL import Image

    draw = np.random.default_rng(number)
    shade = np.asarray(COLOURS[colour]) * draw.uniform(0.2, 1.0)
    noisy = shade + draw.normal(0, 25, (side, side, 3))
    out = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


def rows(n: int = 120) -> dict[str, list[Any]]:
    """The columns of ``n`` squares: colours in turn, every other one small, pairs of one series."""
    colours = [list(COLOURS)[number % len(COLOURS)] for number in range(n)]
    return {
        "square": list(range(n)),
        "picture": [picture(colour, number) for number, colour in enumerate(colours)],
        "colour": colours,
        "size": [("small", "large")[number // 2 % 2] for number in range(n)],
        "series": [f"series {number // 8}" for number in range(n)],
    }


class Blocks:
    """Stands where ONNX Runtime's session does: the mean of each of 8 x 8 blocks and channels, (n, 192)."""

    def run(self, names: Any, given: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        pixels = given["pixels"]
        side = pixels.shape[-1] // 8
        blocks = pixels.reshape(len(pixels), 3, 8, side, 8, side).mean(axis=(3, 5))
        return [blocks.reshape(len(pixels), -1).astype(np.float32)]


def backbone(directory: Path) -> Backbone:
    """A backbone that needs no weights; what it computed is kept below ``directory``."""
    return Backbone("efficientnet-lite0", "blocks-1", Blocks(), Memo.open(directory / "blocks.features", 192))


def embedding(directory: Path, seed: int = 0, *, network: Backbone | None = None) -> Embedding:
    """An embedding that learned nothing: its weights are drawn."""
    draw = np.random.default_rng(seed)
    arrays = {
        "mean": np.zeros(192), "spread": np.ones(192), "w1": draw.normal(size=(192, 32)), "b1": np.zeros(32),
        "w2": draw.normal(size=(32, 6)), "b2": np.zeros(6),
    }  # fmt: skip
    projection = Projection(**{name: array.astype(np.float32) for name, array in arrays.items()})
    return Embedding(network or backbone(directory), projection)


def loading(directory: Path) -> Any:
    """What loads a version of the registry, on the small network."""

    def load(version: Path) -> Embedding:
        return Embedding(backbone(directory), Projection.load(version))

    return load


def searched(n: int = 120) -> Rows:
    """The same squares as a service is given them."""
    held = rows(n)
    return Rows(held.pop("square"), held.pop("picture"), held)


def opened(directory: Path, *, first: Embedding | None = None, n: int = 40) -> VisualService:
    """A service on a log under ``directory``, with ``n`` squares and the model v0001."""
    log = ChangeLog(Log.open(directory / "log"), squares.plan.stream("Square"))
    service = VisualService("squares", squares, log, ReplayClock(0), deadline=60_000_000)
    service.serve(first or embedding(directory), "v0001", searched(n))
    return service


def table(n: int = 40) -> pa.Table:
    """The squares as the source of a profile."""
    import pyarrow as pa

    return pa.table(rows(n))


def deployed(directory: Path) -> tuple[Target, Profile]:
    """The system and a profile, everything under ``directory``."""
    source = Source("Square", "python:...", function=f"{__name__}:table")
    target = Target("squares", squares, sys.modules[__name__], directory, "Squares.", "squares")
    profile = Profile(
        "dev", directory / "heptad.toml", "wall", directory / "log", "memory:", directory / "registry", {"Square": source}
    )  # fmt: skip
    return target, profile


def registered(directory: Path, seeds: tuple[int, ...] = (0, 1)) -> Registry:
    """A registry with a version for each seed, the first of them champion."""
    registry = Registry(directory / "registry")
    for seed in seeds:
        version = registry.register(
            "squares", embedding(directory, seed).save, metrics={}, lineage=Lineage("", "", "", 0), time=0
        )
        if version.name == "v0001":
            registry.promote("squares", version.name, time=0, reason="test")
    return registry
