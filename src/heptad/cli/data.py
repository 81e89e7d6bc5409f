"""``heptad data list`` and ``heptad data fetch``: the public data sets heptad knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TransferSpeedColumn
from rich.progress import Progress as Bars
from rich.table import Table

from heptad import catalogue
from heptad.catalogue import Dataset
from heptad.cli.command import Command, with_json, with_traceback
from heptad.cli.console import messages, output
from heptad.cli.files import write_json


@click.group("data", short_help="List and fetch public data sets.")
def command() -> None:
    """Public data sets: their terms, and their verified files on this machine."""


@command.command(
    "list",
    cls=Command,
    short_help="List the data sets with licence, citation and size.",
    examples=["heptad data list", "heptad data list --json data.json"],
)
@with_json
@with_traceback
def list_(json_file: Path | None) -> None:
    """List the data sets that ``heptad data fetch`` knows: size, licence, citation, and whether all files are
    on this machine already.
    """
    datasets = [catalogue.describe(name) for name in catalogue.names()]
    if json_file is not None:
        write_json(json_file, {"datasets": [_facts(dataset) for dataset in datasets]})
    table = Table(show_edge=False, pad_edge=False)
    for title in ("name", "size", "here", "licence", "citation"):
        table.add_column(title, justify="right" if title == "size" else "left", overflow="fold")
    for dataset in datasets:
        here = "yes" if _is_cached(dataset) else "no"
        table.add_row(dataset.name, _size(dataset.size), here, dataset.licence, dataset.citation)
    output().print(table)


@command.command(
    "fetch",
    cls=Command,
    short_help="Fetch and verify the files of a data set.",
    examples=["heptad data fetch movielens-100k"],
)
@click.argument("name", metavar="NAME")
@with_json
@with_traceback
def fetch(name: str, json_file: Path | None) -> None:
    """Fetch the data set NAME into the cache ($HEPTAD_DATA, else ~/.cache/heptad), verify every file by its
    SHA-256, and print where it lies and under which terms.
    """
    dataset = catalogue.describe(name)
    with _download_bars() as bars:
        tasks: dict[str, TaskID] = {}

        def show(step: catalogue.Progress) -> None:
            if step.file not in tasks:
                tasks[step.file] = bars.add_task(step.file, total=step.total)
            bars.update(tasks[step.file], completed=step.done)

        files = catalogue.fetch(name, progress=show)
    if json_file is not None:
        write_json(json_file, {**_facts(dataset), "paths": {key: str(path) for key, path in files.items()}})
    console = output()
    console.print(f"{dataset.title}", soft_wrap=True)
    for path in files.values():
        console.print(f"  {path}", soft_wrap=True)
    console.print(f"licence   {dataset.licence}", soft_wrap=True)
    console.print(f"citation  {dataset.citation}", soft_wrap=True)


def _download_bars() -> Bars:
    columns = (TextColumn("{task.description:<20}"), BarColumn(24), DownloadColumn(), TransferSpeedColumn())
    console = messages()
    return Bars(*columns, console=console, disable=not console.is_terminal)


def _facts(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "title": dataset.title,
        "bytes": dataset.size,
        "licence": dataset.licence,
        "citation": dataset.citation,
        "homepage": dataset.homepage,
        "sha256": {file.name: file.sha256 for file in dataset.files},
        "sources": list(catalogue.places(dataset.name)),
        "here": _is_cached(dataset),
    }


def _is_cached(dataset: Dataset) -> bool:
    """Whether every file has its name and size here; `fetch` verifies the bytes."""
    folder = catalogue.cache_directory() / dataset.name
    return all(
        (folder / file.name).is_file() and (folder / file.name).stat().st_size == file.size
        for file in dataset.files
    )


def _size(count: int) -> str:
    """Bytes in words: '2.1 MB'."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.1f} {unit}" if unit != "B" else f"{count} B"
