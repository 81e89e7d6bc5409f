"""A retriever on disk: its item index, its settings, and one directory per source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from heptad.errors import StateError
from heptad.models.files import read_arrays, read_json, write_arrays, write_json
from heptad.retrieval.blend import Quota, Retriever
from heptad.retrieval.catalog import ItemIndex
from heptad.retrieval.learned import LearnedSource
from heptad.retrieval.nearest import NearestSource
from heptad.retrieval.popular import PopularSource
from heptad.retrieval.source import Source
from heptad.retrieval.trending import TrendingSource

_SETTINGS: Final = "retriever.json"
_ITEMS: Final = "items.npz"
_KINDS: Final[Mapping[str, Callable[[Path, Mapping[str, Any], ItemIndex], Source]]] = {
    PopularSource.kind: PopularSource.load,
    LearnedSource.kind: LearnedSource.load,
    TrendingSource.kind: TrendingSource.load,
    NearestSource.kind: NearestSource.load,
}


def save_retriever(retriever: Retriever, directory: Path) -> None:
    """Write the retriever into ``directory`` as it was made: counts of events, and items that only had events
    since, are state and are not written.
    """
    ids = retriever.index.ids[: retriever.known]
    texts = np.asarray([str(item) for item in ids.tolist()], np.str_)
    is_text = np.asarray([type(item) is str for item in ids.tolist()], np.bool_)
    write_arrays(directory / _ITEMS, {"items": texts, "is_text": is_text})
    sources = [
        {"name": name, "n": n, **source.save(directory / f"source-{place}")}
        for place, (name, (source, n)) in enumerate(retriever.sources.items())
    ]
    write_json(
        directory / _SETTINGS,
        {"total": retriever.total, "sources": sources, "trained_through": retriever.trained_through},
    )


def load_retriever(directory: Path) -> Retriever:
    """Read what `save_retriever` wrote; raises StateError for what is missing or damaged."""
    settings = read_json(directory / _SETTINGS)
    saved = read_arrays(directory / _ITEMS)
    pairs = zip(saved["items"].tolist(), saved["is_text"].tolist(), strict=True)
    index = ItemIndex([item if text else int(item) for item, text in pairs])
    sources: dict[str, Quota] = {}
    for place, one in enumerate(settings["sources"]):
        kind = str(one["kind"])
        if kind not in _KINDS:
            raise StateError(
                f"candidate source {one['name']!r}", f"a kind of {', '.join(_KINDS)}", kind,
                "load it with the version of heptad that saved it",
            )  # fmt: skip
        sources[str(one["name"])] = Quota(_KINDS[kind](directory / f"source-{place}", one, index), one["n"])
    return Retriever(sources, index, int(settings["total"]))
