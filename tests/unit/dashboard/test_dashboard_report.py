"""The report: complete, in order, self-contained, deterministic, and closed to markup in any text.

The numbers of ``sample_summary.json`` are invented; its shape is what a run writes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heptad.errors import DataError, MissingExtra

SAMPLE = Path(__file__).with_name("sample_summary.json")
ORDER = [
    "disease",
    "metrics",
    "slices",
    "calibration",
    "kpi",
    "gate",
    "latency",
    "audit",
    "drift",
    "requirements",
    "intake",
    "models",
    "plan",
    "seconds",
    "data",
]
HOSTILE = '</text></svg><script>alert(1)</script><img src=x onerror="alert(2)"> $\\frac{ \'"&\x00--!>漢字🙂'

pytest.importorskip("matplotlib")

from heptad.dashboard import render, write  # noqa: E402


class Page(HTMLParser):
    """What a browser's parser would meet: tags with their attributes, ids, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def attributes(self, tag: str, name: str) -> list[str]:
        """Every value of one attribute on one kind of tag."""
        return [
            value or ""
            for found, held in self.tags
            if found == tag
            for key, value in held.items()
            if key == name
        ]


@pytest.fixture(scope="module")
def sample() -> dict[str, Any]:
    return json.loads(SAMPLE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page(sample: dict[str, Any]) -> str:
    return render(sample)


def test_sections_come_in_order_and_in_the_contents(page: str) -> None:
    parsed = Page(page)
    assert parsed.attributes("section", "id") == ORDER
    assert parsed.attributes("a", "href") == ["#top", *(f"#{name}" for name in ORDER)]


def test_headline_answers_the_five_questions(page: str) -> None:
    head = " ".join(Page(page[: page.index("<section")]).text)
    for answer in ("passed", "0.1873", "item-based 0.1541", "of 196,630 compared", "17.5 ms", "4 of 6"):
        assert answer in head


def test_nothing_points_outside(page: str) -> None:
    parsed = Page(page)
    tags = {tag for tag, _ in parsed.tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "image", "foreignobject", "base"}
    held = [(key, value or "") for _, attributes in parsed.tags for key, value in attributes.items()]
    assert all(value.startswith("#") for key, value in held if key in ("href", "xlink:href", "src"))
    assert not any(key.startswith("on") for key, _ in held)
    assert set(re.findall(r"url\((.)", page)) <= {"#"}
    assert "@import" not in page
    assert parsed.attributes("meta", "http-equiv") == ["Content-Security-Policy"]


def test_ids_are_unique_and_every_reference_has_its_target(page: str) -> None:
    held = [(key, value or "") for _, attributes in Page(page).tags for key, value in attributes.items()]
    ids = [value for key, value in held if key == "id"]
    assert len(ids) == len(set(ids))
    used = [value[1:] for key, value in held if key in ("href", "xlink:href")]
    used += re.findall(r"url\(#([^)]*)\)", page)
    assert set(used) <= set(ids)


def test_every_plot_has_a_caption_and_a_spoken_name(page: str) -> None:
    parsed = Page(page)
    figures = page.count("<figure>")
    assert figures == page.count("<figcaption>") == len(parsed.attributes("svg", "role")) == 10
    assert all(len(name) > 20 for name in parsed.attributes("svg", "aria-label"))


def test_colours_of_plots_are_the_pages(page: str) -> None:
    drawings = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert "var(--accent)" in drawings
    assert set(re.findall(r"#[0-9a-f]{6}\b", drawings)) == set()


def test_size_and_equal_bytes_in_another_process(page: str) -> None:
    assert len(page.encode()) < 2_000_000
    program = (
        "import json, sys, hashlib; from heptad.dashboard import render;"
        "page = render(json.load(open(sys.argv[1], encoding='utf-8')));"
        "print(hashlib.sha256(page.encode()).hexdigest(), hashlib.sha256(render({}).encode()).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "99"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(SAMPLE)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    import hashlib

    expected = [hashlib.sha256(one.encode()).hexdigest() for one in (page, render({}))]
    assert done.stdout.split() == expected


def test_a_missing_key_is_a_missing_section(sample: dict[str, Any]) -> None:
    assert Page(render({})).attributes("section", "id") == []
    for key in sample:
        parsed = Page(render({key: sample[key]}))
        assert len(parsed.attributes("section", "id")) <= 1
    without = Page(render({key: value for key, value in sample.items() if key != "metrics"}))
    assert without.attributes("section", "id") == [name for name in ORDER if name != "metrics"]


def changed(value: Any, change: Callable[[Any], Any], keys: Callable[[str], str] = str) -> Any:
    """The same structure with every leaf changed."""
    if isinstance(value, dict):
        return {keys(key): changed(held, change, keys) for key, held in value.items()}
    if isinstance(value, list):
        return [changed(held, change, keys) for held in value]
    return change(value)


@pytest.mark.parametrize("unknown", [None, float("nan"), float("inf")])
def test_unknown_numbers_are_dashes(sample: dict[str, Any], unknown: float | None) -> None:
    shown = changed(sample, lambda leaf: unknown if type(leaf) in (int, float) else leaf)
    shown["latency_ms"]["histogram"] = {"edges_ms": [], "counts": []}
    page = render(shown)
    seen = "".join(Page(page[page.index("<body>") :]).text)
    assert "–" in seen
    assert not re.search(r"\b(nan|inf|None)\b", seen)
    assert Page(page).attributes("section", "id") == [name for name in ORDER if name != "seconds"]


def test_numpy_numbers_are_numbers(sample: dict[str, Any]) -> None:
    kinds = {int: np.int64, float: np.float64, bool: np.bool_}
    assert render(changed(sample, lambda leaf: kinds.get(type(leaf), lambda x: x)(leaf))) == render(sample)


def hostile(text: Any) -> Any:
    """Poison a text unless it is a time, which is parsed, or a name the renderer looks for."""
    kept = isinstance(text, str) and re.match(r"\d{4}-\d\d-\d\dT|ndcg@10$|logloss$|heptad$|p99$|50ms$", text)
    return HOSTILE + text if isinstance(text, str) and not kept else text


def poisoned_keys(sample: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Sections whose keys are names that users choose."""
    for name in ("metrics", "intervals", "calibration", "seconds"):
        yield name, {HOSTILE + key: value for key, value in sample[name].items()}
    yield "slices", {HOSTILE: sample["slices"]["cold start"]}
    yield "kpi", {**sample["kpi"], "by_model": {HOSTILE: {"loss": 1.0, "kpi": 2.0}}}
    stages = {HOSTILE: {"p50": 1.0, "p99": 2.0}}
    yield "latency_ms", {**sample["latency_ms"], "stages": stages}
    yield "models", [{"version": HOSTILE, "lineage": {HOSTILE: HOSTILE}}]


def test_hostile_texts_stay_text(sample: dict[str, Any]) -> None:
    harmless = {tag for tag, _ in Page(render(sample)).tags}
    poisoned = {**changed(sample, hostile), **dict(poisoned_keys(changed(sample, hostile)))}
    page = render(poisoned)
    parsed = Page(page)
    assert Page(page).attributes("section", "id") == ORDER
    assert {tag for tag, _ in parsed.tags} <= harmless
    assert not any(key.startswith("on") for _, attributes in parsed.tags for key in attributes)
    assert "<script" not in page
    assert "\x00" not in page
    assert "<script>alert(1)</script>" in "".join(parsed.text)


@pytest.mark.parametrize(
    ("summary", "path"),
    [
        ({"gate": 3}, "summary.gate"),
        ({"paired": {"metric": "x"}}, "summary.paired"),
        ({"paired": ["x"]}, "summary.paired"),
        ({"metrics": {"heptad": {"auc": "high"}}}, r"summary.metrics.heptad.auc"),
        ({"gate": {"passed": "yes"}}, "summary.gate.passed"),
        ({"latency_ms": {"histogram": {"edges_ms": [1, None], "counts": [1]}}}, "edges_ms"),
        ({"disease": {"rows": [{"name": "x", "offline": 1, "offline_interval": [1]}]}}, "offline_interval"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(summary: dict[str, Any], path: str) -> None:
    with pytest.raises(DataError, match=path):
        render(summary)


def test_lower_is_better_turns_the_gap_and_auc_starts_at_chance() -> None:
    row = {"name": "naive", "offline": 0.60, "replayed": 0.75}
    lossy = render({"disease": {"metric": "logloss", "rows": [row]}})
    assert "−0.1500" in lossy
    assert "chance" not in lossy
    assert "the axis starts at chance, 0.5" in render({"disease": {"metric": "auc", "rows": [row]}})


def test_write_is_whole_or_not_at_all(tmp_path: Path, sample: dict[str, Any], page: str) -> None:
    path = write(sample, tmp_path / "runs" / "report.html")
    assert path.read_text(encoding="utf-8") == page
    with pytest.raises(DataError):
        write({"gate": 3}, path)
    assert path.read_text(encoding="utf-8") == page
    assert [entry.name for entry in path.parent.iterdir()] == ["report.html"]


def test_without_matplotlib_the_error_holds_the_fix(
    monkeypatch: pytest.MonkeyPatch, sample: dict[str, Any]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"pip install 'heptad\[report\]'"):
        render(sample)


def test_importing_the_room_loads_no_plotting() -> None:
    program = (
        "import sys, heptad.dashboard; print(sorted({'matplotlib', 'scipy', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "summary",
    [
        {"metrics": {"only": {"ndcg@10": 0.0}}},
        {"metrics": {"only": {}}, "paired": [{"metric": "auc", "against": "x", "difference": 0.0}]},
        {"metrics": {"m": {"auc": 0.5}}, "intervals": {"m": {"auc": [None, 0.6]}}},
        {"disease": {"metric": "auc", "rows": [{"name": "heptad"}, {"name": "naive", "offline": 0.5}]}},
        {"kpi": {"name": "revenue", "by_model": {"only": {"loss": 0.1, "kpi": -3.0}}}},
        {"kpi": {"by_model": {"a": {"loss": 0.1}}}},
        {"calibration": {"m": [{"predicted": 0.0, "observed": 0.0, "n": 1}], "none": []}},
        {"calibration": {"m": [{"predicted": 1.0, "observed": 1.0, "n": 3}]}},
        {"latency_ms": {"p50": 0.0, "p99": 0.0, "histogram": {"edges_ms": [0, 1], "counts": [0]}}},
        {"latency_ms": {"stages": {"a": {"p50": 0.0, "p99": 0.0}}}},
        {"latency_ms": {"p99": 1e6, "histogram": {"edges_ms": [0.001, 1e6], "counts": [3]}}},
        {"requirements": [{"name": "p99", "target": "soon"}], "latency_ms": {"p99": 2.0}},
        {"drift": {"columns": [{"name": "x", "psi": 0.0, "threshold": None, "drifted": False}]}},
        {"drift": {"timeline": [{"time": "2020-01-01T00:00:00Z", "max_psi": 0.0}]}},
        {"drift": {"events": [{"time": "2020-01-01T00:00:00Z", "what": "retrain"}]}},
        {"audit": {"compared": 0, "equal": 0, "mismatches": 0}},
        {"slices": {"empty": {}}},
        {"seconds": {"data": 0.0}},
    ],
    ids=lambda summary: "-".join(summary),
)
def test_degenerate_numbers_are_drawn(summary: dict[str, Any]) -> None:
    assert len(Page(render(summary)).attributes("section", "id")) >= 1
