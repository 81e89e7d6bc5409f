"""What plots decide by themselves: where an axis starts, where a number stands, what a label may be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.dashboard.charts.canvas import label, room_for
from heptad.dashboard.charts.comparison import axis_start
from heptad.dashboard.charts.drift import _levels


@pytest.mark.parametrize(
    ("metric", "values", "start"),
    [
        ("ndcg@10", [0.4, 0.5], 0.0),
        ("auc", [0.6, 0.9], 0.5),
        ("auc", [0.45, 0.9], 0.0),
        ("difference", [-0.2, 0.1], -0.2),
        ("auc", [], 0.0),
    ],
)
def test_axes_are_honest(metric: str, values: list[float], start: float) -> None:
    assert axis_start(metric, values) == start


@given(st.lists(st.integers(0, 1_000), max_size=12), st.integers(1, 200))
def test_event_numbers_never_touch(events: list[int], near: int) -> None:
    levels = _levels(events, near)
    assert len(levels) == len(events)
    for place, at in enumerate(events):
        same = [
            other
            for other, level in zip(events[:place], levels[:place], strict=True)
            if level == levels[place]
        ]
        assert all(abs(at - other) >= near for other in same)


def test_labels_are_one_short_line() -> None:
    assert label("a\n b\tc") == "a b c"
    assert label("x" * 40, 10) == "x" * 9 + "…"
    assert "\x00" not in label("a\x00b")
    assert room_for([]) < room_for(["short"]) < room_for(["rather longer"])
