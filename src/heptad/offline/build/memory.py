"""A build of which everything fits in memory: the same file, without a detour by the disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from heptad.offline.build.files import Rows, all_of
from heptad.offline.build.labels import Labels, features
from heptad.offline.build.types import cast
from heptad.offline.enrichment import enrich
from heptad.offline.frames import to_arrow
from heptad.offline.history import admit_history
from heptad.offline.knowledge import Knowledge
from heptad.offline.sources import read
from heptad.offline.training_set import Mode, training_set
from heptad.plan.nodes import Plan


def in_memory(
    plan: Plan, events: Mapping[str, Rows], labels: Labels, types: Mapping[str, Any], mode: Mode
) -> tuple[pa.Table, dict[str, int]]:
    """The label rows with their features, and how many rows of each stream with ids were left out."""
    batches = {}
    for name, rows in events.items():
        stream = plan.stream(name)
        present = [f.name for f in stream.fields if f.name in rows.schema.names]
        batches[name] = read(stream, all_of(rows, present))
    admitted, report = admit_history(plan, batches)
    admitted = enrich(plan, admitted)
    block = all_of(labels.rows, labels.rows.schema.names)
    t = labels.times(block).astype(np.int64)
    knowledge = Knowledge.of(admitted) if mode == "as_known" else None
    o = None if knowledge is None else knowledge.before(t)
    found = training_set(plan, admitted, labels.request(block, labels.fields), t, o)
    for name in features(plan, labels):
        values = cast(to_arrow({name: found[name]}).column(0).combine_chunks(), types[name])
        block = block.append_column(pa.field(name, types[name]), values)
    repeats = {
        name: len(one.duplicates) + len(one.conflicts)
        for name, one in report.items()
        if plan.stream(name).key is not None
    }
    return block, repeats
