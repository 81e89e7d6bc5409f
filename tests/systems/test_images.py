"""``heptad run images`` and ``heptad serve images`` on 400 pictures, through the real command line."""

from __future__ import annotations

import base64
import json
import subprocess
import sys

import httpx
import numpy as np
import pytest

from heptad.models.vision.picture import png
from heptad.systems.images import data

pytestmark = pytest.mark.slow
_PATIENCE = 300  #: seconds; a bound for a hanging test, not a wait


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    for module in ("onnxruntime", "torch", "onnx", "onnxscript", "PIL", "matplotlib"):
        pytest.importorskip(module, reason=f"{module} is not installed")
    directory = tmp_path_factory.mktemp("images")
    command = [
        sys.executable,
        "-m",
        "heptad.cli.main",
        "run",
        "images",
        "--profile",
        "small",
        "--json",
        "run.json",
    ]
    done = subprocess.run(
        command,
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (directory / "out.txt").write_text(done.stdout, encoding="utf-8")
    return directory


@pytest.fixture(scope="module")
def summary(home):
    return json.loads((home / "run.json").read_text(encoding="utf-8"))


def test_the_split_is_by_the_keys_hash(summary):
    assert summary["rows"] == {"pictures": 400, "train": 312, "test": 88, "requests": 88}


@pytest.mark.parametrize("metric", ["precision@10", "average_precision"])
def test_the_projection_beats_the_frozen_features_even_here(summary, metric):
    (row,) = [r for r in summary["paired"] if (r["metric"], r["against"]) == (metric, "frozen")]
    assert row["low"] > 0, row
    assert summary["gate"]["passed"]


def test_the_index_is_tagged_and_finds_what_an_exact_search_finds(summary):
    index = summary["index"]
    assert index["recall"] == 1.0
    assert index["items"] == 400
    assert index["version"].startswith("efficientnet-lite0-579344248a93-")


def test_the_report_shows_queries_and_results_as_pictures(home, summary):
    queries = summary["pictures"]["queries"]
    assert len(queries) >= 8
    for query in queries:
        assert query["key"] not in {hit["key"] for hit in query["found"]}
    page = (home / ".heptad/images/report.html").read_text(encoding="utf-8")
    assert page.count('<img src="data:image/jpeg;base64,') == sum(
        1 + len(query["found"]) for query in queries
    )
    assert len(page) < 1_000_000


def test_every_requirement_was_measured(summary):
    assert [row["name"] for row in summary["requirements"]] == [
        "p99",
        "qps",
        "candidates",
        "freshness",
        "kpi",
    ]


def test_the_champion_is_served(home, summary):
    command = [
        sys.executable,
        "-m",
        "heptad.cli.main",
        "serve",
        "images",
        "--profile",
        "small",
        "--port",
        "0",
    ]
    with subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = next(line.split()[1] for line in process.stdout if line.startswith("ready"))
            picture = data.fashion(10)["photo"].to_pylist()[0]
            found = httpx.post(f"{url}/search?n=5&category=shoes", content=picture, timeout=_PATIENCE).json()
            assert [row["category"] for row in found["items"]] == ["shoes"] * 5
            assert found["embedding"] == summary["index"]["version"]
            assert httpx.post(f"{url}/search", content=b"no picture", timeout=_PATIENCE).status_code == 422
            row = {"product": 10**9, "kind": "sneaker", "category": "shoes", "colour": None}
            row["photo"] = base64.b64encode(png(np.full((28, 28), 90, np.uint8))).decode()
            posted = httpx.post(f"{url}/events/Product", json=row, timeout=_PATIENCE).json()
            assert posted == {"events": [{"offset": 0, "verdict": "accepted"}]}
            found = httpx.post(f"{url}/search?n=1", content=base64.b64decode(row["photo"]), timeout=_PATIENCE)
            assert found.json()["items"][0]["product"] == 10**9
            assert 'heptad_stage_seconds_count{stage="embed"}' in httpx.get(f"{url}/metrics").text
        finally:
            process.terminate()
        assert process.wait(_PATIENCE) == 0


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["serve", "images", "--workers", "2"], "leave --workers out"),
        (["why", "images", "--last"], "a search by pictures, which logs the rows that were posted, and no searches"),
    ],
)  # fmt: skip
def test_what_a_search_does_not_do_says_what_to_do(home, command, said):
    whole = [sys.executable, "-m", "heptad.cli.main", *command, "--profile", "small"]
    done = subprocess.run(whole, cwd=home, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
