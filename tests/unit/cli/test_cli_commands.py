"""explain, design, data and the profiles' options: what they print, and the files they write."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from heptad import catalogue
from heptad.cli.main import main
from heptad.plan.explain import explain
from heptad.run.target import load_target


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words):
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == 0, done.stderr
    return done


def refused(*words):
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == 2, done.stdout
    return done.stderr


def test_explain_prints_the_plan_and_writes_the_declaration(here):
    plan = load_target("videos").system.plan
    done = run("explain", "videos", "--json", "plan.json")
    assert done.stdout == explain(plan)
    written = json.loads((here / "plan.json").read_text(encoding="utf-8"))
    assert written["plan"]["hash"] == plan.hash
    assert [column["name"] for column in written["plan"]["columns"]] == [c.name for c in plan.columns]


def test_design_prints_the_document_before_the_first_run(here):
    document = run("design", "videos").stdout
    assert document.startswith("# videos: design")
    assert "not measured yet" in document
    for step in (
        "1 Requirements",
        "2 Framing",
        "3 Data",
        "4 Model",
        "5 Evaluation",
        "6 Serving",
        "7 Monitoring",
    ):
        assert f"## {step}" in document


def test_design_takes_the_numbers_of_the_last_run(here):
    summary = {"plan_hash": load_target("videos").system.plan.hash, "latency_ms": {"p50": 1.0, "p99": 2.0}}
    folder = here / ".heptad" / "videos"
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    done = run("design", "videos", "--out", "deep/design.md")
    assert done.stdout == "wrote deep/design.md\n"
    assert done.stderr == ""
    assert "p99 2.0 ms" in (here / "deep" / "design.md").read_text(encoding="utf-8")


def test_design_says_where_the_numbers_are_of_another_plan(here):
    (here / "old.json").write_text('{"plan_hash": "0123"}', encoding="utf-8")
    assert "another plan" in run("design", "videos", "--summary", "old.json").stderr


def test_design_refuses_a_summary_that_is_none(here):
    (here / "old.json").write_text("[1", encoding="utf-8")
    assert "expected a JSON object" in refused("design", "videos", "--summary", "old.json")
    (here / "old.json").write_text("[1]", encoding="utf-8")
    assert "got      list" in refused("design", "videos", "--summary", "old.json")
    assert "old.jsn" in refused("design", "videos", "--summary", "old.jsn")


def test_the_profile_is_read_before_anything_runs(here):
    assert "expected a table [prod]" in refused("run", "videos", "--profile", "prod")
    assert "no file x.toml" in refused("serve", "videos", "--config", "x.toml")
    assert "expected a table [prod]" in refused("check", "videos", "--profile", "prod")
    assert list(here.iterdir()) == []


def test_data_list_says_terms_and_whether_it_is_here(here, monkeypatch):
    monkeypatch.setenv("HEPTAD_DATA", str(here / "cache"))
    out = run("data", "list", "--json", "data.json").stdout
    listed = json.loads((here / "data.json").read_text(encoding="utf-8"))["datasets"]
    facts = next(one for one in listed if one["name"] == "movielens-100k")
    dataset = catalogue.describe("movielens-100k")
    assert (facts["name"], facts["licence"], facts["citation"]) == (
        dataset.name,
        dataset.licence,
        dataset.citation,
    )
    assert (facts["bytes"], facts["here"]) == (dataset.size, False)
    assert facts["sha256"]["ml-100k.item"] == dataset.files[1].sha256
    assert "movielens-100k" in out
    assert "2.1 MB" in out


@pytest.mark.slow  # fetches 2 MB where they are not here
def test_data_fetch_prints_terms_and_paths(here):
    files = catalogue.fetch("movielens-100k")
    done = run("data", "fetch", "movielens-100k", "--json", "fetched.json")
    written = json.loads((here / "fetched.json").read_text(encoding="utf-8"))
    assert written["paths"] == {name: str(path) for name, path in files.items()}
    lines = done.stdout.splitlines()
    assert f"licence   {written['licence']}" in lines
    assert f"citation  {written['citation']}" in lines
    assert all(f"  {path}" in lines for path in files.values())


def test_data_fetch_of_an_unknown_name(here):
    assert "fix      write 'movielens-100k'" in refused("data", "fetch", "movielens-100")
