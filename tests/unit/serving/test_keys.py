"""API keys: none is guessed, kept or read from where others can read it."""

from __future__ import annotations

import ast
import inspect

import pytest

from heptad.errors import DataError
from heptad.run.access import access_of
from heptad.serving import keys as module
from heptad.serving.keys import Keys, read_keys

KEY, OTHER = "a" * 20, "b" * 20


def test_keys_come_from_the_environment_and_a_file(tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"# ours\n{OTHER}\n\n")
    file.chmod(0o600)
    found = read_keys(file, {"HEPTAD_API_KEYS": f"{KEY}, {'c' * 20}"})
    assert [found.place(b"Bearer " + key.encode()) for key in (KEY, "c" * 20, OTHER, "d" * 20)] == [
        0,
        1,
        2,
        None,
    ]
    assert read_keys(None, {}) is None


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o620])
def test_a_file_that_others_can_read_or_write_is_refused(tmp_path, mode):
    file = tmp_path / "keys"
    file.write_text(KEY)
    file.chmod(mode)
    with pytest.raises(DataError, match="chmod 600"):
        read_keys(file, {})


@pytest.mark.parametrize("text", ["", "# none\n", "short\n", "with a blank in it, long\n", "ü" * 20])
def test_a_file_without_good_keys_is_refused(tmp_path, text):
    file = tmp_path / "keys"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(DataError):
        read_keys(file, {})


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="name a file of keys"):
        read_keys(tmp_path / "none", {})


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"Bearer",
        b"Bearer ",
        KEY.encode(),
        b"Basic " + KEY.encode(),
        b"Bearer " + KEY[:-1].encode(),
        b"Bearer \xff\x00",
    ],
)
def test_what_holds_no_key_opens_nothing(header):
    assert Keys([KEY]).place(header) is None


def test_keys_are_compared_in_constant_time_by_their_hashes():
    """By structure: every comparison with what was sent is hmac.compare_digest, and no loop over keys ends early."""
    source = ast.parse(inspect.getsource(module.Keys.place).lstrip().replace("\n    ", "\n"))
    loop = next(node for node in ast.walk(source) if isinstance(node, ast.For))
    assert "compare_digest" in ast.unparse(loop.body[0].test)
    assert not any(isinstance(node, (ast.Break, ast.Return)) for node in ast.walk(loop))
    assert KEY not in repr(vars(Keys([KEY])))


def test_without_keys_only_this_machine_is_listened_to():
    assert access_of("127.0.0.1", environment={}).keys is None
    assert access_of("0.0.0.0", anyone=True, environment={}).keys is None
    assert len(access_of("0.0.0.0", environment={"HEPTAD_API_KEYS": KEY}).keys) == 1
    for host in ("0.0.0.0", "::", "shop.example", "127.0.0.1.evil.example"):
        with pytest.raises(DataError, match="--open"):
            access_of(host, environment={})
