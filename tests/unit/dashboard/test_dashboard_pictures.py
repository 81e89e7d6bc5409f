"""The pictures of a search: each query with what it found, as small pictures in the page itself."""

from __future__ import annotations

import pytest

from heptad.dashboard.reading import Part
from heptad.dashboard.sections.pictures import index, pictures
from heptad.errors import DataError

SMALL = "data:image/jpeg;base64,/9j/"
QUERY = {
    "key": "7", "kind": "bag", "picture": SMALL,
    "found": [
        {"key": "8", "kind": "bag", "picture": SMALL, "cosine": 0.98, "alike": True},
        {"key": "9", "kind": "<shoe>", "picture": SMALL, "cosine": 0.5, "alike": False},
    ],
}  # fmt: skip


def test_a_run_without_pictures_has_no_such_section():
    assert pictures(Part({})) is None
    assert index(Part({})) is None


def test_each_query_stands_before_what_it_found():
    section = pictures(Part({"pictures": {"column": "kind", "queries": [QUERY, QUERY]}}))
    assert section.body.count(f'<img src="{SMALL}"') == 6
    assert "2 held-out pictures" in section.lead
    assert "2 of 4 results have the query&#x27;s kind" in section.html()
    assert "✓ 0.98" in section.body
    assert "✗ 0.50 &lt;shoe&gt;" in section.body
    assert "<shoe>" not in section.body


@pytest.mark.parametrize(
    "address", ["https://elsewhere.example/a.jpg", "javascript:alert(1)", "data:text/html,x", ""]
)
def test_a_picture_from_elsewhere_is_not_asked_for(address):
    section = pictures(
        Part({"pictures": {"column": "kind", "queries": [QUERY | {"picture": address, "found": []}]}})
    )
    assert "src=" not in section.body


def test_the_index_says_its_version_and_its_recall():
    found = index(
        Part({"index": {"items": 6000, "size": 128, "version": "net-1+abc", "exact": True, "k": 100, "queries": 300,
                        "recall": 1.0, "low": 1.0, "high": 1.0, "freshness_ms": 12.0,
                        "approximate": {"recall": 0.97, "low": 0.96, "high": 0.98}}})
    )  # fmt: skip
    assert "6,000 vectors of 128 numbers; every search is exact" in found.lead
    assert "net-1+abc" in found.body
    assert "Recall of the 100 nearest" in found.body
    assert "An approximate index of the same vectors, as a larger table gets, has 0.97" in found.body


def test_a_wrong_kind_is_named():
    with pytest.raises(DataError, match=r"summary\.pictures\.queries"):
        pictures(Part({"pictures": {"queries": "none"}}))
