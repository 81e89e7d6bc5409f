"""The deployment that B6, B7 and the soak load: a history, a fixed model, and `heptad serve` in a process of its own.

Everything is drawn by a seed and ends a moment before it is made, since the server's clock is the wall's. The trees are
trained once, on features as they are served and a made-up label of their counts, and are the same file for everybody.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from heptad.models.encoder import Encoder
from heptad.models.gbdt import GBDT
from heptad.registry.registry import Registry
from heptad.registry.version import Lineage
from heptad.retrieval.fit import fit_retriever
from heptad.run.profile import Profile, load_profile
from heptad.run.serve import forget, service
from heptad.run.target import Target, load_target
from heptad.serving.scorer import Scorer
from heptad.serving.service import Service
from heptad.serving.underway import STAGES
from heptad.times import DAY, SECOND

HERE = Path(__file__).parent
SYSTEM = HERE / "rank_system.py"
#: heptad's sources of this tree.
SOURCE = HERE.parent / "src"
DEVICES, CATEGORIES, DAYS = ("phone", "laptop", "tablet"), 40, 30
TREES, LEAVES = 200, 63
MODEL_USERS, MODEL_ITEMS = 100, 500
#: The niceness of the generator of load.
PRECEDENCE = -10
#: A rate is beyond saturation where its p99 is longer, whatever its answers per second.
SLOW = "250ms"


def zipf(draw: np.random.Generator, of: int, n: int) -> Any:
    """``n`` of ``of`` things, thing i as often as 1/(i + 1)."""
    share = 1.0 / np.arange(1, of + 1)
    return draw.choice(of, n, p=share / share.sum())


def write_history(folder: Path, events: int, users: int, items: int) -> None:
    """Items, and views of them over the last 30 days, in the order of time."""
    draw = np.random.default_rng(7)
    category = [f"c{number:02d}" for number in draw.integers(CATEGORIES, size=items)]
    pq.write_table(
        pa.table(
            {
                "item": np.arange(items),
                "category": category,
                "price": np.round(draw.lognormal(3, 1, items), 2),
            }
        ),
        folder / "items.parquet",
    )
    end = time.time_ns() // 1_000 - SECOND
    pq.write_table(
        pa.table(
            {
                "view": np.arange(events),
                "ts": np.sort(end - draw.integers(0, DAYS * DAY, events)),
                "user": zipf(draw, users, events),
                "item": zipf(draw, items, events),
                "device": draw.choice(DEVICES, events),
                "seconds": np.round(draw.exponential(25.0, events), 1),
            }
        ),
        folder / "views.parquet",
    )


def deployment(folder: Path, store: str) -> tuple[Target, Profile]:
    """The system and its profile in ``folder``."""
    (folder / "heptad.toml").write_text(
        f'[dev]\nclock = "wall"\nlog = "{folder}/log"\nstore = "{store}"\nregistry = "{folder}/registry"\n'
        f'Item = "{folder}/items.parquet"\nView = "{folder}/views.parquet"\n',
        encoding="utf-8",
    )
    target = load_target(str(SYSTEM))
    return target, load_profile(target, "dev", folder / "heptad.toml")


def prepare(folder: Path, *, events: int, users: int, items: int, store: str) -> dict[str, Any]:
    """History in the log and the state, a model in the registry as champion, requests in bodies.jsonl."""
    write_history(folder, events, users, items)
    target, profile = deployment(folder, store)
    forget(profile)
    begin = time.perf_counter()
    with service(target, profile, say=lambda text: None) as running:
        loaded = time.perf_counter() - begin
        scorer = made(target, running, folder, users, items)
    registry = Registry(profile.registry)
    now, plan = time.time_ns() // 1_000, target.system.plan
    lineage = Lineage("made up", plan.hash, "benchmarks", scorer.trained_through)
    version = registry.register(
        target.name, scorer.save, metrics={}, lineage=lineage, time=now, reason="benchmark"
    )
    registry.promote(target.name, version.name, time=now, reason="benchmark")
    draw = np.random.default_rng(1)
    seen = pq.read_table(folder / "views.parquet", columns=["user"]).column("user").to_numpy()
    bodies = [  # of users with a history: the answer to others is a fallback by design
        {"user": int(user), "context": {"device": str(draw.choice(DEVICES))}}
        for user in draw.choice(seen, 5_000)
    ]
    (folder / "bodies.jsonl").write_text("\n".join(map(json.dumps, bodies)) + "\n", encoding="utf-8")
    views = [
        {
            "view": 0, "ts": 0, "user": int(u), "item": int(i), "device": "phone",
            "seconds": float(round(draw.exponential(25.0), 1)),
        }
        for u, i in zip(zipf(draw, users, 5_000), zipf(draw, items, 5_000), strict=True)
    ]  # fmt: skip
    (folder / "views.jsonl").write_text("\n".join(map(json.dumps, views)) + "\n", encoding="utf-8")
    return {"history_seconds": round(loaded, 1), "model_columns": len(scorer.encoder.names)}


def made(target: Target, running: Service, folder: Path, users: int, items: int) -> Scorer:
    """Trees on features as they are read now, of a label made of their counts; sources from the history."""
    draw = np.random.default_rng(3)
    views = pq.read_table(folder / "views.parquet", columns=["user", "item"])
    system, through = target.system, time.time_ns() // 1_000
    serving = system.retrieval
    retriever = fit_retriever(
        serving.candidates, views.column("user").to_numpy(), views.column("item").to_numpy(),
        trained_through=through, total=system.requirements.candidates, catalogue=list(range(items)),
    )  # fmt: skip
    parts = []
    for user in zipf(draw, users, MODEL_USERS).tolist():
        some = draw.choice(items, min(MODEL_ITEMS, items), replace=False)
        scores = {
            "score:popular": draw.poisson(20, len(some)) * 1.0, "score:covisited": draw.exponential(0.1, len(some))
        }  # fmt: skip
        given = {"user": user, "item": some.tolist(), "device": str(draw.choice(DEVICES))}
        parts.append(running.features(given | {name: s.tolist() for name, s in scores.items()}).values)
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    kinds = {c.name: c.holds for c in system.plan.columns if c.holds != "list"}
    encoder = Encoder.fit(columns, kinds, through)  # type: ignore[arg-type]
    x = encoder.transform(columns)
    filled = np.nan_to_num(x)
    pull = np.log1p(np.abs(filled)) @ draw.normal(0, 1, x.shape[1])
    label = (pull + draw.normal(0, pull.std(), len(pull)) > np.median(pull)).astype(np.float64)
    model = GBDT(trees=TREES, leaves=LEAVES, threads=1).fit(x, label)
    np.savez(folder / "model_rows.npz", x=x[:2_000])
    return Scorer(encoder, model, retriever, system.plan.hash)


def of_source(source: Path) -> dict[str, str]:
    """The environment of a process that loads heptad from there."""
    return os.environ | {"PYTHONPATH": str(source)}


@contextmanager
def server(
    folder: Path, *, deadline: str = "2s", words: tuple[str, ...] = (), source: Path = SOURCE
) -> Iterator[tuple[str, int]]:
    """`heptad serve` on the prepared folder: its address and its process id; stopped at the end."""
    command = [
        sys.executable, "-c", "from heptad.cli.main import main; main()", "serve", str(SYSTEM),
        "--config", str(folder / "heptad.toml"), "--port", "0", "--deadline", deadline, *words,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=folder, env=of_source(source))
    try:
        if process.stdout is None:
            raise SystemExit("a server without output")
        for line in process.stdout:
            if line.startswith("ready "):
                yield line.split()[1], process.pid
                break
        else:
            raise SystemExit("the server did not start")
    finally:
        process.terminate()
        process.wait(60)


def bench_serve(url: str, folder: Path, *words: str) -> dict[str, Any]:
    """`heptad bench-serve` in a process of its own with the requests of the folder; its result.

    It goes before the server where the system lets it: on the same processors, what it waits for one would count as the
    server's.
    """
    path = folder / "load.json"
    command = [
        sys.executable, "-c", "from heptad.cli.main import main; main()", "bench-serve", url,
        "--bodies", str(folder / "bodies.jsonl"), "--json", str(path), *words,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=sys.stderr)
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, process.pid, PRECEDENCE)
    process.wait()
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    return found


def loaded(folder: Path, *words: str, workers: tuple[str, ...] = (), source: Path = SOURCE) -> dict[str, Any]:
    """What bench-serve says of a server of its own, and the server's processor time and memory meanwhile."""
    with server(folder, words=workers, source=source) as (url, pid):
        bench_serve(url, folder, "--rate", "20", "--seconds", "5", "--warm-up", "0")  # caches and connections
        cpu, begin = cpu_seconds(pid), time.perf_counter()
        found = bench_serve(url, folder, *words)
        took = time.perf_counter() - begin
        found["server"] = {
            "cores_used": round((cpu_seconds(pid) - cpu) / took, 3), "memory_mb": round(memory_mb(pid), 1),
            "mean_ms": stages(url),
        }  # fmt: skip
    return found


