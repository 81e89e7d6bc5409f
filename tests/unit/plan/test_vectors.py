"""A vector on its way: sent as a list, held as bytes, answered as a matrix, read by a model as its places."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import heptad as hp
from heptad.declare.features import feature
from heptad.declare.vectors import packed, unpacked
from heptad.errors import DataError
from heptad.models.encoder import Encoder
from heptad.offline.frames import to_arrow
from heptad.offline.sources import read, rows_of
from heptad.offline.training_set import training_set
from heptad.oracle.oracle import Oracle
from heptad.plan.batch import batch_of, column_of
from heptad.plan.compile import compile_features
from heptad.serving.page import example
from heptad.serving.values import blank, entity_columns
from heptad.streams.payload import Codec
from heptad.testing.compare import differences
from heptad.testing.strategies import Post, logged

S = 1_000_000


class Doc(hp.Table):
    doc: hp.Id
    since: hp.Time
    made: hp.Vector[3] | None


class Read(hp.Event):
    read: hp.Key
    ts: hp.Time
    user: hp.Id
    doc: hp.Id
    taste: hp.Vector(3) | None
    made: hp.Vector[3] = hp.lookup(Doc.made)


def spread(taste, made):
    return np.asarray(taste)[:, 0] - np.asarray(made)[:, 2]


PLAN = compile_features(
    hp.Data(
        static={"made": Doc.made},
        dynamic={"last": Read.per("user").last("taste"), "saw": Read.per("user").last("made", "1h")},
        contextual={
            "taste": Read.taste, "near": hp.cosine(Read.taste, hp.col("made")),
            "moved": hp.dot(hp.col("last"), hp.col("saw")), "spread": feature(spread),
        },
    ),
    hp.label(Read),
)  # fmt: skip


def test_lookups_states_facts_expressions_and_functions_agree_offline_with_the_oracle() -> None:
    posts = [
        Post(S, "Doc", Doc.parse({"doc": 1, "since": 0, "made": [1, 2, 3]})),
        Post(S, "Doc", Doc.parse({"doc": 2, "since": 0, "made": None})),
        Post(
            2 * S, "Read", Read.parse({"read": 1, "ts": 2 * S, "user": "u", "doc": 1, "taste": [0.1, 0, -1]})
        ),
        Post(3 * S, "Read", Read.parse({"read": 2, "ts": 3 * S, "user": "u", "doc": 2, "taste": None})),
    ]
    log = logged(PLAN, posts)
    asked = [
        {"read": 9, "user": user, "doc": doc, "taste": taste, "made": None}
        for user, doc, taste in (
            ("u", 1, packed([0, 1, 0], 3)),
            ("u", 2, None),
            ("v", 1, packed([3, 4, 0], 3)),
        )
    ]
    events = {
        s.name: batch_of(
            s, [r.row for r in log if r.stream == s.name], [r.offset for r in log if r.stream == s.name]
        )
        for s in PLAN.streams
    }
    rows = {f.name: column_of([ask[f.name] for ask in asked], f.kind) for f in PLAN.request}
    found = training_set(PLAN, events, rows, np.full(3, 10 * S), np.full(3, 4))
    oracle = Oracle(PLAN, log)
    for place, ask in enumerate(asked):
        told = {name: values[place] for name, values in found.items()}
        assert differences(oracle.read(ask, 10 * S, 4), told) == []
    assert found["made"].dtype == np.float32
    assert found["last"].tolist()[0] == [np.float32(0.1), 0.0, -1.0]
    assert np.isnan(found["last"][2]).all()
    assert found["near"][2] == 11 / np.sqrt(25.0 * 14.0)
    table = to_arrow(found)
    assert table.schema.field("made").type == pa.list_(pa.float32(), 3)
    assert table.column("made").to_pylist() == [[1.0, 2.0, 3.0], None, [1.0, 2.0, 3.0]]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([[1, 2, 3], None], pa.list_(pa.float32(), 3)),
        pa.array([[1.0, 2.0, 3.0], None], pa.list_(pa.float64())),
        pa.array([[1, 2, 3], None], pa.large_list(pa.int64())),
        pa.array(["1|2|3", None]),
        pa.array([packed([1, 2, 3], 3), None]),
    ],
    ids=lambda values: str(values.type),
)
def test_every_form_of_a_source_is_the_same_column(values: pa.Array) -> None:
    batch = read(PLAN.stream("Doc"), pa.table({"doc": [1, 2], "since": [0, 0], "made": values}))
    assert batch.columns["made"].values.tolist() == [packed([1, 2, 3], 3), None]
    assert [row["made"] for row in rows_of(batch)] == [packed([1, 2, 3], 3), None]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (pa.array([[1, 2]]), r"expected a list of 3 numbers, got \[1, 2\] in row 0"),
        (pa.array([[1, 2, None]]), "none null, NaN or infinite"),
        (pa.array([[1.0, 2.0, float("nan")]]), "none null, NaN or infinite"),
        (pa.array([[1e39, 0, 0]]), "none null, NaN or infinite"),
        (pa.array([["a", "b", "c"]]), "expected lists of numbers"),
        (pa.array(["1|two|3"]), "expected a list of 3 numbers between"),
        (pa.array([b"four"]), "expected a list of 3 numbers"),
    ],
)
def test_what_is_no_vector_is_refused(values: pa.Array, says: str) -> None:
    with pytest.raises(DataError, match=says):
        read(PLAN.stream("Doc"), pa.table({"doc": [1], "since": [0], "made": values}))


def test_a_record_of_the_log_holds_its_bytes_and_refuses_others() -> None:
    codec = Codec(PLAN)
    row = Doc.parse({"doc": 1, "since": 0, "made": [-0.0, 0.25, -1e-50]})
    assert codec.decode(codec.encode("Doc", row)) == ("Doc", row)
    assert str(unpacked(row["made"])) == "(0.0, 0.25, 0.0)"
    with pytest.raises(DataError, match=r"Doc\.made"):
        codec.encode("Doc", {**row, "made": packed([1, 2], 2)})


def test_a_request_brings_one_vector_for_all_rows_or_one_each() -> None:
    fields = {field.name: field for field in PLAN.request}
    one, n = entity_columns({"doc": [1, 2], "taste": [1, 2, 3]}, fields, 10)
    assert (n, one["taste"].values.tolist()) == (2, [packed([1, 2, 3], 3)] * 2)
    each, n = entity_columns({"taste": [[1, 2, 3], [4, 5, 6]]}, fields, 10)
    assert (n, each["taste"].values.tolist()) == (2, [packed([1, 2, 3], 3), packed([4, 5, 6], 3)])
    assert blank(fields["taste"].kind, 2).values.tolist() == [None, None]
    assert example(Read)["taste"] == [0.0, 0.0, 0.0]
    with pytest.raises(DataError, match="taste: expected a list of 3 numbers, got 2 numbers"):
        entity_columns({"taste": [1, 2]}, fields, 10)


def test_a_model_reads_the_places_of_a_vector(tmp_path) -> None:
    columns = {"made": np.array([[1, 2], [np.nan, np.nan]], np.float32), "x": np.array([7.0, 8.0])}
    encoder = Encoder.fit(columns, {"made": "vector", "x": "number"}, 0)
    assert encoder.names == ["made[0]", "made[1]", "x"]
    encoder.save(tmp_path)
    matrix = Encoder.load(tmp_path).transform(columns)
    np.testing.assert_array_equal(matrix, [[1, 2, 7], [np.nan, np.nan, 8]])
    assert encoder.categorical == ()
    with pytest.raises(DataError, match="2 numbers per row"):
        encoder.transform({"made": np.zeros((1, 3)), "x": np.zeros(1)})
