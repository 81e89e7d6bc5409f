"""A service that decides on payments, with a model trained on the first weeks: for tests of serving."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from heptad.lifecycle.retrain import scorer_of
from heptad.lifecycle.task import task_of
from heptad.lifecycle.training import Effort
from heptad.run.history import admitted
from heptad.serving.intake import LocalIntake
from heptad.serving.prediction_log import PredictionLog
from heptad.serving.scorer import Scorer
from heptad.serving.service import Service
from heptad.state.stores.memory import MemoryStore
from heptad.streams.clock import ReplayClock
from heptad.streams.log import Log
from heptad.testing.tills import data
from heptad.testing.tills.system import tills
from heptad.times import DAY, HOUR

NOW = data.START + 60 * DAY


@cache
def trained() -> Scorer:
    """A scorer trained on the first forty days."""
    history = admitted(tills.plan, {"Payment": data.payments(), "Theft": data.thefts()}).history
    cut = data.START + 40 * DAY
    found = task_of(tills).train(history.before(cut), tills, cut, effort=Effort(requests=50))
    return replace(scorer_of(history, found), version="v1")


def opened(directory: Path, scorer: Scorer | None) -> Service:
    """A service on a log and a prediction log under ``directory``, and states in memory; its log is empty, its deadline lax."""
    store, clock = MemoryStore(tills.plan.state_hash), ReplayClock(NOW)
    intake = LocalIntake(tills.plan, Log.open(directory / "log"), store, clock)
    return Service(
        tills, tills.plan, intake=intake, store=store, clock=clock,
        predictions=PredictionLog.open(directory / "predictions"), scorer=scorer, deadline=HOUR,
    )  # fmt: skip
