"""A store is named by a URL; a wrong one says what would be right."""

from __future__ import annotations

import pytest

from heptad.errors import StateError
from heptad.state.open import open_store
from heptad.state.store import Commit, Meta
from heptad.state.stores.embedded import EmbeddedStore
from heptad.state.stores.memory import MemoryStore


def test_memory_is_new_whenever_it_is_opened():
    store = open_store("memory:", "hash")
    assert isinstance(store, MemoryStore)
    store.commit(Commit(Meta("hash", 1, {0: 1})))
    assert open_store("memory:", "hash").saved().meta == Meta("hash")


@pytest.mark.parametrize("form", ["embedded://{path}", "embedded:{path}"])
def test_embedded_is_a_directory(tmp_path, form):
    store = open_store(form.format(path=tmp_path / "a" / "b"), "hash")
    assert isinstance(store, EmbeddedStore)
    store.commit(Commit(Meta("hash", 1, {0: 1})))
    store.close()
    assert (tmp_path / "a" / "b" / "data.mdb").is_file()


def test_a_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    open_store("embedded:state/x", "hash").close()
    assert (tmp_path / "state" / "x").is_dir()


@pytest.mark.parametrize("url", ["kafka://localhost", "", "memory", "/tmp/state", "EMBEDDED:x"])
def test_an_unknown_scheme_names_the_known_ones(url):
    with pytest.raises(StateError, match="one of: memory, embedded"):
        open_store(url, "hash")


@pytest.mark.parametrize("url", ["embedded:", "embedded://", "memory:somewhere"])
def test_a_url_without_the_place_it_needs(url):
    with pytest.raises(StateError, match="embedded:///"):
        open_store(url, "hash")


def test_memory_cannot_be_read_from_beside():
    with pytest.raises(StateError, match="between processes"):
        open_store("memory:", "hash", readonly=True)
