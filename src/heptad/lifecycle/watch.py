"""Drift watched over what serving sees: one row per request, against the rows the model was calibrated on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heptad.declare.features import Calendar
from heptad.declare.monitoring import OnDrift
from heptad.declare.system import Declaration
from heptad.lifecycle.training import Trained
from heptad.monitoring.drift import DriftMonitor


def drift_trigger(system: Declaration) -> OnDrift:
    """The declared drift trigger, or the default one, to watch with."""
    declared = [trigger for trigger in system.monitoring.retrain if isinstance(trigger, OnDrift)]
    return declared[0] if declared else OnDrift()


def watched(system: Declaration, columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The columns to watch: those the trigger names, or every number that does not just tell the time.

    Vectors are left out: an expression over one, such as hp.cosine, can be watched.

    The hour and the weekday of a week's requests follow who came, not what changed.
    """
    told = {name for name, feature in system.data.contextual.items() if isinstance(feature, Calendar)}
    features = {column for _, column in system.data.columns()}  # not what only re-ranking reads
    numbers = {name for name, values in columns.items() if values.dtype == np.float64 and values.ndim == 1}
    chosen = set(drift_trigger(system).columns) or numbers & features - told
    return {name: values for name, values in columns.items() if name in chosen}


def monitor_of(system: Declaration, trained: Trained, seed: int = 0) -> DriftMonitor:
    """A monitor whose reference is the calibration rows, whole candidate lists as serving sees them."""
    trigger = drift_trigger(system)
    rows = trained.rows
    request = rows.pairs.request[rows.held_out]
    reference = one_per_request(request, watched(system, rows.reference), seed)
    return DriftMonitor.reference(reference, alpha=trigger.alpha, practical=trigger.psi)


def one_per_request(
    request: NDArray[np.int64], columns: Mapping[str, NDArray[Any]], seed: int
) -> dict[str, NDArray[Any]]:
    """One row of each request, drawn at random.

    Candidates of one request share their user and their moment; counted one by one they would make the
    sample look hundreds of times larger than it is, and chance would pass for drift.
    """
    order = np.random.default_rng(seed).permutation(len(request))
    _, first = np.unique(request[order], return_index=True)
    rows = order[first]
    return {name: values[rows] for name, values in columns.items()}
