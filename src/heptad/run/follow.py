"""A running service goes along with its registry: a new champion, or an old one again, serves within seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from heptad.errors import HeptadError
from heptad.registry.registry import Registry
from heptad.run.champion import load_champion
from heptad.run.profile import Profile
from heptad.run.target import Target
from heptad.serving.service import Service

#: Seconds between looks at the registry.
EVERY: Final = 1.0


@contextmanager
def following(
    service: Service, target: Target, profile: Profile, say: Callable[[str], None]
) -> Iterator[None]:
    """Serve what the registry says while the block runs. One that cannot be loaded is said, and left alone."""
    registry = Registry(profile.registry)

    def serve() -> None:
        service.serve(load_champion(registry, target.name, target.system.plan.hash))

    with watching(registry, target.name, serve, say, registry.champion_name(target.name)):
        yield


@contextmanager
def watching(
    registry: Registry, name: str, serve: Callable[[], object], say: Callable[[str], None], seen: str | None
) -> Iterator[None]:
    """Call ``serve`` for each champion of ``name`` other than the one ``seen`` last, while the block runs.

    One that cannot be served is said, and left alone.
    """
    ended = threading.Event()

    def follow() -> None:
        nonlocal seen
        while not ended.wait(EVERY):
            try:
                champion = registry.champion_name(name)
                if champion is None or champion == seen:
                    continue
                seen = champion
                serve()
                say(f"model {champion} is served from now on")
            except HeptadError as error:
                say(f"the champion of the registry is not served: {error}")

    thread = threading.Thread(target=follow, name="heptad-follow", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
