"""Training sets: the plan's columns for n rows, each as of its own moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from heptad.errors import DataError
from heptad.offline.engines.local import LocalEngine
from heptad.offline.facts import FactReader
from heptad.plan.assemble import Assembly
from heptad.plan.batch import Batch, Column
from heptad.plan.coding import LocalDictionary
from heptad.plan.nodes import Plan

Mode = Literal["as_known", "as_happened"]


def training_set(
    plan: Plan,
    events: Mapping[str, Batch],
    rows: Mapping[str, Column],
    t: NDArray[np.int64],
    o: NDArray[np.int64] | None = None,
    mode: Mode = "as_known",
    progress: Callable[[str], None] | None = None,
    threads: int | None = None,
) -> dict[str, NDArray[Any]]:
    """Every column of the plan for n rows in their order: float64 (n,) for numbers, objects (n,) otherwise.

    ``events`` holds the accepted events of each stream by name, in any order, with their log offsets.
    ``rows`` are the request columns (n,); ``t`` int64 (n,) microseconds UTC and ``o`` int64 (n,) the
    moment each row is taken at. A row sees the events with time < t and, as known, offset < o; as
    happened, whatever the offset. History that no log has seen has no o: None sees every offset.
    An unknown or null key gives the default of each aggregation; no row is dropped.
    ``progress`` is called with the name of each group before it is computed; ``threads`` None takes all cores.
    Raises DataError where lengths differ.
    """
    return computed(plan, events, rows, t, o, mode, progress, threads, LocalDictionary())


def computed(
    plan: Plan,
    events: Mapping[str, Batch],
    rows: Mapping[str, Column],
    t: NDArray[np.int64],
    o: NDArray[np.int64] | None,
    mode: Mode,
    progress: Callable[[str], None] | None,
    threads: int | None,
    dictionary: LocalDictionary,
    bare: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """`training_set`, with the columns named in ``bare`` as `Assembly` leaves them: codes of the dictionary."""
    n = len(t)
    lengths = {name: len(column.values) for name, column in rows.items()} | (
        {} if o is None else {"o": len(o)}
    )
    for name, length in lengths.items():
        if length != n:
            raise DataError(
                f"training_set rows[{name!r}]",
                f"{n} values, one per t",
                length,
                "give every column one value per row",
            )
    if mode not in ("as_known", "as_happened"):
        raise DataError("training_set mode", "'as_known' or 'as_happened'", repr(mode), "use one of them")
    known = None if o is None or mode == "as_happened" else o.astype(np.int64, copy=False)
    engine = LocalEngine(
        plan, events, t.astype(np.int64, copy=False), known, dictionary, progress, threads=threads
    )
    facts = FactReader(plan, events, t.astype(np.int64, copy=False), known, progress)
    return Assembly(plan)(rows, t, engine.fetch, facts, dictionary, bare)
