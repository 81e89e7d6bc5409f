"""A logged decision comes out again to the last bit, or is reported and not explained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from why_tiny import Tiny, deployed, edited, target_of

import heptad as hp
from heptad.cli.files import write_json
from heptad.errors import DataError
from heptad.registry.registry import Registry
from heptad.registry.version import Lineage
from heptad.run.progress import Silent
from heptad.run.why.again import Dead, Failing, Models, lacking, made, request_of, rows_of
from heptad.run.why.recall import Recall
from heptad.run.why.search import find, last
from heptad.run.why.why import why
from heptad.streams.log import Log
from heptad.streams.payload import Codec
from heptad.testing.tiny_service import tiny


@pytest.fixture(scope="module", params=["whole", "with digests"])
def asked(request, tmp_path_factory) -> Tiny:
    """Its decisions are logged whole, or as those of a ranking of hundreds are."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("heptad.serving.kept.FEW", 0 if request.param == "with digests" else 1 << 30)
        tiny = deployed(tmp_path_factory.mktemp("tiny"))
    assert any(decision.digests for decision in tiny.decisions) == (request.param == "with digests")
    return tiny


@pytest.fixture
def mine(asked, tmp_path) -> Tiny:
    """A copy that a test may spoil."""
    return asked.copied(tmp_path / "copy")


def asked_why(one, request_id, **options):
    return why(one.target, one.profile, request_id, progress=Silent(), **options)


def explained(result):
    return [
        name for name in ("candidates", "steps", "contributions", "features", "decision") if name in result
    ]


def test_every_decision_is_reproduced(asked):
    assert sum(bool(decision.flags) for decision in asked.decisions) == 1  # of a user without a history
    for decision in asked.decisions:
        assert asked_why(asked, decision.request_id)["says"] == "reproduced: every bit"


def test_the_account_is_that_of_the_answer(asked, tmp_path):
    decision = asked.decisions[1]
    told = asked_why(asked, decision.request_id)
    assert [c["item"] for c in told["candidates"]] == decision.candidates
    ranks = {c["rank"]: c["item"] for c in told["candidates"] if c["rank"] is not None}
    assert [ranks[rank] for rank in sorted(ranks)] == told["shown"] == told["steps"][-1]["shown"]
    assert [step["step"] for step in told["steps"]] == ["score", "Cap('maker', n=2)"]
    best = told["contributions"][str(told["shown"][0])]
    p = 1 / (1 + np.exp(-best["base"] - sum(best["columns"].values())))
    assert p == pytest.approx(decision.p[decision.shown[0]], rel=1e-12)
    popular = sorted((c["sources"]["popular"] for c in told["candidates"]), key=lambda s: s["place"] or 99)
    assert [one["place"] for one in popular] == list(range(1, len(popular) + 1))
    assert [one["score"] for one in popular] == sorted((one["score"] for one in popular), reverse=True)
    assert [one["listed"] for one in popular] == [one["place"] <= 10 for one in popular]
    write_json(tmp_path / "why.json", told)


def test_a_step_says_what_it_moved(asked):
    """What the cap kept out of some answer is out by its step, and who took the place is in."""
    steps = [asked_why(asked, decision.request_id)["steps"] for decision in asked.decisions[:8]]
    moved = [step for told in steps for step in told[1:] if step["out"]]
    assert moved
    assert all(len(step["out"]) >= len(step["in"]) for step in moved)


def test_the_newest_is_found_in_all_logs_of_a_deployment(mine):
    moved = mine.predictions.with_name("predictions-2")
    mine.predictions.rename(moved)
    with Log.open(mine.predictions) as log:
        log.append([edited(mine.decisions[0], request_id="older")], 5)
    assert last(mine.profile).decision.request_id == mine.decisions[-1].request_id
    assert asked_why(mine, None)["log"]["predictions"] == str(moved)
    assert find(mine.profile, "older", Silent()).log == mine.predictions


def test_of_several_decisions_of_one_id_the_newest_counts(mine):
    with Log.open(mine.predictions) as log:
        log.append([edited(mine.decisions[2], request_id=mine.decisions[0].request_id)], 2**60)
    told = asked_why(mine, mine.decisions[0].request_id)
    assert (told["log"]["asked"], told["user"], told["verdict"]) == (2, 3, "reproduced")


def test_a_request_that_was_never_logged_is_an_error(asked):
    with pytest.raises(DataError, match="none of this id"):
        asked_why(asked, "nobody")


def bit(array, at):
    changed = np.array(array)
    changed.flat[at] = np.nextafter(changed.flat[at], np.inf)
    return changed


CHANGES = {
    "features": lambda d: {"numbers": bit(d.numbers, 3)},
    "model": lambda d: {"p": bit(d.p, -1)},
    "candidates": lambda d: {"sources": dict(d.sources) | {"popular": bit(d.sources["popular"], 1)}},
    "history": lambda d: {"history": d.history[:-1]},
    "shown": lambda d: {"shown": [*d.shown[1:], d.shown[0]]},
}


