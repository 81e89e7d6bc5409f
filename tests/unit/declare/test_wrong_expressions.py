"""Mistakes people make in an expression or a vector column, each refused by one error that mends it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import heptad as hp
from heptad.errors import DataError, DeclarationError, HeptadError, PlanError
from heptad.plan.compile import compile_features


class Film(hp.Table):
    film: hp.Id
    year: int | None
    face: hp.Vector[3]


class Rating(hp.Event):
    rating_id: hp.Key
    ts: hp.Time
    user: hp.Id
    film: hp.Id
    stars: float
    mood: str | None
    taste: hp.Vector[2] | None
    face: hp.Vector[3] = hp.lookup(Film.face)


class Click(hp.Event):
    ts: hp.Time
    user: hp.Id
    n: int


DYNAMIC = {"mean": Rating.per("user").mean("stars"), "seen": Rating.per("user").last("film", n=3)}
KNOWN = "film, mean, mood, rating_id, seen, stars, taste, ts, user, year"


def plan(**contextual: Any) -> Any:
    return compile_features(hp.Data({"year": Film.year}, DYNAMIC, contextual), hp.label(Rating))


Case = tuple[str, Callable[[], Any], type[HeptadError], tuple[str, str, str, str]]

CASES: list[Case] = [
    (
        "an unknown column", lambda: plan(f=hp.col("maen") + 1), PlanError,
        ("Data.contextual['f']", "a column of Data or of Rating: face, " + KNOWN, "col('maen')",
         "write hp.col('mean')"),
    ),
    (
        "text in arithmetic", lambda: plan(f=Rating.mood + 1), PlanError,
        ("Data.contextual['f']", "number arguments of add", "Rating.mood, a category",
         "compare it with == or !=, or combine it with hp.cross"),
    ),
    (
        "a list in arithmetic", lambda: plan(f=hp.col("seen") * 2), PlanError,
        ("Data.contextual['f']", "number arguments of mul", "col('seen'), a list",
         "use hp.size or hp.contains"),
    ),
    (
        "a text order", lambda: plan(f=Rating.mood < "x"), PlanError,
        ("Data.contextual['f']", "number arguments of lt", "Rating.mood, a category",
         "compare it with == or !=, or combine it with hp.cross"),
    ),
    (
        "a number against a text", lambda: plan(f=hp.where(Rating.stars > 1, Rating.stars, "low")), PlanError,
        ("Data.contextual['f']", "arguments of one kind for where",
         "Rating.stars, a number and 'low', a category", "make both numbers, or both texts"),
    ),
    (
        "vectors of two sizes", lambda: plan(f=hp.cosine(Rating.taste, Rating.face)), PlanError,
        ("Data.contextual['f']", "vectors of one size", "Rating.taste of 2 and Rating.face of 3",
         "compare embeddings of one model"),
    ),
    (
        "a cosine of numbers", lambda: plan(f=hp.cosine(Rating.taste, Rating.stars)), PlanError,
        ("Data.contextual['f']", "vector arguments of cosine", "Rating.stars, a number",
         "name columns of hp.Vector"),
    ),
    (
        "a vector as a feature's value", lambda: plan(f=hp.col("taste")), PlanError,
        ("Data.contextual['f']", "a number or a category", "col('taste'), a vector", "use hp.dot or hp.cosine"),
    ),
    (
        "the size of a number", lambda: plan(f=hp.size(Rating.stars)), PlanError,
        ("Data.contextual['f']", "list arguments of size", "Rating.stars, a number",
         "name a column that holds one"),
    ),
    (
        "a number sought among ids", lambda: plan(f=hp.contains(hp.col("seen"), 1.5)), PlanError,
        ("Data.contextual['f']", "a category to look for in col('seen')", "1.5, a number",
         "look for a value of the kind that the list holds"),
    ),
    (
        "the event's time", lambda: plan(f=hp.is_null(Rating.ts)), PlanError,
        ("Data.contextual['f']", "a column known as a number, category, list or vector", "Rating.ts, a time",
         "use hp.hour(), hp.weekday() or a since_last aggregate"),
    ),
    (
        "a column of a table", lambda: plan(f=Film.year + 1), PlanError,
        ("Data.contextual['f']", "a column of Rating, the request's event", "Film.year",
         "declare static=dict(year=Film.year), and write hp.col('year')"),
    ),
    (
        "a column of another event", lambda: plan(f=Click.n + 1), PlanError,
        ("Data.contextual['f']", "a column of Rating, the request's event", "Click.n",
         "declare an aggregate of Click in Data.dynamic, and write hp.col('name')"),
    ),
    (
        "a circle", lambda: plan(a=hp.col("b") + 1, b=hp.col("c") + 1, c=hp.col("a") + 1), PlanError,
        ("Data.contextual['a']", "features that do not need each other", "a -> b -> c -> a",
         "compute one of them from other columns"),
    ),
    (
        "itself", lambda: plan(a=hp.col("a") + 1), PlanError,
        ("Data.contextual['a']", "features that do not need each other", "a -> a",
         "compute one of them from other columns"),
    ),
    (
        "an aggregate in arithmetic", lambda: Rating.stars - DYNAMIC["mean"], DeclarationError,
        ("the column Rating.stars - Rating.per('user').mean(stars)",
         "a column, a number, a text or another expression", "Rating.per('user').mean(stars)",
         "declare a feature in Data by a name, and write hp.col('name') for it"),
    ),
    (
        "if of an expression", lambda: bool(hp.col("mean") > 1), DeclarationError,
        ("expression (col('mean') > 1)", "a place that takes an expression", "a truth value asked of it",
         "write & | ~ and hp.where(...) in place of and, or, not and if; do not chain comparisons"),
    ),
    (
        "bounds exchanged", lambda: hp.clip(Rating.stars, 5, 1), DeclarationError,
        ("hp.clip", "lo at most hi", "lo=5, hi=1", "exchange them"),
    ),
    (
        "no bounds", lambda: hp.clip(Rating.stars), DeclarationError,
        ("hp.clip", "lo, hi or both", "neither", "write hp.clip(x, 0, 100)"),
    ),
    (
        "a cross of one", lambda: hp.cross(Rating.mood), DeclarationError,
        ("hp.cross", "at least two columns", "1", "write hp.cross(a, b)"),
    ),
    (
        "no buckets", lambda: hp.cross(Rating.mood, Rating.film, buckets=1), DeclarationError,
        ("hp.cross", "buckets, a whole number from 2 to 2**31", "1", "write buckets=1000"),
    ),
    (
        "a column for its name", lambda: hp.col(Rating.stars), DeclarationError,  # type: ignore[arg-type]
        ("hp.col", "the name of a column as text", "the column Rating.stars", "write hp.col('mean_bid_1d')"),
    ),
    (
        "a vector of no size", lambda: hp.Vector[0], DeclarationError,
        ("hp.Vector", "a size from 1 to 65536", "0", "write hp.Vector[64]"),
    ),
    (
        "a condition on a vector", lambda: Rating.taste == "x", DeclarationError,
        ("condition Rating.taste == 'x'", "a column of numbers, text, true or false, or ids",
         "Rating.taste of kind vector", "compare hp.cosine of it in Data.contextual"),
    ),
    (
        "a mean of vectors", lambda: Rating.per("user").mean("taste"), DeclarationError,
        ("Rating.per('user').mean", "a numeric column", "'taste' of kind vector",
         "use count, last, or a numeric column"),
    ),
    (
        "a list of vectors", lambda: Rating.per("user").last("taste", n=3), DeclarationError,
        ("Rating.per('user').last", "a scalar column", "'taste' of kind vector",
         "use first or last without n"),
    ),
    (
        "a group per vector", lambda: Rating.per("taste"), DeclarationError,
        ("Rating.per('taste')", "an id, text, int, bool or list column", "'taste' of kind vector",
         "group by an entity; bin a float into an int column first"),
    ),
    (
        "a vector too short", lambda: Rating.parse(row(taste=[1])), DataError,
        ("Rating.taste", "a list of 2 numbers", "1 numbers", "send the column's own type"),
    ),
    (
        "a NaN in a vector", lambda: Rating.parse(row(taste=[1, float("nan")])), DataError,
        ("Rating.taste", "a list of 2 numbers", "nan at place 1", "send the column's own type"),
    ),
    (
        "a number beyond float32", lambda: Rating.parse(row(taste=[1e39, 0])), DataError,
        ("Rating.taste", "a list of 2 numbers", "a number beyond float32", "send the column's own type"),
    ),
]  # fmt: skip


def row(**changes: Any) -> dict[str, Any]:
    return {"rating_id": 1, "ts": 0, "user": 1, "film": 1, "stars": 1.0, "mood": None, **changes}


@pytest.mark.parametrize(("says", "mistake", "error", "parts"), CASES, ids=[case[0] for case in CASES])
def test_a_mistake_is_refused_with_what_mends_it(says, mistake, error, parts) -> None:
    with pytest.raises(error) as raised:
        mistake()
    found = raised.value
    assert (found.thing, found.expected, found.got, found.fix) == parts


def test_a_vector_class_without_a_size_is_refused() -> None:
    with pytest.raises(DeclarationError, match=r"expected the size of the vector.*write v: hp.Vector\[64\]"):

        class Sizeless(hp.Event):
            ts: hp.Time
            v: hp.Vector


PROGRAM = """
import json, heptad as hp
from heptad.plan.compile import compile_features
from heptad.testing.examples import Sale
def plan(f):
    return compile_features(hp.Data(dynamic={"n": Sale.per("user").count("1h")}, contextual={"f": f}), hp.label(Sale))
