"""A vector index on disk: arrays and settings, nothing that runs. Whoever loads it vouches for the bytes by a hash."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from heptad.errors import StateError
from heptad.models.files import read_arrays, read_json, write_arrays, write_json
from heptad.retrieval.vectors.approximate import Approximate
from heptad.retrieval.vectors.index import VectorIndex
from heptad.retrieval.vectors.shelf import ids_of

_SETTINGS: Final = "vectors.json"
_ROWS: Final = "vectors.npz"
_MAIN: Final = "approximate.npz"
_KINDS: Final = {kind.__name__: kind for kind in (str, float, int, bool)}


def save_vectors(index: VectorIndex, directory: Path) -> None:
    """Write the index as of now into ``directory``: its living rows, and the approximate index where it is of them.

    Where rows were added or deleted since the last rebuild, the approximate index is left out: `load_vectors` builds it
    anew. Rebuild before saving to have it there.
    """
    view = index.view()
    columns = view.living()
    ids = columns.pop("id").tolist()
    ids_as = {
        "id": np.asarray([str(item) for item in ids], np.str_),
        "is_text": np.asarray([type(i) is str for i in ids]),
    }
    write_arrays(directory / _ROWS, {**columns, **ids_as})
    main = view.main
    whole = main is not None and len(main) == len(view.ids) == len(view)
    if main is not None and whole:
        write_arrays(directory / _MAIN, main.arrays())
    write_json(
        directory / _SETTINGS,
        {
            "version": view.version,
            "dimension": index.dimension,
            "metric": index.metric,
            "exact_below": index.exact_below,
            "recall": index.recall,
            "automatic": index.automatic,
            "approximate": whole,
            "attributes": {name: kind.__name__ for name, kind in index.attributes.items()},
            "words": view.attributes.words(),
        },
    )


def load_vectors(directory: Path) -> VectorIndex:
    """Read what `save_vectors` wrote; `StateError` for what is missing, damaged or does not fit together."""
    settings = read_json(directory / _SETTINGS)
    rows = read_arrays(directory / _ROWS)
    try:
        texts, is_text = rows.pop("id").tolist(), rows.pop("is_text").tolist()
        ids = [item if text else int(item) for item, text in zip(texts, is_text, strict=True)]
        index = VectorIndex(
            settings["dimension"],
            version=settings["version"],
            metric=settings["metric"],
            attributes={name: _KINDS[kind] for name, kind in settings["attributes"].items()},
            exact_below=settings["exact_below"],
            recall=settings["recall"],
            automatic=settings["automatic"],
        )
        main = Approximate.of(read_arrays(directory / _MAIN)) if settings["approximate"] else None
        index.restore({"id": ids_of(ids), **rows}, settings["words"], main)
    except (KeyError, ValueError, TypeError) as error:
        raise StateError(
            f"vector index in {directory.name}", "files written by save_vectors", repr(error),
            "load another version, or rebuild the index from the vectors",
        ) from error  # fmt: skip
    return index
