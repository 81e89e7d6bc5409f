"""From a ranked answer over HTTP to a promoted challenger that learned from what was served, across a restart."""

from __future__ import annotations

import json
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

import heptad as hp
from heptad.cli.main import main
from heptad.lifecycle.retrain import challenge, lineage_of, scorer_of
from heptad.lifecycle.training import Effort, train
from heptad.registry.registry import Registry
from heptad.run.history import load_history
from heptad.run.profile import load_profile
from heptad.run.serve import service
from heptad.run.target import load_target
from heptad.serving.http import app
from heptad.testing.asgi import Caller
from heptad.times import HOUR, MINUTE, format_instant, instant

START = instant("2026-01-01T00:00:00Z")
USERS, ITEMS = range(6), [f"i{number}" for number in range(8)]
PAST = 160


class Seen(hp.Event):
    seen: hp.Key
    ts: hp.Time
    user: hp.Id
    item: hp.Id
    request: hp.RequestId | None


class Bought(hp.Event):
    bought: hp.Key
    ts: hp.Time
    of: hp.Ref[Seen]


sold = hp.label(Seen, followed_by=Bought, within="30m")

stall = hp.System(
    requirements=hp.Requirements(
        p99="50ms", candidates=6, qps=20, freshness="1s", shown=3, kpi=hp.KPI("sales", hp.count(where=sold))
    ),
    framing=hp.Ranking(item=Seen.item, user=Seen.user, objective=hp.LogLoss(sold)),
    data=hp.Data(
        dynamic=dict(
            had=Seen.per("user").last("item", n=2), views=Seen.per("item").count("1h", "all"),
            mine=Seen.per("user").count("all"), often=Seen.per("user", "item").count("all"),
        ),
        contextual=dict(popular=hp.source_score("popular")),
    ),
    model=hp.Logistic(),
    evaluation=hp.Evaluation(hp.TimeSplit(test="1h"), gate=[hp.ece < 0.9]),
    serving=hp.Serving(candidates=[hp.Popular(8)], history="had", fallback=hp.Popular(6)),
    monitoring=hp.Monitoring(),
)  # fmt: skip


def likes(user, item):
    return (int(item[1:]) + user) % 3 == 0


