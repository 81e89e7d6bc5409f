"""The data sets and weights heptad knows, and where on this machine their files are kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from heptad.catalogue.address import Address
from heptad.catalogue.dataset import Dataset, Progress, Source
from heptad.catalogue.delivery import deliver
from heptad.catalogue.efficientnet import EFFICIENTNET_LITE0
from heptad.catalogue.fashion_mnist import FASHION_MNIST
from heptad.catalogue.movielens import MOVIELENS_100K
from heptad.errors import DataError

_DATASETS = {dataset.name: dataset for dataset in (MOVIELENS_100K, FASHION_MNIST, EFFICIENTNET_LITE0)}


def names() -> tuple[str, ...]:
    """The names `describe` and `fetch` know, sorted.

    >>> names()
    ('efficientnet-lite0', 'fashion-mnist', 'movielens-100k')
    """
    return tuple(sorted(_DATASETS))


def describe(name: str) -> Dataset:
    """The record of one data set: licence, citation, files, sources. `DataError` for an unknown name.

    >>> describe("movielens-100k").size
    2068559
    """
    if name in _DATASETS:
        return _DATASETS[name]
    close = get_close_matches(name, _DATASETS, n=1)
    raise DataError(
        f"data set {name!r}",
        f"one of {', '.join(names())}",
        repr(name),
        f"write {close[0]!r}" if close else "see 'heptad data list'",
    )


def cache_directory() -> Path:
    """Where data sets are kept: ``$HEPTAD_DATA``, else ``~/.cache/heptad``."""
    stated = os.environ.get("HEPTAD_DATA")
    return Path(stated).expanduser() if stated else Path.home() / ".cache" / "heptad"


def places(name: str, *, directory: str | Path | None = None) -> tuple[str, ...]:
    """Every place `fetch` looks at for a data set, in order, as text: the cache, a mirror, the sources."""
    dataset = describe(name)
    return (str(_folder(dataset, directory)), *(source.title for source in _sources(dataset)))


def fetch(
    name: str, *, directory: str | Path | None = None, progress: Callable[[Progress], None] | None = None
) -> dict[str, Path]:
    """The files of a data set on this machine, by file name, each verified by size and SHA-256.

    Looks in the cache (``directory``, else `cache_directory`), then at the mirror
    ``$HEPTAD_MIRROR/<name>/<file>`` if that is set, then at the data set's own sources. ``progress`` is
    called as bytes arrive. `DataError` when the name is unknown or no place delivers the right bytes;
    a file that cannot be verified never gets its final name.
    """
    dataset = describe(name)
    return deliver(dataset, _folder(dataset, directory), _sources(dataset), progress or _in_silence)


def _folder(dataset: Dataset, directory: str | Path | None) -> Path:
    return (cache_directory() if directory is None else Path(directory)) / dataset.name


def _sources(dataset: Dataset) -> tuple[Source, ...]:
    mirror = os.environ.get("HEPTAD_MIRROR")
    return (*((Address(f"{mirror.rstrip('/')}/{dataset.name}"),) if mirror else ()), *dataset.sources)


def _in_silence(step: Progress) -> None:
    """Report to nobody."""
