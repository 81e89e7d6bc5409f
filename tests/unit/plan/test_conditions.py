"""Conditions on whole numbers are exact, whatever the bound is."""

import operator

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heptad.declare.types import Kind, Role
from heptad.plan.batch import Batch, Column
from heptad.plan.lift import passes
from heptad.plan.nodes import ConditionPlan, FieldPlan, StreamPlan

STREAM = StreamPlan("S", False, (FieldPlan("n", Kind.INT, Role.VALUE, False),), 0, 0)
OPS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
whole = st.one_of(st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1), st.sampled_from([2**53, 2**53 + 1]))
bounds = st.one_of(whole, st.floats(allow_nan=False), whole.map(float), st.just(float(2**53)))


@given(st.lists(whole, min_size=1, max_size=5), st.sampled_from(sorted(OPS)), bounds)
def test_python_and_the_engines_compare_alike(values: list[int], op: str, bound: float) -> None:
    zeros = np.zeros(len(values), np.int64)
    column = Column(np.array(values, np.int64), np.ones(len(values), np.bool_))
    got = passes(Batch(STREAM, zeros, zeros, zeros, {"n": column}), ConditionPlan("n", op, bound))
    assert got.tolist() == [OPS[op](value, bound) for value in values]


def test_a_text_is_no_number() -> None:
    zeros = np.zeros(1, np.int64)
    batch = Batch(STREAM, zeros, zeros, zeros, {"n": Column(zeros, np.ones(1, np.bool_))})
    assert passes(batch, ConditionPlan("n", "!=", "a")).tolist() == [True]
    assert passes(batch, ConditionPlan("n", "==", "a")).tolist() == [False]
