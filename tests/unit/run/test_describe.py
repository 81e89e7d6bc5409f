"""A declaration as plain data: every part is there, it can be written as JSON, and it renders."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import heptad as hp
from heptad.dashboard.design_document import design_markdown
from heptad.plan.explain import key_bytes
from heptad.run.describe import call_text, describe, label_text
from heptad.run.target import load_target


class Impression(hp.Event):
    impression: hp.Key
    ts: hp.Time
    user: hp.Id
    ad: hp.Id
    bid: float


class Click(hp.Event):
    ts: hp.Time
    shown: hp.Ref[Impression]


class Estimator:
    def fit(self, x, y): ...
    def predict_proba(self, x): ...

    def __repr__(self):
        return "Estimator()"


@pytest.fixture(scope="module")
def target():
    return load_target("videos")


def test_it_is_plain_and_complete(target):
    found = describe(target)
    assert json.loads(json.dumps(found)) == found
    assert list(found) == [
        "name", "doc", "requirements", "framing", "data", "model", "evaluation", "serving", "monitoring", "plan",
    ]  # fmt: skip
    plan = target.system.plan
    by_group = {group: [c.name for c in plan.columns if c.group == group] for group in ("static", "dynamic")}
    assert [row["name"] for row in found["data"]["static"]] == by_group["static"]
    assert [row["name"] for row in found["data"]["dynamic"]] == by_group["dynamic"]
    assert [row["name"] for row in found["data"]["contextual"]] == list(target.system.data.contextual)
    assert (found["plan"]["hash"], found["plan"]["state_hash"]) == (plan.hash, plan.state_hash)
    assert [group["bytes_per_key"] for group in found["plan"]["groups"]] == [
        key_bytes(g) for g in plan.groups
    ]


def test_bytes_are_those_of_the_words_in_all_tiles(target):
    rows = {row["name"]: row for row in describe(target)["data"]["dynamic"]}
    assert rows["user_count_1d"] == {
        "name": "user_count_1d", "aggregation": "count()", "stream": "Rating", "keys": ["user"],
        "window": "1d", "hop": "1h", "bytes": 8 * 26,
    }  # fmt: skip
    assert rows["user_count_all"]["bytes"] == 8
    assert rows["film_liked_all"]["bytes"] == 2 * 8  # both sides of the rate


def test_the_design_document_shows_what_it_describes(target):
    document = design_markdown(describe(target), None)
    for row in describe(target)["data"]["dynamic"]:
        assert f"`{row['name']}`" in document
    assert "LogLoss of Rating with stars" in document


def test_labels_and_calls_in_words():
    clicked = hp.label(Impression, followed_by=Click, within="30m")
    assert label_text(clicked) == "Impression followed by Click within 30m"
    assert label_text(hp.label(Impression)) == "Impression"
    assert label_text(hp.label(Impression, where=Impression.bid > 2)) == "Impression with bid > 2"
    assert call_text(hp.Cap("genres", 3)) == "Cap('genres', n=3)"
    assert call_text(hp.CoVisited(100, recent=5)) == "CoVisited(100, recent=5)"
    assert call_text(hp.Unseen()) == "Unseen()"
    assert call_text(hp.OnDrift()) == "OnDrift()"
    assert call_text(hp.OnDrift(columns=["n_1d"], psi=0.1)) == "OnDrift(('n_1d',), psi=0.1)"


def test_other_models_scores_and_kpis(target):
    kpi = hp.KPI("stars given", hp.sum(target.module.Rating.stars, where=target.module.liked))
    system = replace(
        target.system,
        model=hp.Model(Estimator()),
        requirements=replace(target.system.requirements, kpi=kpi),
    )
    found = describe(replace(target, system=system))
    assert found["model"] == {"kind": "Model", "estimator": "Estimator()"}
    assert found["requirements"]["kpi"] == "stars given: sum of Rating.stars over Rating with stars >= 4"
