"""A training set from files to a file, however large: what `System.build` and ``heptad build`` do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from heptad.errors import DataError
from heptad.offline.build.budget import Budget
from heptad.offline.build.build import build
from heptad.offline.build.disk import Disk
from heptad.offline.build.files import Rows, is_parquet, rows_of
from heptad.offline.build.labels import Labels
from heptad.offline.build.report import Report
from heptad.offline.build.shards import request_fields
from heptad.offline.sources import as_table
from heptad.plan.nodes import Plan, RequestColumn
from heptad.run.progress import Progress
from heptad.serving.columns import bare_inputs

if TYPE_CHECKING:
    from heptad.run.system import System


def build_training_set(
    system: System,
    labels: Any,
    *,
    events: Mapping[str, Any],
    out: str | Path,
    at: str = "ts",
    memory: str | int = "2GB",
    workers: int = 2,
    mode: Literal["as_known", "as_happened"] = "as_known",
    progress: Progress | None = None,
    budget: Budget | None = None,
    disk: Disk | None = None,
) -> Report:
    """Write the label rows with every declared feature as of each row's time to the Parquet file ``out``.

    ``labels`` and ``events`` as in `heptad.run.notebook.training_set`; a path may also be a directory of Parquet
    files, a pattern, or a list of paths. The process holds at most about ``memory``, whatever the number of events;
    what does not fit goes to temporary files beside ``out``, which appears whole or not at all. Its metadata
    (`heptad.offline.build.writer.facts_of`) has the plan's hash, heptad's version, rows, events and mode.
    Raises DataError where a source does not fit its class or a label column has a feature's name, DeclarationError
    where ``memory`` is too little, StateError where the disk refuses.
    """
    from heptad import __version__

    plan = system.plan
    sources = {name: _rows(plan, name, source) for name, source in events.items()}
    fields = {field.name: field for field in request_fields(plan)}
    asked = rows_of("labels", labels, [*fields, at])
    _check_names(plan, asked.schema.names)
    blank = {field.name for field in bare_inputs(plan, plan.columns)}
    if not fields.keys() & set(asked.schema.names):
        raise DataError(
            "labels", f"some of {', '.join(fields)}", ", ".join(asked.schema.names), "name the entities"
        )
    return build(
        plan, sources, Labels(asked, at, fields, blank), Path(out), budget or Budget.of(memory, workers),
        mode=mode, meter=progress, disk=disk, facts={"heptad": __version__},
    )  # fmt: skip


def _rows(plan: Plan, name: str, source: Any) -> Rows:
    known = {stream.name: stream for stream in plan.streams}
    if name not in known:
        raise DataError(
            f"events[{name!r}]",
            f"one of {', '.join(known)}",
            "a class the system does not use",
            "leave it out",
        )
    thing = f"source of {name}"
    if isinstance(source, (str, Path)) and not is_parquet(source):  # a CSV file: in memory
        return rows_of(thing, as_table(known[name], source, {}))
    return rows_of(thing, source, [field.name for field in known[name].fields])


def _check_names(plan: Plan, labels: list[str]) -> None:
    for column in plan.columns:
        itself = isinstance(column.source, RequestColumn) and column.source.name == column.name
        if column.name in labels and not itself:
            raise DataError(
                f"label column {column.name!r}", "a name that no feature has", "a feature of that name",
                "rename the label column, or leave it out",
            )  # fmt: skip