fs = [hp.col("n") + 1, hp.col("n") + 2, hp.where(Sale.shop == "a", 1, 0), hp.cross(Sale.shop, Sale.user)]
print(json.dumps([plan(f).hash for f in fs] + [plan(fs[0]).state_hash, plan(fs[3]).state_hash]))
"""


def test_every_process_finds_the_same_hash_and_another_expression_is_another_plan_over_the_same_states() -> (
    None
):
    told = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    (only,) = told
    *hashes, one, other = json.loads(only)
    assert len(set(hashes)) == len(hashes)
    assert one == other


def test_a_part_that_is_written_twice_is_computed_once() -> None:
    gap = Rating.stars - hp.col("mean")
    found = plan(f=hp.where(gap > 0, gap * 2, abs(gap))).column("f").source.steps
    assert [step.node.op for step in found].count("sub") == 1
    assert [step.node.op for step in found].count("request") == 1


def test_conditions_calendar_and_scores_keep_their_meaning() -> None:
    condition = Rating.stars >= 4
    assert (condition.field, condition.op, condition.bound) == (Rating.stars, ">=", 4)
    assert str(condition.expression()) == "(Rating.stars >= 4)"
    assert str(Rating.stars > hp.col("mean")) == "(Rating.stars > col('mean'))"
    assert str(hp.hour() >= 22) == "(hour() >= 22)"
    assert str(1 - Rating.stars / 2) == "(1 - (Rating.stars / 2))"
    assert str(Rating.stars * hp.p) == str(hp.p * Rating.stars) == "hp.p * Rating.stars"
    held = plan(warm=Rating.stars >= 4, late=(hp.hour() >= 22) | (hp.weekday() == 6))
    assert [held.column(name).holds for name in ("warm", "late")] == ["number", "number"]
