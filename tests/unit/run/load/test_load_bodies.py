"""What a load sends: lines of a file, requests and new events made of a system's history."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from heptad.errors import DataError
from heptad.run.history import admitted
from heptad.run.load.bench import headers_of
from heptad.run.load.bodies import lines_of, new_events, path_of, requests_of
from heptad.run.load.events import Events
from heptad.run.target import Target
from heptad.testing import tiny_service
from heptad.testing.tiny_service import past, tiny
from heptad.times import SECOND

TARGET = Target("tiny", tiny, tiny_service, None, "", "tiny")


@pytest.fixture(scope="module")
def sales():
    rows = {
        name: pa.Table.from_pylist([dict(r.row) for r in past() if r.stream == name])
        for name in ("Product", "Sale")
    }
    return admitted(tiny.plan, rows).history.batches["Sale"]


def test_one_request_per_user_the_newest_first_with_what_its_features_need(sales):
    bodies = [json.loads(line) for line in requests_of(TARGET, sales, 5)]
    newest = list(dict.fromkeys(r.row["user"] for r in reversed(past()) if r.stream == "Sale"))
    assert [body["user"] for body in bodies] == newest[:5]
    assert all(set(body["context"]) == {"device"} for body in bodies)
    assert path_of(TARGET) == "/rank"


def test_new_events_have_ids_of_their_own_and_later_times(sales):
    rows = new_events(sales, 3)
    newest = int(sales.time.max())
    assert [row["ts"] for row in rows] == [newest + SECOND * n for n in (1, 2, 3)]
    assert len({row["sale"] for row in rows} | set(sales.columns["sale"].values.tolist())) == 3 + len(sales)
    for row in rows:
        assert "tags" not in row  # the server looks it up
        tiny_service.Sale.parse(row)


def test_lines_of_a_file(tmp_path):
    path = tmp_path / "bodies.jsonl"
    path.write_text('{"user": 1}\n\n{"user": 2}\n')
    assert lines_of(path) == [b'{"user": 1}', b'{"user": 2}']
    for text, wrong in (("", "an empty file"), ("{}\n[1]\n", "line 2")):
        path.write_text(text)
        with pytest.raises(DataError, match=wrong):
            lines_of(path)
    with pytest.raises(DataError, match="can be read"):
        lines_of(tmp_path / "absent")


def test_rows_go_round_with_the_ids_and_times_asked_for():
    plain = Events("Sale", [{"sale": 1}, {"sale": 2}], 1.0)
    assert [plain.row(n, 0)["sale"] for n in range(3)] == [1, 2, 1]
    fresh = Events("Sale", [{"sale": 1}], 1.0, key="sale", stamp="ts")
    assert len({fresh.row(n, 5)["sale"] for n in range(3)}) == 3
    assert fresh.row(0, 5)["ts"] == 5
    text = Events("Sale", [{"sale": "a"}], 1.0, key="sale")
    assert text.row(7, 5)["sale"] == "bench-5007"


def test_headers():
    assert headers_of(["X-API-Key: a:b"]) == {"x-api-key": "a:b"}
    for wrong in ("nothing", ": x", "a: b\r\nc: d"):
        with pytest.raises(DataError, match="NAME:VALUE"):
            headers_of([wrong])
