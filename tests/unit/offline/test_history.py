"""A history becomes what its replay through a log would have made of it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from heptad.offline.enrichment import enrich
from heptad.offline.history import Admitted, admit_history
from heptad.offline.sources import rows_of
from heptad.offline.training_set import training_set
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import batch_of, column_of, tie_of
from heptad.testing import strategies as tiny
from heptad.testing.compare import differences

ORDER = {"Item": 0, "Buy": 1, "View": 2}


@st.composite
def histories(draw):
    """A plan that knows all streams, rows in file order, each id once, and requests."""
    setting = draw(tiny.settings())
    plan = draw(tiny.plans(size=3).filter(lambda plan: len(plan.streams) == 3))
    posts = draw(tiny.posts(setting))
    ids = set()
    unique = []
    for post in posts:
        key = post.row.get("buy_id")
        if key is None or (type(key), key) not in ids:
            ids.add((type(key), key))
            unique.append(post)
    asked = draw(st.lists(tiny.requests(setting), max_size=4))
    return plan, unique, asked, [draw(tiny.moments(setting, ())) for _ in asked]


def batches(plan, posts):
    rows = {
        stream.name: [post.row for post in posts if post.stream == stream.name] for stream in plan.streams
    }
    return {s.name: batch_of(s, rows[s.name], range(len(rows[s.name]))) for s in plan.streams}


def replay(plan, posts):
    """The log of these rows, appended in order of time, then stream, then tie (a table's: file order)."""

    def place(numbered):
        number, post = numbered
        stream = plan.stream(post.stream)
        time = post.row[stream.time.name]
        enriched = tiny.enrich(plan, tables, post.stream, post.row)
        return time, ORDER[post.stream], tie_of(enriched, stream, number)

    tables = [tiny.Logged(i, 0, p.stream, p.row) for i, p in enumerate(posts) if p.stream == "Item"]
    ordered = [post for _, post in sorted(enumerate(posts), key=place)]
    times = [post.row["since" if post.stream == "Item" else "ts"] for post in ordered]
    return tiny.logged(plan, [post._replace(arrival=t) for post, t in zip(ordered, times, strict=True)])


@given(histories())
@settings(max_examples=40)
def test_history_is_what_its_replay_would_log(drawn):
    plan, posts, asked, t = drawn
    held, report = admit_history(plan, enrich(plan, batches(plan, posts)))
    log = replay(plan, posts)
    assert all(v.accepted == v.rows for v in report.values())
    by_offset = {}
    for name, batch in held.items():
        for row, offset, tie in zip(rows_of(batch), batch.offset.tolist(), batch.tie.tolist(), strict=True):
            by_offset[offset] = name, row
            assert tie == tie_of(row, plan.stream(name), offset)
    assert [by_offset[i] for i in range(len(log))] == [(r.stream, dict(r.row)) for r in log]
    oracle = Oracle(plan, log)
    reads = [oracle.read(request, moment, len(log)) for request, moment in zip(asked, t, strict=True)]
    rows = {f.name: column_of([r[f.name] for r in asked], f.kind) for f in plan.request}
    got = training_set(plan, held, rows, np.array(t, np.int64))
    want = {column.name: [read[column.name] for read in reads] for column in plan.columns}
    assert differences(want, {name: values.tolist() for name, values in got.items()}) == []


PLAN = tiny.compile_features(tiny.Data(), tiny.BOUGHT)
BUY = PLAN.stream("Buy")


def buys(*rows):
    """(id, time, amount) as a batch."""
    full = [
        dict.fromkeys(BUY.by_name) | {"user": 1, "item": 1, "buy_id": k, "ts": t, "amount": a}
        for k, t, a in rows
    ]
    return {"Buy": batch_of(BUY, full, range(len(full)))}


def test_one_id_counts_once_and_the_first_in_the_file_stands():
    held, report = admit_history(
        PLAN, buys((1, 50, 7), (2, 40, 1), (1, 50, 7), (1, 10, 7), ("1", 50, 7), (2, 40, 1))
    )
    assert held["Buy"].columns["buy_id"].values.tolist() == [1, 2, "1"]
    assert report["Buy"] == Admitted(rows=6, accepted=3, duplicates=(2, 5), conflicts=(3,))


def test_offsets_are_places_in_order_of_time_and_tie():
    held, _ = admit_history(PLAN, buys((5, 30, 0), (9, 10, 0), (3, 10, 0), (4, 20, 0)))
    assert held["Buy"].offset.tolist() == [3, 1, 0, 2]


def test_a_history_of_nothing_is_admitted():
    assert admit_history(PLAN, {}) == ({}, {})
    held, report = admit_history(PLAN, buys())
    assert (len(held["Buy"]), report["Buy"]) == (0, Admitted(0, 0, (), ()))
