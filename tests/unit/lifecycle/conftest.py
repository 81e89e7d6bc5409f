"""The made-up world and one system trained on it, made once."""

from __future__ import annotations

import pytest

from heptad.lifecycle.evaluate import MAIN, evaluate, evaluation_set
from heptad.lifecycle.training import Effort, train
from heptad.testing import world as made
from heptad.testing.world import CUT, END


@pytest.fixture(scope="session")
def system():
    return made.world()


@pytest.fixture(scope="session")
def history(system):
    return made.history(system.plan)


@pytest.fixture(scope="session")
def trained(history, system):
    return train(history, system, CUT, effort=Effort(requests=500, negatives=15))


@pytest.fixture(scope="session")
def tested(history, system, trained):
    return evaluation_set(history, system, trained, CUT, END, most=300)


@pytest.fixture(scope="session")
def comparison(system, tested, trained):
    return evaluate(system, tested, {MAIN: trained.predictor})