def past():
    """Views and purchases of some hours, before anything was served."""
    draw, views, sales = np.random.default_rng(1), [], []
    for number in range(PAST):
        user, item, ts = int(draw.choice(USERS)), str(draw.choice(ITEMS)), START + number * MINUTE
        views.append({"seen": number, "ts": ts, "user": user, "item": item, "request": None})
        if likes(user, item):
            sales.append({"bought": number, "ts": ts + MINUTE // 2, "of": number})
    return views, sales


def views():
    return past()[0]


def sales():
    return past()[1]


class Client:
    """Asks over HTTP, and posts what was shown and bought as it goes."""

    def __init__(self, caller):
        self.caller, self.shown = caller, 0

    def visit(self, user, number, now):
        answer = self.post("/rank", {"user": user})
        for place, item in enumerate(answer["items"]):
            key, ts = number * 10 + place, now + place * 1_000_000
            view = {"seen": key, "ts": ts, "user": user, "item": item, "request": answer["request_id"]}
            self.post("/events/Seen", view)
            self.shown += not answer["flags"]
            if likes(user, item):
                self.post("/events/Bought", {"bought": key, "ts": ts + 10_000_000, "of": key})

    def post(self, path, body):
        reply = self.caller.ask(path, json.dumps(body).encode())
        assert reply.status == 200, reply.body
        return reply.json()


@contextmanager
def serving(target, profile):
    with service(target, profile, deadline=HOUR, say=lambda text: None) as one:
        caller = Caller(app(one))
        yield Client(caller)
        caller.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A deployment that has served, was restarted, served again, and is down."""
    home = tmp_path_factory.mktemp("stall")
    (home / "heptad.toml").write_text(
        f'[dev]\nlog = "{home}/log"\nstore = "embedded:{home}/state"\nregistry = "{home}/registry"\n'
        f'Seen = "python:{__name__}:views"\nBought = "python:{__name__}:sales"\n',
        encoding="utf-8",
    )
    target = load_target(f"{__name__}:stall")
    profile = load_profile(target, path=home / "heptad.toml")
    history = load_history(stall.plan, profile).history
    cut = START + 120 * MINUTE
    registry = Registry(profile.registry)
    trained = train(history, stall, cut, effort=Effort(100, 10))
    version = registry.register(
        "stall", scorer_of(history, trained).save, metrics={}, lineage=lineage_of(history, cut), time=cut
    )
    registry.promote("stall", version.name, time=cut, reason="test")
    shown, now = 0, START + PAST * MINUTE
    for begin in (0, 30):  # the second half after a restart
        with serving(target, profile) as client:
            for number in range(begin, begin + 30):
                now += 4 * MINUTE
                client.visit(number % len(USERS), 1_000 + number, now)
            shown += client.shown
    return SimpleNamespace(home=home, registry=registry, shown=shown, target=target, profile=profile)


def retrained(served, *words):
    out = served.home / "retrained.json"
    command = [
        "retrain",
        f"{__name__}:stall",
        "--config",
        str(served.home / "heptad.toml"),
        "--json",
        str(out),
    ]
    done = CliRunner().invoke(main, [*command, *words])
    assert done.exit_code == 0, done.stderr or repr(done.exception)
    return json.loads(out.read_text(encoding="utf-8")), done.stdout


@pytest.mark.parametrize("learning", ["shown", "logged"])
def test_a_challenger_learns_from_what_was_shown_and_says_how_the_served_features_differ(served, learning):
    before = served.registry.champion_name("stall")
    result, said = retrained(served, "--from", learning)
    feedback = result["feedback"]
    assert feedback["impressions"] > 100
    assert result["rows"]["train"] == feedback["rows"] > 80
    assert (feedback["lost"], feedback["not_shown"], feedback["repeated"]) == (0, 0, 0)
    assert result["difference"] == {
        "compared": result["difference"]["compared"], "differ": {}, "degraded": 0,
    }  # fmt: skip
    assert result["difference"]["compared"] >= 5 * feedback["rows"]
    assert set(result["metrics"]) == {"heptad", "champion", "popular"}
    assert (result["against"], result["challenger"]["stage"]) == (before, "champion")
    assert served.registry.champion_name("stall") == result["challenger"]["name"]
    assert f"retrain from {learning}" in served.registry.history("stall")[-2].reason
    assert "feature values beside those recomputed: none differ" in said


def test_the_whole_log_teaches_too_and_the_next_start_serves_what_was_promoted(served):
    result, _ = retrained(served, "--from", "events", "--test", "1h")
    assert "feedback" not in result
    assert result["rows"]["train"] > 0
    with serving(served.target, served.profile) as client:
        assert client.post("/rank", {"user": 1})["model_version"] == result["challenger"]["name"]


def test_what_the_champion_has_learned_from_tests_nothing_and_that_is_said(served):
    champion = served.registry.champion("stall")
    done = CliRunner().invoke(
        main, ["retrain", f"{__name__}:stall", "--config", str(served.home / "heptad.toml"), "--test", "365d"]
    )
    assert done.exit_code == 0, done.stderr
    through = format_instant(champion.lineage.trained_through)
    said = " ".join(done.stderr.split())
    assert f"{champion.name} has learned from all before {through}: only what came then can test" in said


def test_a_feature_that_was_served_wrong_is_found(served, monkeypatch):
    """One planted value: of the first decision that showed something, the first column of the item shown first."""
    from heptad.run import retrain as module

    found = list(module.decisions_of(served.profile))
    first = min((one for one in found if one.columns), key=lambda one: one.t)
    first.numbers[first.shown[0], 0] += 1
    monkeypatch.setattr(module, "decisions_of", lambda profile: iter(found))
    result, said = retrained(served, "--from", "logged")
    assert result["difference"]["differ"] == {first.columns[0]: 1}
    assert f"{first.columns[0]} in 1 differ" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["stall", "--test", "1s"], "requests with a true label from"),
        (["images"], "heptad run images trains it again"),
        (["fraud", "--from", "logged"], "heptad retrain fraud --from events"),
        (["videos", "--state", "nowhere"], "serve it first"),
    ],
)
def test_what_cannot_be_learned_from_is_said(served, words, said):
    name, *others = words
    own = name == "stall"
    command = ["retrain", f"{__name__}:stall" if own else name, *others]
    done = CliRunner().invoke(main, command + (["--config", str(served.home / "heptad.toml")] if own else []))
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("words", "said"), [([], "whose attribution window has passed"), (["--test", "1h"], "settled by")]
)
def test_without_decisions_there_is_no_feedback(served, monkeypatch, words, said):
    from heptad.run import retrain as module

    monkeypatch.setattr(module, "decisions_of", lambda profile: iter(()))
    command = [
        "retrain",
        f"{__name__}:stall",
        "--config",
        str(served.home / "heptad.toml"),
        "--from",
        "logged",
    ]
    done = CliRunner().invoke(main, [*command, *words])
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
    assert "lost=" in done.stderr


def test_without_a_champion_there_is_nothing_to_compare_with(served, tmp_path):
    history = load_history(stall.plan, served.profile).history
    now = START + PAST * MINUTE
    attempt = challenge(
        Registry(tmp_path), "stall", stall, history, None, now=now, held_back=HOUR, effort=Effort(100, 10), reason="first"
    )  # fmt: skip
    assert "champion" not in attempt.comparison.contenders
    assert attempt.version.stage == "champion"
