"""The whole loop on the made-up world, and on systems of other shapes: what a summary must say of each."""

from __future__ import annotations

import json
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

import heptad as hp
from heptad.errors import DataError
from heptad.registry.registry import Registry
from heptad.run.champion import load_champion
from heptad.run.loop import Size, run_system
from heptad.run.progress import Silent
from heptad.run.source import source
from heptad.run.summary import write_summary
from heptad.testing import world as made

SMALL = Size(
    test_requests=200, study_requests=100, drill_requests=400, replay_requests=40, audited_values=600
)
#: What the issue asks `run` to write at least.
PROMISED = (
    "system",
    "rows",
    "metrics",
    "gate",
    "audit",
    "latency_ms",
    "requirements",
    "drift",
    "seconds",
    "report",
)


def run(system, directory, *, size=SMALL, render=None, doc="A world.", **functions):
    return run_system(
        made.target(system, doc=doc),
        made.profile(system, directory, **functions),
        progress=Silent(),
        out=directory / "out",
        size=size,
        render=render,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("world")


@pytest.fixture(scope="module")
def summary(home):
    return run(made.world(), home, render=lambda summary, path: path)


def refuse(name):
    raise AssertionError(f"{name} is no JSON")


def test_the_summary_is_plain_json_with_all_that_is_promised(home, summary):
    written = json.loads((home / "out" / "summary.json").read_text(), parse_constant=refuse)
    assert set(PROMISED) <= set(written)
    assert {"train", "test"} <= set(written["rows"])
    assert {"p50", "p99"} <= set(written["latency_ms"])
    assert {"passed", "checks"} <= set(written["gate"])
    assert {"compared", "mismatches", "late"} <= set(written["audit"])
    for row in written["requirements"]:
        assert {"name", "target", "measured", "holds"} <= set(row)
    assert {row["name"] for row in written["requirements"]} >= {"p99", "qps", "freshness", "kpi"}
    assert all(isinstance(seconds, float) for seconds in written["seconds"].values())
    assert written["metrics"]["heptad"]["ndcg@10"] == summary["metrics"]["heptad"]["ndcg@10"]
    assert written["report"].endswith("report.html")


def test_what_was_served_is_what_the_log_says(summary):
    audit = summary["audit"]
    assert audit["compared"] >= SMALL.audited_values
    assert (audit["mismatches"], audit["equal"]) == (0, audit["compared"])
    assert [(fault["fault"], fault["found"]) for fault in audit["planted"]] == [
        ("leak", True),
        ("skew", True),
    ]
    for fault in audit["planted"]:
        assert "the log says" in fault["detail"]
    assert summary["latency_ms"]["requests"] == SMALL.replay_requests
    assert sum(summary["latency_ms"]["histogram"]["counts"]) == SMALL.replay_requests
    assert summary["latency_ms"]["p50"] <= summary["latency_ms"]["p99"] <= summary["latency_ms"]["max"]


def test_the_gate_passed_and_the_model_is_champion(home, summary):
    assert summary["gate"]["passed"]
    assert Registry(home / "registry").champion("world").name == "v0001"
    assert [model["stage"] for model in summary["models"]] == ["champion"]
    assert summary["models"][0]["lineage"]["plan"] == summary["plan_hash"] == made.world().plan.hash
    assert {row["against"]: row["low"] > 0 for row in summary["paired"]}["popular"]


def test_both_slices_are_there_and_add_up(summary):
    slices = summary["slices"]
    assert set(slices) == {"with history", "cold start"}
    assert sum(part["n"] for part in slices.values()) == SMALL.test_requests
    whole = sum(part["n"] * part["metrics"]["heptad"]["ndcg@10"] for part in slices.values())
    assert whole / SMALL.test_requests == pytest.approx(summary["metrics"]["heptad"]["ndcg@10"])


def test_a_second_run_meets_its_champion(home, summary):
    again = run(made.world(), home)
    assert again["metrics"]["heptad"] == again["metrics"]["champion"] == summary["metrics"]["heptad"]
    (check,) = [check for check in again["gate"]["checks"] if check["check"].endswith("champion")]
    assert check["passed"]
    assert "within the tolerance" in check["why"]
    assert again["models"][-1]["version"] == "v0002"
    assert [model["stage"] for model in again["models"]] == ["archived", "champion"]
    (kpi,) = [row for row in again["requirements"] if row["name"] == "kpi"]
    assert kpi["holds"]  # a champion as good as we are is no baseline to beat
    assert "report" not in again  # nobody was asked to render one
    for key in ("audit", "drift", "gate", "slices", "disease"):
        assert again[key]["planted" if key == "audit" else next(iter(again[key]))] is not None


def test_a_champion_of_another_plan_does_not_compete(home, summary):
    fewer = made.STEPS["data"]
    dynamic = {name: feature for name, feature in fewer.dynamic.items() if name != "taste_count"}
    system = made.world(data=replace(fewer, dynamic=dynamic))
    found = run(system, home)
    assert "champion" not in found["metrics"]
    assert [c["why"] for c in found["gate"]["checks"] if c["check"].endswith("champion")] == [
        "there is no champion yet"
    ]


ALL_TIME = dict(
    had=made.Vote.per("user").last("movie", n=100),
    user_mean=made.Vote.per("user").mean("stars"),
    movie_mean=made.Vote.per("movie").mean("stars"),
)


@pytest.mark.parametrize("static", [{}, dict(genres=made.Movie.genres, studio=made.Movie.studio)])
def test_windows_over_all_time_leave_nothing_to_narrow_and_the_skew_is_one_bit(tmp_path, static):
    data = hp.Data(static=static, dynamic=ALL_TIME, contextual=dict(ease=hp.source_score("ease")))
    found = run(made.world(data=data), tmp_path)
    assert found["audit"]["mismatches"] == 0
    leak, skew = found["audit"]["planted"]
    assert leak["found"], leak
    assert skew["found"], skew
    column, _, rest = skew["detail"].partition(" served as ")
    served, recomputed = (float(text) for text in rest.split(", the log says "))
    assert column in ("user_mean", "movie_mean")
    assert served == np.nextafter(recomputed, np.inf)


@pytest.mark.parametrize("model", ["sklearn", "logistic"])
def test_other_models_go_round_the_loop(tmp_path, model):
    from sklearn.ensemble import HistGradientBoostingClassifier

    chosen = {
        "sklearn": hp.Model(HistGradientBoostingClassifier(max_iter=8, max_leaf_nodes=8)),
        "logistic": hp.Logistic(),
    }[model]
    found = run(made.world(model=chosen), tmp_path)
    assert found["audit"]["mismatches"] == 0
    assert found["metrics"]["heptad"]["auc"] > 0.65
    assert found["drift"]["corrupted_refused"]
    champion = load_champion(Registry(tmp_path / "registry"), "world", found["plan_hash"])
    assert champion.version == "v0001"  # its bytes are vouched for


def test_an_estimator_that_cannot_take_missing_values_is_named(tmp_path):
    from sklearn.linear_model import LogisticRegression

    with pytest.raises(DataError, match=r"fit of LogisticRegression.*Input X contains NaN\..*imputer"):
        run(made.world(model=hp.Model(LogisticRegression())), tmp_path)


def test_a_kpi_that_sums_a_column_and_a_module_without_a_docstring(tmp_path, summary):
    needs = replace(
        made.STEPS["requirements"], kpi=hp.KPI("stars", hp.sum(made.Vote.stars, where=made.liked))
    )
    found = run(made.world(requirements=needs), tmp_path, doc="  ")
    assert found["title"] == "world"
    for model, row in summary["kpi"]["by_model"].items():
        assert 4 * row["kpi"] <= found["kpi"]["by_model"][model]["kpi"] <= 5 * row["kpi"]


def test_a_test_period_without_requests_is_said(tmp_path):
    never = hp.label(made.Vote, where=made.Vote.stars >= 9)
    system = made.world(
        framing=replace(made.STEPS["framing"], objective=hp.LogLoss(never)),
        requirements=replace(made.STEPS["requirements"], kpi=hp.KPI("k", hp.count(where=never))),
    )
    with pytest.raises(DataError, match="requests with a true label"):
        run(system, tmp_path)


def test_a_summary_is_written_whole_and_without_nan(tmp_path):
    path = tmp_path / "summary.json"
    write_summary({"a": [np.float64("nan"), np.int64(3), (1.5, float("inf"))], 4: None}, path)
    assert json.loads(path.read_text(), parse_constant=refuse) == {"a": [None, 3, [1.5, None]], "4": None}
    assert [file.name for file in tmp_path.iterdir()] == ["summary.json"]


class Shown(hp.Event):
    shown: hp.Key
    ts: hp.Time
    user: hp.Id
    movie: hp.Id
    bid: float
    mobile: bool
    screen: str | None
    genres: list[str] = hp.lookup(made.Movie.genres)


class Click(hp.Event):
    click: hp.Key
    ts: hp.Time
    shown: hp.Ref[Shown]
    user: hp.Id
    movie: hp.Id


clicked = hp.label(Shown, followed_by=Click, within="30m")


def impressions():
    """Five films shown at a time; who likes a film clicks a minute later."""
    votes = made.votes().to_pydict()
    draw = np.random.default_rng(4)
    rows = {name: [] for name in ("shown", "ts", "user", "movie", "bid", "mobile", "screen")}
    for number, (ts, user, movie) in enumerate(zip(votes["ts"], votes["user"], votes["movie"], strict=True)):
        others = draw.choice(60, 2, replace=False) + 1
        for place, shown in enumerate([movie, *(int(o) for o in others if o != movie)]):
            for name, value in zip(
                rows,
                (
                    3 * number + place,
                    ts,
                    user,
                    shown,
                    float(1 + shown % 3),
                    number % 2 == 0,
                    votes["screen"][number],
                ),
                strict=True,
            ):
                rows[name].append(value)
    return rows


def clicks():
    """The first film of each showing is what was voted on: liked ones are clicked."""
    votes = made.votes().to_pydict()
    liked = [number for number, stars in enumerate(votes["stars"]) if stars >= 4]
    return {
        "click": liked,
        "ts": [votes["ts"][number] + 60_000_000 for number in liked],
        "shown": [3 * number for number in liked],
        "user": [votes["user"][number] for number in liked],
        "movie": [votes["movie"][number] for number in liked],
    }


@hp.feature
def mobile_bid(bid, mobile):
    """What is bid on a phone."""
    return bid * mobile


def ads():
    return hp.System(
        requirements=replace(
            made.STEPS["requirements"], kpi=hp.KPI("revenue", hp.sum(Shown.bid, where=clicked))
        ),
        framing=hp.Ranking(
            item=Shown.movie, user=Shown.user, objective=hp.LogLoss(clicked), score=hp.p * Shown.bid
        ),
        data=hp.Data(
            static=dict(genres=made.Movie.genres),
            dynamic=dict(
                had=Click.per("user").last("movie", n=50),
                clicks=Click.per("user").count("7d", "all"),
                ctr=hp.rate(Click, Shown, per="movie", over=("7d", "all"), prior=0.2, strength=5),
                taste=Shown.per("user", "genres").count("7d"),
                by_screen=Shown.per("screen").count("1d"),
            ),
            contextual=dict(bid=Shown.bid, mobile_bid=mobile_bid, popular=hp.source_score("popular")),
        ),
        model=made.STEPS["model"],
        evaluation=hp.Evaluation(hp.TimeSplit(test="40d"), gate=[hp.ece < 0.2]),
        serving=hp.Serving(candidates=[hp.CoVisited(20), hp.Popular(40)], history="had"),
        monitoring=hp.Monitoring(),
    )


def test_impressions_and_clicks_go_round_the_loop(tmp_path, monkeypatch):
    """Bools, nulls, a key the client must send, a label with a window, and an outcome's stream of its own."""
    import pyarrow as pa

    monkeypatch.setattr(made, "impressions", lambda: pa.table(impressions()), raising=False)
    monkeypatch.setattr(made, "clicks", lambda: pa.table(clicks()), raising=False)
    found = run(ads(), tmp_path, Shown="impressions", Click="clicks")
    assert found["audit"]["mismatches"] == 0
    assert all(fault["found"] for fault in found["audit"]["planted"])
    assert found["kpi"]["by_model"]["heptad"]["kpi"] > 0
    assert found["metrics"]["heptad"]["auc"] > 0.5


def test_a_history_without_one_of_its_streams_is_refused(tmp_path):
    system = made.world()
    profile = made.profile(system, tmp_path)
    without = source("Vote", "python:heptad.testing.world:nothing", tmp_path, "")
    broken = replace(profile, sources=MappingProxyType(dict(profile.sources) | {"Vote": without}))
    with pytest.raises(DataError, match="a function 'nothing'"):
        run_system(made.target(system), broken, progress=Silent(), out=tmp_path / "out", size=SMALL)
