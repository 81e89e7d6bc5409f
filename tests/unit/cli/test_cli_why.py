"""``heptad why``: what a person sees, and what a script gets."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from heptad.cli import why as module
from heptad.cli.main import main

TOLD = {
    "request_id": "r1", "system": "shop", "verdict": "reproduced", "says": "reproduced: every bit",
    "log": {"predictions": "predictions", "offset": 3, "asked": 2, "damage": []}, "t": 5, "time": "1970-01-01T00:00:00Z",
    "offsets": {0: 7}, "user": 4, "context": {"device": "web"}, "flags": {}, "model_version": "v0001", "plan_hash": "h",
    "shown": ["b"], "history": ["c"],
    "candidates": [
        {"item": "a", "p": 0.25, "score": 0.25, "by_score": 1, "rank": None,
         "sources": {"popular": {"score": 3.0, "place": 1, "listed": True}}},
        {"item": "b", "p": 0.125, "score": 0.125, "by_score": 2, "rank": 1,
         "sources": {"popular": {"score": 2.0, "place": 2, "listed": False}}},
    ],
    "steps": [
        {"step": "score", "shown": ["a"]},
        {"step": "Block()", "shown": ["b"], "out": ["a"], "in": ["b"], "moved": []},
    ],
    "features": {"b": {"price": 2.5}}, "contributions": {"b": {"base": -1.0, "columns": {"price": 0.5}}},
    "with": {"system": "other", "model": "v0002", "plan": "g", "flags": {}, "shown": ["a"], "p": [0.5], "out": ["b"],
             "in": ["a"], "moved": [], "features_lost": ["price"], "features_gained": [],
             "features": [{"item": "b", "column": "size", "logged": 1.0, "with": 2.0}]},
}  # fmt: skip
REFUSED = {
    "request_id": "r1", "verdict": "refused", "says": "the model cannot be believed: not explained",
    "error": {"thing": "version v0001", "expected": "its files", "got": "others", "fix": "train"},
}  # fmt: skip


@pytest.fixture
def told(monkeypatch, tmp_path):
    """The command on the shipped system, whose account is made up."""
    monkeypatch.chdir(tmp_path)

    def run(result, *arguments):
        monkeypatch.setattr(module, "part", lambda name: lambda *given, **options: result)
        return CliRunner().invoke(main, ["why", "videos", *arguments])

    return run


def test_an_account_names_what_was_known_shown_and_why(told, tmp_path):
    found = told(TOLD, "r1", "--json", "why.json")
    assert found.exit_code == 0, found.output
    for words in ("reproduced: every bit", "partition 0 before 7", "v0001", "price", "+0.5000", "Block()", "out a; in b",
                  "with other, model v0002", "size", "features lost: price", "2 decisions have this id"):  # fmt: skip
        assert words in found.output
    assert json.loads((tmp_path / "why.json").read_text())["with"]["shown"] == ["a"]


def test_what_is_refused_is_not_explained_and_fails(told):
    found = told(REFUSED, "--last")
    assert found.exit_code == 1
    assert "cannot be believed" in found.output
    assert "shown" not in found.output


def test_differences_are_listed(told):
    differs = {**REFUSED, "verdict": "differs", "says": "1 values differ, in model"}
    del differs["error"]
    one = {"part": "model", "where": "p of 7", "logged": 0.5, "recomputed": 0.25}
    found = told({**differs, "differences": [one]}, "r1")
    assert found.exit_code == 1
    assert "model, p of 7: logged 0.5, recomputed 0.25" in found.output


@pytest.mark.parametrize("arguments", [[], ["r1", "--last"]])
def test_one_request_is_named(told, arguments):
    assert told(TOLD, *arguments).exit_code == 2