@pytest.mark.parametrize("part", CHANGES)
def test_one_bit_changed_in_the_prediction_log_is_told_and_not_explained(mine, part):
    chosen = mine.decisions[1]

    def change(record):
        return edited(chosen, **CHANGES[part](chosen)) if record.offset == 1 else record.payload

    mine.rewritten(mine.predictions, change)
    told = asked_why(mine, chosen.request_id)
    assert told["verdict"] == "differs"
    assert part in {difference["part"] for difference in told["differences"]}
    assert explained(told) == []
    assert asked_why(mine, mine.decisions[2].request_id)["verdict"] == "reproduced"


def flip(path):
    held = bytearray(path.read_bytes())
    held[len(held) // 2] ^= 1
    path.write_bytes(held)


def segment(directory):
    return next(path for path in sorted(directory.rglob("*")) if path.is_file() and path.stat().st_size > 100)


def test_a_damaged_prediction_log_is_refused(mine):
    mine.rewritten(
        mine.predictions, lambda record: record.payload
    )  # a frame each, and others after the damaged one
    flip(segment(mine.predictions))
    told = [asked_why(mine, decision.request_id) for decision in mine.decisions]
    refused = [one for one in told if one["verdict"] == "refused"]
    assert refused
    assert all(one["part"] == "the prediction log" and explained(one) == [] for one in refused)
    kept = [one for one in told if one["verdict"] != "refused"]
    assert all(one["verdict"] == "reproduced" and one["log"]["damage"] for one in kept)


def test_a_damaged_event_log_is_refused(mine):
    flip(segment(mine.profile.log))
    told = asked_why(mine, mine.decisions[7].request_id)
    assert (told["verdict"], told["part"], explained(told)) == ("refused", "the event log", [])


def test_an_event_log_that_lost_its_end_is_refused(mine):
    with Log.open(mine.profile.log, readonly=True) as log:
        kept = log.read_columns(0, log.end - 3)
    for path in mine.profile.log.rglob("*"):
        if path.is_file():
            path.unlink()
    with Log.open(mine.profile.log) as log:
        log.append(kept.payloads, kept.arrivals)
    assert asked_why(mine, mine.decisions[8].request_id)["verdict"] == "refused"
    assert asked_why(mine, mine.decisions[0].request_id)["verdict"] == "reproduced"


def test_an_event_that_was_changed_in_the_log_is_told(mine):
    """A sale of the user a little larger, in a whole frame with a CRC of its own."""
    codec = Codec(tiny.plan)

    def change(record):
        stream, row = codec.decode(record.payload)
        larger = stream == "Sale" and row["user"] == 2
        return codec.encode(stream, row | {"amount": row["amount"] + 1}) if larger else record.payload

    mine.rewritten(mine.profile.log, change)
    told = asked_why(mine, mine.decisions[1].request_id)
    assert told["verdict"] == "differs"
    assert "features" in {difference["part"] for difference in told["differences"]}
    assert explained(told) == []


def test_a_changed_model_is_refused(mine):
    flip(mine.profile.registry / "tiny" / "v0001" / "model" / "logistic.npz")
    told = asked_why(mine, mine.decisions[1].request_id)
    assert (told["verdict"], told["part"], explained(told)) == ("refused", "the model", [])
    assert "logistic.npz" in told["error"]["got"]


def test_another_declaration_than_the_one_that_served_is_refused(mine):
    system = varied(data=replace(tiny.data, contextual={**tiny.data.contextual, "day": hp.weekday()}))
    told = why(target_of(system), mine.profile, mine.decisions[0].request_id, progress=Silent())
    assert (told["verdict"], told["part"]) == ("refused", "the declaration")


def test_a_fallback_that_read_nothing_says_so(mine):
    late = edited(mine.decisions[0], request_id="late", t=None, offsets={}, flags={"fallback": "too slow"})
    with Log.open(mine.predictions) as log:
        log.append([late], 2**60)
    told = asked_why(mine, "late")
    assert (told["verdict"], explained(told)) == ("degraded", [])
    assert "too slow" in told["says"]


@pytest.mark.parametrize("flag", ["model unavailable", "features unavailable"])
def test_a_fallback_of_a_part_that_failed_is_reproduced(mine, flag):
    """As the pipeline logs it when its model, or its store after the history, does not answer."""
    decision = mine.decisions[1]
    with Log.open(mine.profile.log, readonly=True) as log:
        recall = Recall(tiny.plan, tiny.plan, log, decision.offsets[0], rows_of(decision, tiny), Silent())
        moment = recall.at(decision.t, decision.offsets[0])
        scorer = registered(Registry(mine.profile.registry), "tiny", "v0001")
        if flag == "model unavailable":
            failed = made(
                tiny,
                tiny.plan,
                moment,
                replace(scorer, classifier=Dead()),
                request_of(decision, tiny.framing),
            )
        else:
            failed = made(tiny, tiny.plan, Failing(moment, 1), scorer, request_of(decision, tiny.framing))
    assert failed.decision.flags == {"fallback": flag}
    with Log.open(mine.predictions) as log:
        log.append([edited(failed.decision, request_id="failed")], 2**60)
    assert asked_why(mine, "failed")["verdict"] == "reproduced"


@pytest.mark.parametrize("names", [("popular",), ("ease", "popular")])
def test_a_decision_without_some_sources_is_reproduced(mine, names):
    """As the pipeline logs it when a candidate source, or each of them, does not answer."""
    decision = mine.decisions[1]
    with Log.open(mine.profile.log, readonly=True) as log:
        recall = Recall(tiny.plan, tiny.plan, log, decision.offsets[0], rows_of(decision, tiny), Silent())
        moment = recall.at(decision.t, decision.offsets[0])
        scorer = registered(Registry(mine.profile.registry), "tiny", "v0001")
        dumb = replace(scorer, retriever=lacking(scorer.retriever, names))
        failed = made(tiny, tiny.plan, moment, dumb, request_of(decision, tiny.framing))
    all_of_them = len(names) == len(scorer.retriever.names)
    flags = {"fallback": "candidates unavailable"} if all_of_them else {"candidates": "without popular"}
    assert failed.decision.flags == flags
    with Log.open(mine.predictions) as log:
        log.append([edited(failed.decision, request_id="failed")], 2**60)
    assert asked_why(mine, "failed")["verdict"] == "reproduced"


def registered(registry, name, version):
    return Models(registry, name, tiny.plan).get(version)


def varied(**steps):
    names = ("requirements", "framing", "data", "model", "evaluation", "serving", "monitoring")
    return hp.System(**({name: getattr(tiny, name) for name in names} | steps))


def test_another_way_to_finish_the_list_shows_what_would_have_changed(asked):
    other = varied(serving=replace(tiny.serving, rerank=[hp.Unseen(), hp.Cap("maker", 1)]))
    told = asked_why(asked, asked.decisions[1].request_id, other=target_of(other))["with"]
    makers = {c["item"]: None for c in asked_why(asked, asked.decisions[1].request_id)["candidates"]}
    assert told["model"] == "v0001"  # it fits: the features are the same
    assert set(told["shown"]) <= makers.keys()
    assert len(told["shown"]) == 3  # there are three makers
    assert (len(told["out"]), told["features"]) == (1, [])


def test_fewer_candidates_are_taken_from_the_same_sources(asked):
    other = varied(serving=replace(tiny.serving, candidates=[hp.EASE(1, penalty=5.0), hp.Popular(2)]))
    told = asked_why(asked, asked.decisions[1].request_id, other=target_of(other))["with"]
    assert len(told["shown"]) <= 3


def test_what_trended_needs_no_training(asked):
    sources = [hp.EASE(1, penalty=5.0), hp.Popular(1), hp.Trending(2, over="6h")]
    other = varied(serving=replace(tiny.serving, candidates=sources))
    told = asked_why(asked, asked.decisions[1].request_id, other=target_of(other))["with"]
    assert (told["flags"], told["model"]) == ({}, "v0001")
    assert 1 <= len(told["shown"]) <= 3


def narrower():
    """The same columns, but a mean over the last hour: other features, so another model."""
    dynamic = dict(tiny.data.dynamic) | {"mean_amount": tiny.label.event.per("user").mean("amount", "1h")}
    return varied(data=replace(tiny.data, dynamic=dynamic))


def test_other_features_need_a_model_of_their_own(asked):
    told = asked_why(asked, asked.decisions[1].request_id, other=target_of(narrower(), "narrow"))
    assert (told["verdict"], "with" in told) == ("refused", False)
    assert told["error"]["thing"] == "a model for narrow"


def test_features_of_other_values_are_shown(mine):
    other, registry = narrower(), Registry(mine.profile.registry)
    theirs = replace(registered(registry, "tiny", "v0001"), plan_hash=other.plan.hash)
    lineage = Lineage("d", other.plan.hash, "c", 0)
    registry.register("narrow", theirs.save, metrics={}, lineage=lineage, time=0)
    registry.promote("narrow", "v0001", time=0, reason="a test")
    decision = mine.decisions[4]  # five hours after the user's last sale but this test's own
    told = asked_why(mine, decision.request_id, other=target_of(other, "narrow"))
    assert {one["column"] for one in told["with"]["features"]} == {"mean_amount", "dearness"}
    assert (told["verdict"], told["with"]["plan"]) == ("reproduced", other.plan.hash)
