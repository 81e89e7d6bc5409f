"""What a request must bring and a cut-down plan must keep for the expressions it reads; and what may not be read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import heptad as hp
from heptad.errors import DeclarationError
from heptad.lifecycle.pairs import features_of
from heptad.lifecycle.training import Effort, ranker_pairs
from heptad.run.describe import describe
from heptad.serving.columns import bare_inputs
from heptad.testing.world import CUT, STEPS, Vote, history, target, world

EXPRESSIONS: dict[str, Any] = {
    "short": hp.col("length") < 90,
    "again": hp.contains(hp.col("had"), Vote.movie),
    "odd": hp.col("again") * hp.log1p(hp.col("movie_count_7d")),
    "on": hp.cross(Vote.screen, hp.weekday()),
}


def data(**contextual: Any) -> hp.Data:
    return replace(STEPS["data"], contextual={**STEPS["data"].contextual, **contextual})


def test_a_cut_keeps_all_that_its_columns_are_derived_from() -> None:
    plan = world(data=data(**EXPRESSIONS)).plan
    assert plan.needed(["odd"]) == ("had", "movie_count_7d", "again", "odd")
    assert plan.needed(["short"]) == ("length", "short")
    assert plan.needed(["on"]) == ("on",)


def test_a_request_brings_the_columns_that_expressions_read() -> None:
    plan = world(data=data(**EXPRESSIONS)).plan
    columns = [column for column in plan.columns if column.name in ("again", "on", "odd")]
    assert [field.name for field in bare_inputs(plan, columns)] == ["movie", "screen"]


def test_a_ranker_learns_from_expressions_over_lists_it_does_not_read_itself() -> None:
    system = world(data=data(**EXPRESSIONS))
    told = history(system.plan)
    pairs = ranker_pairs(told, system, CUT, Effort(requests=20, negatives=5))
    found = features_of(told, system, pairs)
    assert "had" not in found
    assert not found["again"].any()  # Unseen takes what the user had out of the candidates
    short = np.where(np.isnan(found["length"]), np.nan, found["length"] < 90)
    np.testing.assert_array_equal(found["short"], short)
    assert len(set(found["on"].tolist())) > 2
    np.testing.assert_array_equal(np.isnan(found["odd"]), np.zeros(len(pairs), np.bool_))


def test_the_design_and_the_plan_tell_an_expression_as_it_was_written() -> None:
    system = world(data=data(**EXPRESSIONS))
    written = "(col('again') * log1p(col('movie_count_7d')))"
    assert written in system.explain()
    assert written in str(describe(target(system)))


@pytest.mark.parametrize(
    ("expression", "leak"),
    [
        (Vote.stars - hp.col("user_mean"), "stars, what the label is read from: known only afterwards"),
        (hp.col("stars") * 2, "stars, what the label is read from: known only afterwards"),
        (Vote.stars >= 3, "stars, what the label is read from: known only afterwards"),
        (hp.cross(Vote.vote, Vote.screen), "vote, the event's own id"),
    ],
    ids=str,
)
def test_an_expression_reads_nothing_that_a_request_cannot_know(expression: Any, leak: str) -> None:
    with pytest.raises(DeclarationError) as raised:
        world(data=data(f=expression))
    assert (raised.value.thing, raised.value.got) == ("Data.contextual['f']", f"Vote.{leak}")
