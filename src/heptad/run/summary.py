"""What every run writes down: its summary as JSON, where its data came from, which versions there are."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

import heptad
from heptad.registry.registry import Registry
from heptad.registry.version import Version
from heptad.run.profile import Profile
from heptad.run.stopwatch import Stopwatch
from heptad.run.target import Target

#: Writes the report of a summary to a file, and says where it is.
Render = Callable[[dict[str, Any], Path], Path]
#: Versions a summary lists.
MODELS: Final = 8


def data_module(target: Target) -> ModuleType | None:
    """The module ``data`` beside a system's own; None where there is none."""
    package = target.module.__name__.rpartition(".")[0]
    if not package or importlib.util.find_spec(f"{package}.data") is None:
        return None
    return importlib.import_module(f"{package}.data")


def head(target: Target) -> dict[str, Any]:
    """What every summary begins with: which system, of which plan, by which heptad, when."""
    return {
        "system": target.name,
        "title": next(iter(target.doc.strip().splitlines()), target.name),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": heptad.__version__,
        "plan_hash": target.system.plan.hash,
        "explain": target.system.explain(),
    }


def provenance(target: Target, profile: Profile, registry: Registry) -> dict[str, Any]:
    """The newest models, and where the data came from."""
    versions = registry.versions(target.name)[-MODELS:]
    return {
        "models": [model_row(version) for version in versions],
        "data": data_section(target, profile),
    }


def finish(summary: dict[str, Any], watch: Stopwatch, out: Path, render: Render | None) -> None:
    """Note the seconds of each stage, write the report where there is a way to, and ``summary.json``."""
    summary["seconds"] = watch.seconds
    if render is not None:
        with watch.stage("report", "writing the report"):
            summary["report"] = str(out / "report.html")
            render(summary, out / "report.html")
    write_summary(summary, out / "summary.json")


def data_section(target: Target, profile: Profile) -> dict[str, Any]:
    """What the system's own data module says of its data (`about`), else where each stream was read from."""
    about = getattr(data_module(target), "about", None)
    if callable(about):
        return dict(about())
    return {"name": ", ".join(f"{stream} from {source.url}" for stream, source in profile.sources.items())}


def write_summary(summary: dict[str, Any], path: Path) -> None:
    """The summary as JSON, whole or not at all; NaN becomes null."""
    aside = path.with_suffix(".part")
    aside.write_text(json.dumps(_jsonable(summary), indent=1, allow_nan=False), encoding="utf-8")
    os.replace(aside, path)


def model_row(version: Version) -> dict[str, Any]:
    """A registered version as the summary lists it."""
    lineage = version.lineage
    return {
        "version": version.name,
        "stage": version.stage,
        "created": datetime.fromtimestamp(version.created / 1e6, UTC).isoformat(),
        "lineage": {
            "data": lineage.data,
            "plan": lineage.plan,
            "code": lineage.code,
            "trained through": datetime.fromtimestamp(lineage.trained_through / 1e6, UTC).isoformat(),
        },
    }


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
