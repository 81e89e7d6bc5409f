"""Facts of entities as an answer shows them: hundreds of candidates have few different texts, each decoded once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from heptad.online.index import distinct
from heptad.plan.batch import Factors
from heptad.plan.coding import Dictionary, decoded
from heptad.plan.nodes import GroupPlan, StreamPlan
from heptad.state import tables

Ints = NDArray[np.int64]


def numbers_and_texts(
    group: GroupPlan, stream: StreamPlan, rows: Ints, names: Sequence[str], dictionary: Dictionary
) -> tuple[dict[str, NDArray[np.float64]], dict[str, Factors]]:
    """The facts of these names, of rows (k, words): numbers (k,), NaN for null; of the others the different values,
    after them None, which a null has."""
    numbers, texts = {}, {}
    for name in names:
        words, valid = tables.fact(group, rows, name)
        kind = stream.by_name[name].kind
        if kind.numeric:
            numbers[name] = decoded(words, valid, kind, dictionary)
        else:
            some, which = distinct(words, valid)
            values = np.full(len(some) + 1, None, object)
            values[:-1] = decoded(some, np.ones(len(some), np.bool_), kind, dictionary)
            texts[name] = Factors(values, which)
    return numbers, texts
