"""Writes the generated parts of the READMEs anew: the declaration that runs, and the measured numbers.

python docs/readme.py
"""

from __future__ import annotations

import re
from typing import Any

from readme_rows import RESULTS, ROOT, measured, result


def declaration() -> str:
    """The shipped declaration, as it is in its file."""
    source = (ROOT / "src/heptad/systems/videos/system.py").read_text(encoding="utf-8")
    return f"```python\n{source.strip()}\n```"


def contenders() -> str:
    """The models of videos side by side, all requests and the two slices."""
    run = result("videos")
    names = list(run["metrics"])
    head = "| | " + " | ".join(names) + " |\n|---|" + "---|" * len(names) + "\n"
    rows = [("all requests, NDCG@10", run["metrics"], run["intervals"])]
    for name, part in run["slices"].items():
        rows.append((f"{name} ({part['n']:,} requests), NDCG@10", part["metrics"], part["intervals"]))
    lines = []
    for title, metrics, intervals in rows:
        cells = [f"{metrics[m]['ndcg@10']:.3f} [{_ends(intervals[m]['ndcg@10'])}]" for m in names]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    paired = [
        f"{row['model']} − {row['against']}: {row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
        for row in run["paired"]
    ]
    after = f"\n\nPaired differences of NDCG@10, 95 %: {'; '.join(paired)}. From the run kept in `{RESULTS}/videos.json`."
    return head + "\n".join(lines) + after


def _ends(interval: list[float]) -> str:
    return f"{interval[0]:.3f}, {interval[1]:.3f}"


def caught() -> str:
    """The models of fraud side by side on the default world, what the audit and the drill found, and how long."""
    run = result("fraud")
    ours, worth = run["metrics"]["heptad"], {name: row["kpi"] for name, row in run["kpi"]["by_model"].items()}
    shown = {"average_precision": "average precision", "auc": "AUC", "caught": "caught within the load"}
    precision = next(name for name in ours if name.startswith("precision@"))
    names = list(run["metrics"])
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for metric, title in {
        **shown,
        precision: precision.replace("@", " at "),
        "ece": "calibration error",
    }.items():
        cells = [
            f"{run['metrics'][name][metric]:.3f}" + _within(run["intervals"], name, metric) for name in names
        ]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    lines.append(
        "| loss prevented per 1,000 payments | " + " | ".join(f"{worth[n]:.0f}" for n in names) + " |"
    )
    differences = "; ".join(
        f"{row['metric'].replace('_', ' ')}, {row['model']} − {row['against']}: {row['difference']:+.3f}"
        f" [{row['low']:+.3f}, {row['high']:+.3f}]"
        for row in run["paired"] if row["against"] != "prior"
    )  # fmt: skip
    audit, latency, events = run["audit"], run["latency_ms"], run["drift"]["events"]
    story = "; ".join(f"{event['time'][:10]} {event['what']}" for event in events)
    return (
        "\n".join(lines)
        + f"\n\nPaired, 95 %: {differences}. Audit: {audit['compared']:,} served values recomputed,"
        f" {audit['mismatches']} wrong. Latency: p50 {latency['p50']:.1f} ms, p99 {latency['p99']:.1f} ms. Drill: {story}."
        f" {run['rows']['events']:,} events in {sum(run['seconds'].values()):.0f} s, report included."
        f" From the run kept in `{RESULTS}/fraud.json`."
    )


def _within(intervals: dict[str, Any], name: str, metric: str) -> str:
    found = intervals.get(name, {}).get(metric)
    return f" [{_ends(found)}]" if found and None not in found else ""


def anchor() -> str:
    """The published table beside heptad's, and the shipped system's model on the same rows."""
    run = result("fraud_anchor")
    published = {
        "logistic": (0.871, 0.606, 0.291), "forest": (0.867, 0.658, 0.287),
        "xgboost": (0.862, 0.639, 0.273), "lightgbm": (0.881, 0.607, 0.274),
    }  # fmt: skip

    def cells(values: Any) -> str:
        return " / ".join(f"{value:.3f}" for value in values)

    lines = [
        "| AUC / average precision / card precision at 100 | published | heptad's columns | at the default hop |",
        "|---|---|---|---|",
    ]
    for name, values in published.items():
        other = run["models_at_default_hop"][name]
        lines.append(f"| {name} | {cells(values)} | {cells(run['models'][name])} | {cells(other)} |")
    lines.append(f"| the shipped model, its own columns | | {cells(run['models']['heptad'])} | |")
    less = "; ".join(
        f"{name} {found['auc'][0]:+.3f} [{_signed(found['auc'][1:])}]"
        f" and {found['average_precision'][0]:+.3f} [{_signed(found['average_precision'][1:])}]"
        for name, found in run["heptad_less"].items()
    )
    took = run["features"]
    return (
        "\n".join(lines)
        + "\n\nThe shipped model, trained on the same week, less each of them, AUC and average precision,"
        f" 95 %, cards drawn again: {less}. The {took['columns']} columns of {took['rows']:,} payments take"
        f" {took['warm_s']:.1f} s warm, {took['cold_s']:.1f} s the first time, after {took['read_s']:.1f} s of reading."
        f" From `{RESULTS}/fraud_anchor.json`."
    )


def _signed(interval: list[float]) -> str:
    return f"{interval[0]:+.3f}, {interval[1]:+.3f}"


def searched() -> str:
    """The projection beside the frozen features and chance on Fashion-MNIST, and what the run took."""
    run = result("images")
    names = [name for name in run["metrics"] if name != "champion"]
    shown = {"precision@1": "precision at 1", "precision@10": "precision at 10", "recall@10": "recall at 10"}
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for metric, title in {**shown, "average_precision": "mAP"}.items():
        cells = [
            f"{run['metrics'][name][metric]:.3f}" + _within(run["intervals"], name, metric) for name in names
        ]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    differences = "; ".join(
        f"{row['metric'].replace('_', ' ').replace('@', ' at ')} {row['difference']:+.3f} [{_signed([row['low'], row['high']])}]"
        for row in run["paired"]
        if row["against"] == "frozen"
    )
    rows, index, latency = run["rows"], run["index"], run["latency_ms"]
    return (
        "\n".join(lines)
        + f"\n\n{rows['train']:,} pictures teach, {rows['test']:,} are queries. Paired against the frozen features, 95 %: {differences}."
        f" Index: recall at {index['k']} of {index['recall']:.3f} against numpy, a new picture found after"
        f" {index['freshness_ms']:.0f} ms (p99). Answers in the process: p50 {latency['p50']:.0f} ms, p99 {latency['p99']:.0f} ms."
        f" From the run kept in `{RESULTS}/images.json`."
    )


PARTS = {
    "README.md": {"declaration": declaration, "measured": measured},
    "src/heptad/systems/videos/README.md": {"measured": contenders},
    "src/heptad/systems/fraud/README.md": {"measured": caught, "anchor": anchor},
    "src/heptad/systems/images/README.md": {"measured": searched},
}


def renewed(file: str) -> str:
    """The file with its generated parts as they should be now."""
    text = (ROOT / file).read_text(encoding="utf-8")
    for name, make in PARTS[file].items():
        part = make()
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        text = re.sub(
            f"{begin}.*?{end}", lambda _, b=begin, p=part, e=end: f"{b}\n{p}\n{e}", text, flags=re.DOTALL
        )
    return text


def main() -> None:
    for file in PARTS:
        (ROOT / file).write_text(renewed(file), encoding="utf-8")


if __name__ == "__main__":
    main()
