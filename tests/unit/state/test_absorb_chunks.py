"""Events absorbed a few at a time are the events absorbed at once: states of one event may be large."""

from __future__ import annotations

import pytest

from heptad.plan.batch import Logged, batch_of
from heptad.plan.coding import LocalDictionary
from heptad.state import absorb as absorbing
from heptad.state.layout import layouts_of
from heptad.testing.dice import Dice


def states(plan, log, most, monkeypatch):
    monkeypatch.setattr(absorbing, "MOST_WORDS", most)
    monkeypatch.setattr(absorbing, "LEAST", 1)
    changed, dictionary = {}, LocalDictionary()
    for stream in plan.streams:
        some = [record for record in log if record.stream == stream.name]
        batch = batch_of(stream, [r.row for r in some], [r.offset for r in some])
        dictionary.codes(
            [value for c in batch.columns.values() for value in c.values[c.valid].tolist()]
        )  # in one order
        frontier = int(batch.time.max()) if len(batch) else 0
        changed |= absorbing.absorb(
            layouts_of(plan), batch, dictionary, lambda group, keys: [None] * len(keys), frontier
        )
    return changed


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(30):
        dice = Dice(seed)
        plan, clock, log = dice.plan(), dice.setting.epoch, []
        for offset in range(25):
            post = dice.post(clock, [stream.name for stream in plan.streams])
            clock = post.arrival
            log.append(Logged(offset, clock, post.stream, post.row))
        whole = states(plan, log, 1 << 30, monkeypatch)
        assert states(plan, log, 1, monkeypatch) == whole
