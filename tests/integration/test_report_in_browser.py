"""The report in a real browser, without a network: it is drawn whole and asks for nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[1] / "unit" / "dashboard" / "sample_summary.json"
BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("matplotlib")
    from heptad.dashboard import write

    summary = json.loads(SAMPLE.read_text(encoding="utf-8"))
    summary["title"] = "<script>document.title = 'broken in'</script>"
    return write(summary, tmp_path_factory.mktemp("report") / "report.html")


def open_in_browser(page: Path) -> tuple[str, set[str]]:
    """The page after the browser built it, and every address the page (not the browser itself) asked for."""
    log = page.with_suffix(".network.json")
    command = [
        str(BROWSER),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--no-first-run",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={page.parent / 'profile'}",
        f"--log-net-log={log}",
        "--dump-dom",
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    events = json.loads(log.read_text(encoding="utf-8"))["events"]
    started = [event.get("params", {}) for event in events]
    # The browser's own requests (its clock, its updates) carry no origin; those of a page carry the page's.
    return done.stdout, {
        request["url"]
        for request in started
        if "url" in request and request.get("initiator", "not an origin") != "not an origin"
    }


@pytest.fixture(scope="module")
def opened(report: Path) -> tuple[str, set[str]]:
    return open_in_browser(report)


def test_headings_plots_and_tables_are_there(opened: tuple[str, set[str]]) -> None:
    dom, _ = opened
    assert dom.count("<h2>") == 15
    assert dom.count("<svg ") == 10
    assert "The disease and the cure" in dom
    assert dom.count("<table>") >= 12


def test_no_script_ran(opened: tuple[str, set[str]]) -> None:
    dom, _ = opened
    assert "<title>videos · heptad report</title>" in dom
    assert "<script" not in dom


def test_nothing_was_asked_from_the_network(opened: tuple[str, set[str]], tmp_path: Path) -> None:
    _, asked = opened
    assert asked == set()
    greedy = tmp_path / "greedy.html"
    greedy.write_text("<img src='http://picture.invalid/a.png'>", encoding="utf-8")
    assert open_in_browser(greedy)[1] == {"http://picture.invalid/a.png"}  # the check can see a request
