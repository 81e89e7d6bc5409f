"""A writer of states killed at any instant leaves one whole commit: the last it was told of, or a later one."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from store_child import store_at

from heptad.state.keys import encode
from heptad.state.store import Meta, Saved
from heptad.testing.servers import redis_state

KILLS = 8


@pytest.fixture(params=["embedded", "redis"])
def url(request, tmp_path):
    if request.param == "embedded":
        yield f"embedded:{tmp_path / 'state'}"
    else:
        with redis_state() as url:
            yield url


def test_a_killed_writer_leaves_one_whole_commit(url):
    draw, acknowledged = random.Random(2), 0
    for _ in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("store_child.py")), url],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        for _ in range(draw.randint(0, 40)):
            acknowledged = int(child.stdout.readline())
        child.kill()
        with child.stdout:
            rest = child.stdout.read().split("\n")[:-1]  # what follows the last newline was cut off
        child.wait(timeout=60)
        acknowledged = int(rest[-1]) if rest else acknowledged
        store = store_at(url)
        saved, n = store.saved(), store.saved().meta.frontier or 0
        assert acknowledged <= n <= acknowledged + 1
        if n:
            word = n.to_bytes(8, "little")
            values = [f"value {i}" for i in range(1, n + 1)]
            assert saved == Saved(
                Meta("hash", n, {0: n}, n + 1), {("Sale", n): word}, {n: (n + 1, word)}, values
            )
            with store.snapshot() as snapshot:
                assert snapshot.records(0, [encode((i,)) for i in range(50)]) == [word * (1 + n % 60)] * 50
        acknowledged = n
        store.close()
    assert acknowledged > KILLS
