"""`heptad serve` of a search: the champion of the registry over the source and the log, and whichever succeeds it."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from heptad.errors import DataError, StateError
from heptad.run import follow
from heptad.run.serve import serve
from heptad.run.serve_search import visual_service
from heptad.testing import tiny_pictures as tiny

NEW = tiny.picture("red", 900)


@pytest.fixture
def deployment(tmp_path):
    return *tiny.deployed(tmp_path), tiny.registered(tmp_path), tiny.loading(tmp_path)


def test_the_champion_serves_the_source_and_what_was_posted_since(deployment):
    target, profile, registry, load = deployment
    said: list[str] = []
    with visual_service(target, profile, said.append, load=load) as service:
        assert said == ["embedding 40 pictures of squares with v0001"]
        service.post([{"square": 500, "picture": NEW, "colour": "red"}])
        service.delete("3")
    registry.promote("squares", "v0002", time=0, reason="test")
    with visual_service(target, profile, said.append, load=load) as service:
        assert said[-1] == "posted and deleted since: 2"
        assert service.health()["items"] == 40
        answer = service.ask(NEW, {"n": "1"})
        assert (answer.model, answer.items[0]["square"]) == ("v0002", 500)


def test_a_promoted_version_serves_without_a_restart(deployment, monkeypatch):
    monkeypatch.setattr(follow, "EVERY", 0.01)
    target, profile, registry, load = deployment
    served = threading.Event()

    def say(text):
        if text == "model v0002 is served from now on":
            served.set()

    with visual_service(target, profile, say, load=load) as service:
        service.post([{"square": 500, "picture": NEW, "colour": "red"}])
        before = service.ask(NEW, {})
        registry.promote("squares", "v0002", time=0, reason="test")
        assert served.wait(60)
        after = service.ask(NEW, {})
    assert (before.model, after.model) == ("v0001", "v0002")
    assert before.embedding != after.embedding
    assert before.items[0] == after.items[0]


def test_without_a_champion_it_says_how_to_get_one(tmp_path):
    target, profile = tiny.deployed(tmp_path)
    with pytest.raises(StateError, match="heptad run squares"), visual_service(target, profile, print):
        pass


def test_several_workers_are_refused_before_anything_is_forgotten(deployment):
    target, profile, _, load = deployment
    with visual_service(target, profile, lambda text: None, load=load) as service:
        service.post([{"square": 500, "picture": NEW, "colour": "red"}])
    with pytest.raises(DataError, match="leave --workers out"):
        serve(target, profile, host="127.0.0.1", port=0, workers=2, fresh=True, say=lambda text: None)
    with visual_service(target, profile, lambda text: None, load=load) as service:
        assert service.health()["changes"] == 1


def test_a_damaged_champion_is_not_served(deployment):
    target, profile, registry, load = deployment
    file = next(path for path in registry.champion("squares").path.iterdir() if path.suffix == ".npz")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(StateError), visual_service(target, replace(profile), print, load=load):
        pass
