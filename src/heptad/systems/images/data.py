"""Pictures of products: Fashion-MNIST from the catalogue, or a folder of photos with their facts in a CSV file."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from heptad import catalogue

#: The ten kinds in the order of their labels, and what they are worn as.
KINDS = (
    ("t-shirt", "tops"), ("trouser", "bottoms"), ("pullover", "tops"), ("dress", "dresses"), ("coat", "tops"),
    ("sandal", "shoes"), ("shirt", "tops"), ("sneaker", "shoes"), ("bag", "bags"), ("ankle boot", "shoes"),
)  # fmt: skip
SHADES = ("dark", "middle", "light")


def fashion(pictures: int = 6_000) -> Any:
    """Arrow table of the first ``pictures`` of Fashion-MNIST's training part, each as a PNG.

    They are grey, so ``colour`` is how light the thing is: the median of its pixels, what is black around it apart, in
    three shades of equal width.
    """
    import pyarrow as pa
    from PIL import Image

    files = catalogue.fetch("fashion-mnist")
    grey = _idx(files["train-images-idx3-ubyte.gz"])[:pictures]
    label = _idx(files["train-labels-idx1-ubyte.gz"])[:pictures].tolist()
    photos = []
    for one in grey:
        out = io.BytesIO()
        Image.fromarray(one).save(out, "PNG")
        photos.append(out.getvalue())
    light = [int(np.median(one[one > 0])) if one.any() else 0 for one in grey]
    return pa.table(
        {
            "product": np.arange(len(grey)),
            "photo": pa.array(photos, pa.binary()),
            "kind": [KINDS[one][0] for one in label],
            "category": [KINDS[one][1] for one in label],
            "colour": [SHADES[value * 3 // 256] for value in light],
        }
    )


def products(folder: Any, ids: Any = None) -> Any:
    """Arrow table of product photos: ``products.zip`` with ``<id>.jpg``, and ``products.csv``, in this folder.

    The CSV has id, articleType (the kind), subCategory (the category) and baseColour. ``ids``: only these, in this order.
    """
    import pyarrow as pa

    with (Path(folder) / "products.csv").open(encoding="utf-8", newline="") as file:
        rows = {int(row["id"]): row for row in csv.DictReader(file)}
    chosen = list(rows) if ids is None else [int(one) for one in ids]
    with zipfile.ZipFile(Path(folder) / "products.zip") as photos:
        return pa.table(
            {
                "product": chosen,
                "photo": pa.array([photos.read(f"{one}.jpg") for one in chosen], pa.binary()),
                "kind": [rows[one]["articleType"] for one in chosen],
                "category": [rows[one]["subCategory"] for one in chosen],
                "colour": [rows[one]["baseColour"] or None for one in chosen],
            }
        )


def _idx(path: Path) -> Any:
    """The array in a gzipped IDX file of bytes: two zeros, the type (8), the number of axes, their lengths, the values."""
    content = gzip.decompress(path.read_bytes())
    axes = content[3]
    shape = np.frombuffer(content, ">u4", axes, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def about() -> dict[str, str]:
    """What a report says of the data."""
    dataset = catalogue.describe("fashion-mnist")
    return {"name": dataset.title, "licence": dataset.licence, "citation": dataset.citation}
