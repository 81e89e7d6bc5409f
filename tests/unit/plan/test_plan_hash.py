"""Plan hashes: alike in every process, and other where something that changes a value is other."""

from __future__ import annotations

import subprocess
import sys

import heptad as hp
from heptad.plan.compile import compile_features
from heptad.testing.examples import Sale

PROGRAM = """
import heptad as hp
from heptad.plan.compile import compile_features
from heptad.testing.examples import Sale

def odd(shop, n):
    pick = lambda x: x in {"a", "b", "c", "d"}
    return [1.0 if pick(x) else float(y) for x, y in zip(shop, n)]

data = hp.Data(dynamic={"n": Sale.per("user").count("1h")}, contextual={"odd": hp.feature(odd)})
plan = compile_features(data, hp.label(Sale))
print(plan.hash, plan.state_hash)
"""


def plan_of(function=None, over="1h"):
    contextual = {} if function is None else {"f": hp.feature(function)}
    data = hp.Data(dynamic={"n": Sale.per("user").count(over)}, contextual=contextual)
    return compile_features(data, hp.label(Sale))


def test_every_process_finds_the_same_hash():
    """Sets of texts have no fixed order, and nested functions are shown with their address."""
    found = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(found) == 1


def test_a_changed_function_is_another_plan_over_the_same_states():
    plans = [
        plan_of(lambda n: n + 1),
        plan_of(lambda n: n + 2),
        plan_of(lambda n: n + 1.0),
        plan_of(lambda n: [x + 1 for x in n]),
        plan_of(lambda n: [x + 2 for x in n]),
    ]
    assert len({plan.hash for plan in plans}) == len(plans)
    assert {plan.state_hash for plan in plans} == {plan_of().state_hash}


def test_the_same_function_written_twice_is_the_same_plan():
    def one(n):
        doubled = n * 2
        return doubled

    def two(n):
        twice = n * 2
        return twice

    assert plan_of(one).hash == plan_of(two).hash


def test_another_window_of_another_hop_is_another_state():
    assert plan_of(over="1h").state_hash != plan_of(over="7d").state_hash
