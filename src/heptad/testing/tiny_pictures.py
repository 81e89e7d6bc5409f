"""A table of coloured squares and a network small enough to compute by hand, for tests of a search by pictures."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import heptad as hp
from heptad.models.vision.backbone import Backbone
from heptad.models.vision.memo import Memo

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
