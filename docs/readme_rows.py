"""The rows of README's table of numbers: what was measured, and the command that measures it again.

The numbers come from benchmarks/results/: videos.json, fraud.json and images.json are summaries of `heptad run`, the others are
written by `make bench`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = "benchmarks/results"


def result(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def measured() -> str:
    """One row per number, each with the command that reproduces it and a link to where it is kept."""
    rows = [
        *_of_run(result("videos")),
        *_of_fraud(result("fraud_anchor")),
        *(row for store in ("", "_redis") for row in _of_read(f"feature_read{store}")),
        *_of_trees(result("trees")),
        *(row for store in ("", "_redis") for row in _of_rank(f"rank_request{store}")),
        *(row for store in ("", "_redis") for row in _of_freshness(f"freshness{store}")),
        *_of_soak(),
        *_of_retrieval(),
        *_of_scale(),
    ]
    rows += [*_of_training_set(result("training_set")), *_of_lookup(result("lookup_join"))]
    for name in ("out_of_core", "out_of_core_20gb"):
        rows += _of_out_of_core(name, result(name))
    rows += [row for store in ("", "_redis") for row in _of_ingest(f"ingest{store}")]
    rows += _of_weight(result("weight"))
    head = "| what | measured | command |\n|---|---|---|\n"
    return head + "\n".join(f"| {what} | {value} | {command} |" for what, value, command in rows)


def _of_run(run: dict[str, Any]) -> list[tuple[str, str, str]]:
    command = f"[`heptad run videos`]({RESULTS}/videos.json)"
    ours, ends = run["metrics"]["heptad"], run["intervals"]["heptad"]["ndcg@10"]
    others = ", ".join(
        f"{name} {scores['ndcg@10']:.3f}" for name, scores in run["metrics"].items() if "auc" not in scores
    )
    audit, latency = run["audit"], run["latency_ms"]
    disease = next(row for row in run["disease"]["rows"] if row["name"].startswith("leak"))
    shown = f"{ours['ndcg@10']:.3f} [{ends[0]:.3f}, {ends[1]:.3f}]"
    return [
        ("NDCG@10, prequential, full ranking (95 % interval)", f"{shown}; {others}", command),
        ("the same model with an event-time leak: offline, then replayed",
         f"{disease['offline']:.3f}, {disease['replayed']:.3f}", command),
        ("served values recomputed by the oracle; wrong", f"{audit['compared']:,}; {audit['mismatches']}", command),
        (f"rank request in process, one after the other, {latency['requests']} of them,"
         f" {latency['fallbacks']} by the fallback: p50, p99",
         f"{latency['p50']:.1f} ms, {latency['p99']:.1f} ms", command),
        ("whole loop, warm, the sum of its stages", f"{sum(run['seconds'].values()):.0f} s", command),
    ]  # fmt: skip


def _kept(name: str) -> bool:
    """Whether the result of a benchmark has been kept."""
    return (ROOT / RESULTS / f"{name}.json").is_file()


def _made_by(name: str, target: str, store: str) -> str:
    """The command behind a result, linked to it: ``make bench`` measures the embedded store."""
    script = f"python benchmarks/{name.removesuffix('_redis')}.py --store redis"
    return f"[`{f'make bench B={target}' if store == 'embedded' else script}`]({RESULTS}/{name}.json)"


def _of_read(name: str) -> list[tuple[str, str, str]]:
    if not _kept(name):
        return []
    read = result(name)
    store = read.get("store", "embedded")
    command, feast = _made_by(name, "B5", store), "feast_redis" if store == "redis" else "feast_sqlite"
    ours = {keys: found["heptad"] for keys, found in read["contenders"].items()}
    value = "; ".join(
        f"{keys.split()[0]}: {one['p50_ms']:.2f} ms, {one['p99_ms']:.2f} ms" for keys, one in ours.items()
    )
    times = ", ".join(f"{ratio['p50'][feast]:.0f} ×" for ratio in read["ratio"].values())
    rows = [
        (f"feature read, keys × 50 windowed features, every record from the {store} store: p50, p99", value, command),
        (f"the same by Feast's SDK on {feast.partition('_')[2].replace('sqlite', 'SQLite').replace('redis', 'Redis')}:"
         " p50 as a multiple", times, command),
    ]  # fmt: skip
    held = {
        keys: found["heptad_held"] for keys, found in read["contenders"].items() if "heptad_held" in found
    }
    if held:
        value = "; ".join(
            f"{keys.split()[0]}: {one['p50_ms']:.2f} ms, {one['p99_ms']:.2f} ms" for keys, one in held.items()
        )
        rows.append(("the same with words held from read to read, as it is served: p50, p99", value, command))
    return rows


def _of_trees(trees: dict[str, Any]) -> list[tuple[str, str, str]]:
    load, name = trees["load"], "counts, 500 rows"
    what = f"{load['candidates']} candidates × {load['columns']} features through {load['trees']} trees of {load['leaves']} leaves"
    found = trees["contenders"][name]
    same = {one: said for one, said in found.items() if one != "xgboost_own_trees"}
    value = f"{found['heptad']['cpu_ms']:.2f} ms ({_others(same, trees['ratio'][name])})"
    return [(f"{what}: CPU of one thread", value, f"[`make bench B=trees`]({RESULTS}/trees.json)")]


def _of_rank(name: str) -> list[tuple[str, str, str]]:
    """Nothing where the benchmark of this store has not been kept."""
    if not _kept(name):
        return []
    found = result(name)
    load, ours = found["load"], found["contenders"]["heptad"]
    what = (
        f"rank request over HTTP, {load['candidates']} candidates × {load['model_columns']} features, {load['trees']} trees,"
        f" {load['store']} store{_served(load)}: saturating rate; p50, p99 at half of it ({ours['requests']:,} requests, open loop)"
    )
    value = f"{ours['saturating_rate']:.0f} per second; {ours['p50_ms']:.1f} ms, {ours['p99_ms']:.1f} ms"
    if steady := found.get("at_150"):
        value += f"; at 150 per second {steady['p50_ms']:.1f} ms, {steady['p99_ms']:.1f} ms"
    others = ", ".join(f"{one} {ratio['rate']:.0f} × less" for one, ratio in found["ratio"].items())
    command = _made_by(name, "B6", load["store"])
    return [(what, f"{value} ({others})" if others else value, command)]


def _served(load: dict[str, Any]) -> str:
    """How the server was started, where that was not by its defaults."""
    return f", `{load['serve']}`" if load["serve"] else ""


def _of_freshness(name: str) -> list[tuple[str, str, str]]:
    if not _kept(name):
        return []
    found = result(name)
    load, seen = found["load"], found["freshness"]["visible_ms"]
    what = (
        f"event due to the end of a read that knows it, {load['store']} store{_served(load)}, beside"
        f" {load['requests_per_second']:.0f} rank requests and {load['events_per_second']:g} events a second: p50, p99"
    )
    command = _made_by(name, "B7", load["store"])
    return [(what, f"{seen['p50']:.1f} ms, {seen['p99']:.1f} ms", command)]


def _of_soak() -> list[tuple[str, str, str]]:
    if not _kept("soak"):
        return []
    found = result("soak")
    load, memory, asked = found["load"], found["memory"], found["requests"]
    failed = sum(asked["failed"].values()) + sum(found["freshness"]["failed"].values())
    what = (
        f"{load['minutes']:g} minutes of {load['rate']:.0f} rank requests and {load['events_per_second']:g} events a"
        f" second{_served(load)}: errors; fallbacks; memory; p99"
    )
    value = (
        f"{failed} of {asked['requests']:,}; {found['fallback_share']:.2%};"
        f" {memory['mb_per_hour']:+.1f} ± {memory['error']:.1f} MB an hour; {asked['latency_ms']['p99']:.1f} ms"
    )
    return [(what, value, f"[`make bench B=soak`]({RESULTS}/soak.json)")]


def _of_retrieval() -> list[tuple[str, str, str]]:
    if not _kept("retrieval"):
        return []
    found = result("retrieval")
    rows = []
    for kind, sides in found["sets"].items():
        ours = sides["heptad"]
        value = "; ".join(
            f"{name}: {ours['recall'][name]:.3f}, {one['p99_ms']:.1f} ms"
            for name, one in ours["filters"].items()
        )
        what = f"nearest 100 of {found['load']['items']:,} × {found['load']['dimension']} vectors, {kind}, by filter: recall, p99"
        rows.append((what, value, f"[`make bench B=B8`]({RESULTS}/retrieval.json)"))
    return rows


def _of_scale() -> list[tuple[str, str, str]]:
    if not _kept("scale_out"):
        return []
    found = result("scale_out")["scaled"]
    rows = []
    for what, one in found.items():
        by = "worker" if "requests" in what else "partition"
        value = (
            f"{one['rate_by_1']:,.0f}; {one['rate_by_2']:,.0f}; efficiency {one['efficiency']:.2f}, predicted"
            f" {one['predicted_by_2']:,.0f}"
        )
        rows.append(
            (f"{what}, 1 {by}; 2 {by}s on 2 cores", value, f"[`make bench B=B11`]({RESULTS}/scale_out.json)")
        )
    return rows


def _of_weight(weight: dict[str, Any]) -> list[tuple[str, str, str]]:
    command = f"[`make bench B=B9`]({RESULTS}/weight.json)"
    seconds = weight["seconds"]
    return [
        ("`import heptad`; `heptad --help`",
         f"{seconds['import heptad']['median']:.2f} s; {seconds['heptad --help']['median']:.2f} s", command),
        ("installed core", f"{weight['installed_mb']['core']:.0f} MB", command),
    ]  # fmt: skip


def _of_training_set(built: dict[str, Any]) -> list[tuple[str, str, str]]:
    load = built["load"]
    size = f"{load['events'] / 1e6:g}M events, {load['rows'] / 1e6:g}M rows × {load['columns']} columns"
    parts = []
    for keys, found in built["contenders"].items():
        others = _others(found, built["ratio"][keys])
        parts.append(f"{keys} keys {found['heptad']['seconds']:.2f} s ({others})")
    command = f"[`make bench B=B1`]({RESULTS}/training_set.json)"
    return [(f"training set, memory to memory, {size}", "; ".join(parts), command)]


def _of_lookup(joined: dict[str, Any]) -> list[tuple[str, str, str]]:
    found = joined["contenders"]
    what = "point-in-time lookup, 5 tables × 2M rows × 10 columns, 100k label rows, from Parquet"
    value = f"{found['heptad']['seconds']:.2f} s ({_others(found, joined['ratio'])})"
    return [(what, value, f"[`make bench B=B2`]({RESULTS}/lookup_join.json)")]


def _of_out_of_core(name: str, built: dict[str, Any]) -> list[tuple[str, str, str]]:
    parts = []
    for size, load in built["loads"].items():
        one = load["contenders"]["heptad"]
        others = f" ({_others(load['contenders'], load['ratio'])})" if load["ratio"] else ""
        parts.append(f"{size} {one['seconds']:.0f} s, {one['peak_mb'] / 1e3:.2f} GB{others}")
    what = f"out of core, Parquet to Parquet, 40 features over 3 keys, limit {built['memory']}: time, peak"
    command = (
        "make bench B=B3"
        if name == "out_of_core"
        else "python benchmarks/out_of_core.py --gigabytes 20 --memory 2GB"
    )
    return [(what, "; ".join(parts), f"[`{command}`]({RESULTS}/{name}.json)")]


def _others(found: dict[str, Any], ratio: dict[str, float]) -> str:
    """How many times longer each other took; those that failed or were wrong say so."""
    said = []
    for name, one in found.items():
        if name != "heptad":
            wrong = "" if one["correct"].startswith("yes") else ", wrong" if "failed" not in one else ""
            said.append(f"{name} failed" if "failed" in one else f"{name} {ratio[name]:.1f} ×{wrong}")
    return ", ".join(said)


def _of_fraud(anchor: dict[str, Any]) -> list[tuple[str, str, str]]:
    command = f"[`python benchmarks/fraud_anchor.py PAYMENTS.parquet`]({RESULTS}/fraud_anchor.json)"
    features, models = anchor["features"], anchor["models"]
    shown = "; ".join(f"{name} {scores[0]:.3f}, {scores[1]:.3f}" for name, scores in models.items())
    what = f"fraud features, {features['rows'] / 1e6:.2f}M payments × {features['computed']} columns, warm"
    return [
        ("fraud, the Handbook's protocol: AUC, average precision", shown, command),
        (what, f"{features['warm_s']:.1f} s", command),
    ]


def _of_ingest(name: str) -> list[tuple[str, str, str]]:
    if not _kept(name):
        return []
    ingest = result(name)
    found, store = ingest["contenders"], ingest["load"].get("store", "embedded")
    names = {"heptad": "rows", "heptad_columns": "columns", "heptad_backfill": "backfill"}
    rates = ", ".join(
        f"{form} {1e3 / found[key]['us_per_event']:.0f}k" for key, form in names.items() if key in found
    )
    peers = {one: said for one, said in found.items() if one not in names or one == "heptad"}
    state = "synced log and state" if store == "embedded" else "synced log, states in Redis"
    what = f"ingest, {ingest['load']['features']} features, {state}: events per second"
    value = f"{rates} ({_others(peers, ingest['ratio'])})" if len(peers) > 1 else rates
    return [(what, value, _made_by(name, "B4", store))]
