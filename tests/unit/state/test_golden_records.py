"""Bytes that must never change without a new format version: another engine can be held to the same file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from heptad.algebra.spec import Params
from heptad.plan.nodes import GroupPlan, RingPlan, SlotPlan
from heptad.state.layout import GroupLayout
from heptad.state.record import tiles_of
from heptad.state.update import update

CASES = json.loads((Path(__file__).parent / "golden_records.json").read_text())


def case_group(case):
    slots = tuple(SlotPlan(name, None, Params(n=n), None) for name, n in case["slots"])
    rings = tuple(RingPlan(hop, retention, tuple(inside)) for hop, retention, inside in case["rings"])
    return GroupPlan("Stream", ("key",), None, slots, rings)


def written(case):
    times, words = zip(*case["events"], strict=True)
    of = np.zeros(len(times), np.int64)
    layout = GroupLayout(case_group(case))
    (record,) = update(layout, [None], of, np.array(times), np.array(words, np.int64), case["frontier"])
    return record


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_events_make_exactly_these_bytes(case):
    assert written(case).hex() == case["record"]


def test_the_bytes_mean_what_the_format_says():
    """The second case by hand: two rings, the tile -2 of the first (event at -1001) out of reach."""
    case = next(case for case in CASES if len(case["slots"]) == 3)
    group = case_group(case)
    raw = np.frombuffer(bytes.fromhex(case["record"]), "<i8").tolist()
    assert bytes.fromhex(case["record"])[:8] == b"HEPTAD\x01\x00"
    assert raw[1:] == [
        2, 2,
        -1, 1, -250, 1, 250,
        4, 1, 250, 1, 250,
        -1, 3, 2,
        0, -5, 1,
    ]  # fmt: skip
    tiles = tiles_of(bytes.fromhex(case["record"]), GroupLayout(group))
    assert tiles[0][1] == (4, {0: [1], 1: [250, 1, 250]})
    assert tiles[1] == [(-1, {2: [3], 0: [2]}), (0, {2: [-5], 0: [1]})]
