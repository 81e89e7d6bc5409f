"""Lookups: what the appender fills in is what the oracle says, whatever came in whatever order."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heptad.declare.data import Data
from heptad.errors import StateError
from heptad.plan.batch import Logged
from heptad.plan.compile import compile_features
from heptad.streams.appender import Appender, Posted
from heptad.streams.clock import ReplayClock
from heptad.streams.enrich import Lookups
from heptad.streams.log import Log
from heptad.streams.payload import Codec
from heptad.testing.compare import same
from heptad.testing.faults import FaultyFiles
from heptad.testing.strategies import BOUGHT, Buy, logged, plans, posts, settings


def alike(a: list[Logged], b: list[Logged]) -> bool:
    return len(a) == len(b) and all(
        x[:3] == y[:3] and x.row.keys() == y.row.keys() and all(same(x.row[c], y.row[c]) for c in x.row)
        for x, y in zip(a, b, strict=True)
    )


@given(st.data())
def test_the_log_holds_what_the_oracle_looks_up(data: st.DataObject) -> None:
    plan = data.draw(plans())
    posted = data.draw(posts(data.draw(settings()), [stream.name for stream in plan.streams]))
    cut = data.draw(st.integers(0, len(posted)))
    one_by_one = data.draw(st.booleans())
    files = FaultyFiles()
    for part in (posted[:cut], posted[cut:]):  # a restart in between
        with Log.open("/log", files=files) as log:
            appender = Appender(plan, log, ReplayClock(-(2**61)))
            steps = [[post] for post in part] if one_by_one else [part]
            for step in steps:
                rows = [Posted(post.stream, post.row) for post in step]
                offsets = appender.append_all(rows, [post.arrival for post in step])
                assert offsets == range(log.end - len(step), log.end)
            found = Codec(plan).logged(log.read_columns(0))
    assert alike(found, logged(plan, posted))


def test_a_log_without_its_beginning_cannot_fill_lookups(tmp_path: Path) -> None:
    plan = compile_features(Data(dynamic={"n": Buy.per("user").count("5s")}), BOUGHT)
    with Log.open(tmp_path, segment_bytes=1) as log:
        for _ in range(3):
            log.append([b"x"], 1)
        log.truncate_before(2)
        with pytest.raises(StateError, match="expected all rows of Item, which events look up"):
            Lookups(plan).rebuild(log, Codec(plan))
