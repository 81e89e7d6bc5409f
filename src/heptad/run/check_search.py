"""`heptad check` of a search by pictures: pictures asked in an open loop, rows posted beside it and looked for."""

from __future__ import annotations

import asyncio
import base64
import math
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

import msgspec
import numpy as np

from heptad.declare.system import Declaration
from heptad.errors import DataError, ReadError
from heptad.lifecycle import search
from heptad.lifecycle.search import Gallery, Key
from heptad.run.check_load import MOST, freshness_row, load_rows, load_seconds, load_section
from heptad.run.check_server import server
from heptad.run.load.client import Pool, run
from heptad.run.load.open_loop import OK, Load, open_loop
from heptad.run.profile import Profile
from heptad.run.progress import Progress
from heptad.run.requirements import kpi_of_last_run, row
from heptad.run.search import gallery_from, read_rows
from heptad.run.target import Target

if TYPE_CHECKING:
    import pyarrow as pa

#: Different pictures that are asked with, and rows that are posted beside.
PICTURES: Final = 300
FRESH_ROWS: Final = 20
_TRIES: Final = 100  #: searches for one row


def check_search(target: Target, profile: Profile, *, progress: Progress) -> dict[str, Any]:
    """As `heptad.run.check.check_system`: the deployment's own log is not touched, the KPI is that of the last run."""
    system, needs = target.system, target.system.requirements
    with progress.stage("reading the pictures"):
        table = read_rows(target, profile)
        gallery = gallery_from(target, table)
        order = np.random.default_rng(0).permutation(np.flatnonzero(search.held_out(system, gallery)))
        asked, posted = [gallery.pictures[place] for place in order[:PICTURES]], order[-FRESH_ROWS:].tolist()
        new = new_rows(system, gallery, table, posted)
    if not asked:
        raise DataError("the source", "rows that are held out, to ask with", "none", "bring more rows")
    seconds = load_seconds(needs.qps)
    load = Load(asked[:MOST], needs.qps, seconds, path=f"/search?n={needs.shown}", window=seconds)
    with tempfile.TemporaryDirectory(prefix="heptad-check-") as state:
        progress.line("starting a server with a state of its own")
        with server(target, profile, Path(state)) as url, ThreadPoolExecutor(1) as beside:
            title = f"{seconds:.0f} s at {needs.qps:g} per second"
            posting = beside.submit(run, posted_and_found(url, system, new, load.warm_up + seconds))
            with progress.stage(title, round((seconds + load.warm_up) * needs.qps)) as stage:
                loaded = open_loop(url, load, stage)
            fresh = posting.result()
    seen = float(np.quantile(fresh, 0.99, method="higher")) if fresh else math.inf
    looked = min(system.searching.nearest.n, len(gallery))
    rows = [
        *load_rows(needs, loaded),
        row("candidates", str(needs.candidates), f"{looked} nearest looked at", looked >= min(needs.candidates, len(gallery))),
        row("fallbacks", "every search answered", f"{loaded.failed} of {loaded.requests} not", not loaded.failed),
        freshness_row(needs, seen),
        kpi_of_last_run(target),
    ]  # fmt: skip
    return {"system": target.name, "requirements": rows, "load": load_section(loaded, seen)}


class New(NamedTuple):
    """A row to post: a row of the source under a new ``key``, in the place of ``old``; ``sent`` is its JSON."""

    old: Key
    key: Key
    picture: bytes
    sent: bytes


def new_rows(system: Declaration, gallery: Gallery, source: pa.Table, places: Sequence[int]) -> list[New]:
    """Rows of the gallery at ``places``, as new ones."""
    key, picture = system.search.table.entity().name, system.search.picture.name
    where = {one: place for place, one in enumerate(source.column(key).to_pylist())}
    chosen = source.take([where[gallery.keys[place]] for place in places]).to_pylist()
    rows = []
    for number, given in enumerate(chosen, 1):
        old, content = given[key], given[picture]
        new = f"{old}-new-{number}" if isinstance(old, str) else 2**62 + number
        sent = msgspec.json.encode({**given, key: new, picture: base64.b64encode(content).decode()})
        rows.append(New(old, new, content, sent))
    return rows


async def posted_and_found(url: str, system: Declaration, rows: Sequence[New], seconds: float) -> list[float]:
    """Post rows at even distances; milliseconds from each post to the first search whose nearest row it is.

    Infinite for one that was refused or is not found. A row with a twin in the table is passed over: it cannot be told.
    """
    pool, loop = Pool(url, size=2, timeout=10.0), asyncio.get_running_loop()
    table, key = system.search.table.__name__, system.search.table.entity().name
    found: list[float] = []
    try:
        for row in rows:
            begun = loop.time()
            if (await _nearest(pool, row)).get("cosine", 0.0) < 1.0:
                posted = loop.time()
                status, _ = await pool.ask(pool.payload(f"/events/{table}", row.sent))
                tries = 0
                while status == OK and tries < _TRIES and (await _nearest(pool, row)).get(key) != row.key:
                    tries += 1
                there = status == OK and tries < _TRIES
                found.append(1e3 * (loop.time() - posted) if there else math.inf)
            await asyncio.sleep(max(0.0, begun + seconds / len(rows) - loop.time()))
    except ReadError:
        found.append(math.inf)
    finally:
        await pool.close()
    return found


async def _nearest(pool: Pool, row: New) -> dict[str, Any]:
    """What looks most like the row, its old self left out."""
    path = f"/search?n=1&exclude={quote(str(row.old), safe='')}"
    status, body = await pool.ask(pool.payload(path, row.picture))
    items = msgspec.json.decode(body)["items"] if status == OK else []
    return dict(items[0]) if items else {}
