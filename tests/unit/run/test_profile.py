"""heptad.toml: which file is read, what its keys mean, and one error for each mistake in it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from heptad.errors import DeclarationError
from heptad.run.profile import load_profile
from heptad.run.target import load_target

VIDEOS = load_target("videos")
SOURCES = 'Film = "python:heptad.systems.videos.data:films"\nRating = "python:.data:ratings"\n'


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def elsewhere(tmp_path):
    """`videos` as if its directory held no heptad.toml."""
    (tmp_path / "beside").mkdir()
    return dataclasses.replace(VIDEOS, directory=tmp_path / "beside")


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_the_file_beside_the_system(here):
    profile = load_profile(VIDEOS)
    assert profile.path == VIDEOS.directory / "heptad.toml"
    assert (profile.name, profile.clock, profile.store) == ("dev", "replay", "embedded:.heptad/videos/state")
    assert (profile.log, profile.registry) == (Path(".heptad/videos/log"), Path(".heptad/registry"))
    assert set(profile.sources) == {"Film", "Rating"}
    with pytest.raises(dataclasses.FrozenInstanceError):
        profile.clock = "wall"


def test_the_current_directory_wins_where_it_names_the_system(here):
    write(here / "heptad.toml", f'system = "videos"\n[dev]\nclock = "wall"\n{SOURCES}')
    assert load_profile(VIDEOS).clock == "wall"
    write(here / "heptad.toml", f'system = "ads"\n[dev]\nclock = "wall"\n{SOURCES}')
    assert load_profile(VIDEOS).clock == "replay"
    write(here / "heptad.toml", f'[dev]\nclock = "wall"\n{SOURCES}')
    assert load_profile(VIDEOS).clock == "replay"


def test_the_current_directory_is_enough_where_there_is_no_other(here, elsewhere):
    write(here / "heptad.toml", f'[dev]\nclock = "wall"\n{SOURCES}')
    assert load_profile(elsewhere).clock == "wall"


def test_config_names_any_file(here):
    path = write(here / "live.toml", f'[prod]\nclock = "wall"\nstore = "memory:"\n{SOURCES}')
    profile = load_profile(VIDEOS, "prod", path)
    assert (profile.name, profile.clock, profile.store) == ("prod", "wall", "memory:")


def test_state_has_a_place_of_its_own_where_none_is_said(here):
    profile = load_profile(VIDEOS, path=write(here / "x.toml", f"[dev]\n{SOURCES}"))
    assert (profile.clock, profile.log) == ("replay", Path(".heptad/videos/log"))
    assert (profile.store, profile.registry) == ("embedded:.heptad/videos/state", Path(".heptad/registry"))


def test_data_is_found_beside_the_file_and_patterns_are_sorted(here, monkeypatch):
    folder = here / "conf"
    (folder / "days").mkdir(parents=True)
    for name in ("2.csv", "1.csv"):
        (folder / "days" / name).touch()
    (folder / "films.parquet").touch()
    path = write(folder / "x.toml", '[dev]\nFilm = "films.parquet"\nRating = "days/*.csv"\n')
    sources = load_profile(VIDEOS, path=path).sources
    assert sources["Film"].files == (folder / "films.parquet",)
    assert sources["Rating"].files == (folder / "days" / "1.csv", folder / "days" / "2.csv")


def refused(target, path, name="dev"):
    with pytest.raises(DeclarationError) as raised:
        load_profile(target, name, path)
    return raised.value


def test_no_file_at_all_says_where_it_was_sought(here, elsewhere):
    error = refused(elsewhere, None)
    assert error.expected == f"the file {here}/heptad.toml or {here}/beside/heptad.toml"
    assert 'Rating = "python:.data:..."' in error.fix


def test_a_config_that_is_not_there(here):
    assert refused(VIDEOS, here / "no.toml").got == f"no file {here}/no.toml"


@pytest.mark.parametrize(
    ("text", "thing", "expected", "got", "fix"),
    [
        ("[dev\n", "{p}", "a TOML file", "Expected ']' at the end of a table declaration (at line 1, column 5)", "mend that line"),
        ('clock = "wall"\n[dev]\n', "'clock' in {p}", "profiles such as [dev], and only system= above them", "a key outside", "move it below the line [dev]"),
        ("[prod]\n", "profile 'dev'", "a table [dev] in {p}", "tables prod", "add [dev], or choose another with --profile"),
        ("", "profile 'dev'", "a table [dev] in {p}", "tables none", "add [dev], or choose another with --profile"),
        (f'[dev]\n{SOURCES}stor = "memory:"\n', "profile [dev] in {p}", "keys among clock, log, store, registry, Film, Rating", "'stor'", "write store"),
        (f'[dev]\n{SOURCES}Impression = "x.csv"\n', "profile [dev] in {p}", "keys among clock, log, store, registry, Film, Rating", "'Impression'", "remove it; classes are those the features, label and requests use"),
        ('[dev]\nFilm = "python:.data:films"\n', "profile [dev] in {p}", "a source for Rating", "none", 'add Rating = "python:module:function", or a path to .parquet, .csv or .jsonl'),
        (f'[dev]\n{SOURCES}clock = "sun"\n', "clock of profile [dev] in {p}", "'wall' or 'replay'", "'sun'", "use 'replay' for historical data and 'wall' for live events"),
        (f"[dev]\n{SOURCES}clock = 3\n", "clock of profile [dev] in {p}", "text", "3", 'write clock = "..."'),
        (f'[dev]\n{SOURCES}log = "kafka://broker"\n', "log of profile [dev] in {p}", "a directory", "'kafka://broker'", "write for example '.heptad/videos/log'"),
        (f'[dev]\n{SOURCES}store = "kafka://host"\n', "store of profile [dev] in {p}", "'memory:', 'embedded:PATH' or 'redis://HOST:PORT/DB'", "'kafka://host'", "write for example 'embedded:.heptad/videos/state'"),
        (f'[dev]\n{SOURCES}store = "embedded:"\n', "store of profile [dev] in {p}", "'memory:', 'embedded:PATH' or 'redis://HOST:PORT/DB'", "'embedded:'", "write for example 'embedded:.heptad/videos/state'"),
        ('[dev]\nFilm = 3\nRating = "x.csv"\n', "source of Film", "text such as 'python:module:function' or 'data/*.parquet'", "3", "write it in quotes"),
        ('[dev]\nFilm = "python:films"\nRating = "x.csv"\n', "source of Film", "python:module:function", "'python:films'", "write for example 'python:.data:films'"),
        ('[dev]\nFilm = "s3://bucket/films.parquet"\nRating = "x.csv"\n', "source of Film", "python:module:function, or a path or pattern that ends in .parquet, .csv, .jsonl", "'s3://bucket/films.parquet'", "put the rows into such a file, or return them from a function"),
        ('[dev]\nFilm = "films.xlsx"\nRating = "x.csv"\n', "source of Film", "python:module:function, or a path or pattern that ends in .parquet, .csv, .jsonl", "'films.xlsx'", "put the rows into such a file, or return them from a function"),
        ('[dev]\nFilm = "films.csv"\nRating = "x.csv"\n', "source of Film", "files that match {d}/films.csv", "none", "paths are relative to the file heptad.toml: check it"),
        ('[dev]\nFilm = "films/*.csv"\nRating = "x.csv"\n', "source of Film", "files that match {d}/films/*.csv", "none", "paths are relative to the file heptad.toml: check it"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_one_error_that_mends_it(here, text, thing, expected, got, fix):
    path = write(here / "x.toml", text)
    error = refused(VIDEOS, path)
    said = {"p": path, "d": here}
    parts = (error.thing, error.expected, error.got, error.fix)
    assert parts == (thing.format(**said), expected.format(**said), got, fix)


def test_a_state_at_a_server_is_named_after_its_system(here):
    for store, named in {
        "redis://host:6379/0": "redis://host:6379/0?name=videos",
        "redis://host/0?timeout=50ms": "redis://host/0?timeout=50ms&name=videos",
        "redis://host/0?name=other": "redis://host/0?name=other",
    }.items():
        path = write(here / "x.toml", f'[dev]\n{SOURCES}store = "{store}"\n')
        assert load_profile(VIDEOS, path=path).store == named
