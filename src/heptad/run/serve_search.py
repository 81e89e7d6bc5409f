"""`heptad serve` of a search by pictures: the champion's embedding over the source's rows and those posted since."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from heptad.errors import DataError, StateError
from heptad.registry.registry import Registry
from heptad.retrieval.similar import Embedding
from heptad.run.follow import watching
from heptad.run.profile import Profile
from heptad.run.search import load_gallery
from heptad.run.target import Target
from heptad.serving.visual import VisualService
from heptad.serving.visual_display import Rows
from heptad.serving.visual_log import ChangeLog
from heptad.streams.clock import WallClock
from heptad.streams.log import Log

Say = Callable[[str], None]
#: What loads the embedding of a directory of the registry.
Load = Callable[..., Embedding]


def check_workers(workers: int) -> None:
    """Raise DataError for more processes than one: the network of each would take the cores of the others."""
    if workers > 1:
        raise DataError(
            f"--workers {workers}", "one process for a search by pictures, whose network uses all cores", f"{workers}",
            "leave --workers out; for more requests start heptad serve on more machines",
        )  # fmt: skip


@contextmanager
def visual_service(
    target: Target, profile: Profile, say: Say, *, deadline: int | None = None, load: Load = Embedding.load
) -> Iterator[VisualService]:
    """The champion of the registry, and whichever succeeds it, over the source's rows and those in the profile's log.

    What was embedded before is not again. `StateError` where no version is champion yet: there is no order of
    pictures without one.
    """
    registry = Registry(profile.registry)
    if registry.champion_name(target.name) is None:
        raise StateError(
            f"champion of {target.name}",
            "a version that passed the gate",
            "none",
            f"train one: heptad run {target.name}",
        )
    (stream,) = target.system.plan.streams
    log = ChangeLog(Log.open(profile.log), stream)
    service = VisualService(target.name, target.system, log, WallClock(), deadline=deadline)

    def serve_champion() -> str:
        version = registry.champion(target.name)
        if version is None:
            raise StateError(f"champion of {target.name}", "one that serves", "none", "promote a version")
        rows = load_gallery(target, profile)
        say(f"embedding {len(rows):,} pictures of {target.name} with {version.name}")
        service.serve(load(version.path), version.name, Rows(rows.keys, rows.pictures, rows.facts))
        return version.name

    try:
        serve_champion()
        if log.end:
            say(f"posted and deleted since: {log.end:,}")
        with watching(registry, target.name, serve_champion, say, service.model_version):
            yield service
    finally:
        service.drain()
