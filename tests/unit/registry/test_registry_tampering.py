"""Whoever can write into the registry's directory, but not its journal, runs no code: nothing unvouched is unpickled."""

from __future__ import annotations

import ast
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

import heptad
from heptad.errors import HeptadError, StateError
from heptad.models.loading import load_classifier, save_classifier
from heptad.models.wrapped import Wrapped
from heptad.registry.registry import Lineage, Registry

SOURCE = Path(heptad.__file__).parent


class Half:
    """A user's own model."""

    def fit(self, x, y):
        return self

    def predict_proba(self, x):
        return np.full(len(x), 0.5)


class Attack:
    """Unpickling it makes a directory: as good as any other code."""

    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        import os

        return os.mkdir, (self.target,)


@pytest.fixture
def registered(tmp_path):
    """A registry with a pickled model as champion, and what an attack would make."""
    registry = Registry(tmp_path / "models")
    model = Wrapped(Half()).fit(np.zeros((2, 1)), np.array([0.0, 1.0]))
    lineage = Lineage("d", "p", "c", 0)
    version = registry.register(
        "shop", lambda to: save_classifier(model, to), metrics={}, lineage=lineage, time=1
    )
    registry.promote("shop", version.name, time=2, reason="first")
    return registry, version.path, tmp_path / "attacked"


def model_file(directory, target):
    (directory / "wrapped.pickle").write_bytes(pickle.dumps((Attack(target), Attack(target))))


def both(directory, target):
    """The manifest is made to fit the bad file."""
    import hashlib

    model_file(directory, target)
    manifest = json.loads((directory / "manifest.json").read_text())
    digest = hashlib.sha256((directory / "wrapped.pickle").read_bytes()).hexdigest()
    manifest["files"]["wrapped.pickle"] = digest
    (directory / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


def link(directory, target):
    """The right bytes, behind a link that may point elsewhere tomorrow."""
    shutil.move(directory / "wrapped.pickle", directory.parent / "elsewhere")
    (directory / "wrapped.pickle").symlink_to(directory.parent / "elsewhere")


def linked_directory(directory, target):
    shutil.move(directory, directory.parent / "elsewhere")
    directory.symlink_to(directory.parent / "elsewhere")


def another_file(directory, target):
    (directory / "more.pickle").write_bytes(pickle.dumps(Attack(target)))


def another_family(directory, target):
    (directory / "family.json").write_text('{"family": "os"}')


@pytest.mark.parametrize("tamper", [model_file, both, link, linked_directory, another_file, another_family])
def test_a_tampered_model_is_not_loaded(registered, tamper):
    registry, path, target = registered
    load_classifier(path, registry.champion("shop").files)  # as it was, it loads
    tamper(path, target)
    with pytest.raises(StateError):
        registry.champion("shop")
    assert not target.exists()


def test_a_model_that_changes_after_it_was_checked_is_not_loaded(registered):
    registry, path, target = registered
    version = registry.champion("shop")
    model_file(path, target)
    with pytest.raises(StateError, match="vouch"):
        load_classifier(path, version.files)
    with pytest.raises(StateError, match="vouch"):
        load_classifier(path)
    assert not target.exists()


@pytest.mark.parametrize("name", ["../../elsewhere", "/etc", "v0001/../../x", "", "v1", "\0", "v0001\n"])
def test_a_journal_that_names_another_place_is_refused(registered, name):
    registry, path, _ = registered
    journal = path.parent / "journal.json"
    rows = json.loads(journal.read_text())
    for row in rows:
        row["version"] = name
    journal.write_text(json.dumps(rows))
    with pytest.raises(StateError, match="journal"):
        registry.champion("shop")


@pytest.mark.parametrize(
    "text", ["", "{", "7", '{"a": 1}', '[{"version": "v0001"}]', '[{"x": 1}]', "[7]", '["v0001"]']
)
def test_a_journal_that_is_damaged_is_named(registered, text):
    registry, path, _ = registered
    (path.parent / "journal.json").write_text(text)
    with pytest.raises(StateError, match="journal"):
        registry.champion("shop")


@pytest.mark.parametrize("system", ["..", "../shop", "/etc", "a/b", "", ".hidden", "a\n"])
def test_a_system_name_that_leads_out_is_refused(registered, system):
    registry, _, _ = registered
    for ask in (registry.champion, registry.champion_name, registry.versions, registry.history):
        with pytest.raises(HeptadError):
            ask(system)


def test_nothing_else_unpickles():
    """By structure: pickle is loaded in one place, which compares a hash first; numpy and torch are told not to."""
    loads = []
    for path in sorted(set(SOURCE.rglob("*.py")) - set((SOURCE / "testing").rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called, options = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
            where = path.relative_to(SOURCE).as_posix()
            if called in (
                "pickle.load",
                "pickle.loads",
                "pickle.Unpickler",
                "joblib.load",
                "marshal.loads",
                "shelve.open",
                "dill.loads",
            ):
                loads.append(where)
            assert options.get("allow_pickle", "False") == "False", where
            assert called not in ("eval", "exec", "yaml.load"), where
            if called == "torch.load":
                assert options["weights_only"] == "True", where
    assert loads == ["models/wrapped.py"]
