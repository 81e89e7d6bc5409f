"""A tiny deployment that has answered some requests, and what a test does to its files."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from heptad.registry.registry import Registry
from heptad.registry.version import Lineage
from heptad.run.profile import Profile
from heptad.run.target import Target
from heptad.serving.decision import Decision, decode, encode
from heptad.streams.log import Log
from heptad.testing.tiny_service import PRODUCTS, START, opened, post_past, sale, tiny, trained
from heptad.times import HOUR


@dataclass
class Tiny:
    """``home`` holds service/log, service/predictions and registry."""

    home: Path
    target: Target
    profile: Profile
    decisions: list[Decision]

    @property
    def predictions(self) -> Path:
        return self.home / "service" / "predictions"

    def copied(self, to: Path) -> Tiny:
        shutil.copytree(self.home, to)
        profile = replace(self.profile, log=to / "service" / "log", registry=to / "registry")
        return replace(self, home=to, profile=profile)

    def rewritten(self, directory: Path, change) -> None:
        """The log in ``directory`` with other payloads: every frame is whole, and has its own CRC."""
        with Log.open(directory, readonly=True) as log:
            records = list(log.read(log.first))
        shutil.rmtree(directory)
        with Log.open(directory) as log:
            for record in records:
                log.append([change(record)], record.arrival)


def target_of(system, name="tiny") -> Target:
    return Target(name, system, sys.modules[__name__], Path(__file__).parent, "", name)


def edited(decision: Decision, **changes) -> bytes:
    return encode(replace(decision, **changes))


def deployed(home: Path) -> Tiny:
    """Eight users with a history have asked, and one without."""
    registry, scorer = Registry(home / "registry"), trained(home / "training")
    lineage = Lineage("d", tiny.plan.hash, "c", START)
    version = registry.register("tiny", scorer.save, metrics={}, lineage=lineage, time=START)
    registry.promote("tiny", version.name, time=START, reason="a test")
    service = opened(home / "service", replace(scorer, version=version.name))
    post_past(service)
    for number in range(8):
        service.rank(service.ask(1 + number, None if number % 2 else 2, {"device": "web"}))
        service.post(
            "Sale", [sale(900 + number, START + (5 + number) * HOUR, 1 + number, PRODUCTS[-1], 7.0)]
        ).result()
    service.rank(service.ask(999, None, None))
    service.drain()
    with Log.open(home / "service" / "predictions", readonly=True) as log:
        decisions = [decode(record.payload) for record in log.read(0)]
    profile = Profile(
        "dev", home / "heptad.toml", "replay", home / "service" / "log", "memory:", home / "registry", {}
    )
    return Tiny(home, target_of(tiny), profile, decisions)