def stages(url: str) -> dict[str, float]:
    """Mean ms of each stage of an answer since the server began, and of whole requests, by its own metrics; the share
    of requests that another worker answered.
    """
    with urllib.request.urlopen(f"{url}/metrics") as answer:
        lines = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
    found = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
    sums = {f"stage {stage}": f'heptad_stage_seconds_%s{{stage="{stage}"}}' for stage in ("queue", *STAGES)}
    sums["request"] = 'heptad_request_seconds_%s{path="/rank",status="200"}'
    means = {name: 1e3 * found[which % "sum"] / found[which % "count"] for name, which in sums.items()}
    means["handed_on"] = found["heptad_handed_on_total"] / found[sums["request"] % "count"]
    return {name: round(mean, 3) for name, mean in means.items()}


def saturation(folder: Path, workers: tuple[str, ...] = ()) -> dict[str, Any]:
    """The saturating rate of a server of its own, and the rates that were tried."""
    search = ("--find-saturation", "--rate", "20", "--step-seconds", "8", "--p99", SLOW, "--seconds", "1")
    found: dict[str, Any] = loaded(folder, *search, workers=workers)["saturation"]
    print(f"saturating rate {found['rate']:.1f} per second", file=sys.stderr)
    return found


def half_of_saturation(
    folder: Path, *words: str, requests: int = 0, seconds: float = 0.0, workers: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The saturating rate, then half of it for as many requests or seconds as said, each by a server started anew."""
    found = saturation(folder, workers)
    rate = found["rate"] / 2
    lasts = seconds or requests / rate
    half = loaded(folder, "--rate", str(rate), "--seconds", str(lasts), *words, workers=workers)
    return half | {"saturation": found}


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    children = [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text(encoding="utf-8").split()
    ]
    return [pid, *(found for child in children for found in family(child))]


def cpu_seconds(pid: int) -> float:
    """Processor seconds of a process and its descendants so far."""
    ticks = 0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """Memory that a process and its descendants hold now, pages of files apart (RssAnon), MB (1e6 bytes)."""
    total = 0
    for one in family(pid):
        lines = Path(f"/proc/{one}/status").read_text(encoding="utf-8").splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
    return total * 1024 / 1e6
