"""Windows whose value is one number of few words, many of them finalized with one pass: an online read has dozens.

Each number is that of the aggregation's own kernel, to the last bit. It is made in two steps, since all but
`since_last` stay what they are while time goes on: `kept` once for each change, `shown` at every read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numba
import numpy as np
from numpy.typing import NDArray

from heptad.algebra.kernels.base import Words
from heptad.algebra.kernels.sum import is_trusted
from heptad.algebra.spec import IDENTITY, Merge, Params

_COUNT, _SUM, _MEAN, _MIN, _MAX, _SINCE = range(6)
_OPS: Final = {
    "count": _COUNT, "sum": _SUM, "mean": _MEAN, "min": _MIN, "max": _MAX, "since_last": _SINCE
}  # fmt: skip
#: The aggregations that `finalize` knows.
PLAIN: Final = frozenset(_OPS)
_NO_LEAST, _NO_MOST = IDENTITY[Merge.MIN], IDENTITY[Merge.MAX]
_LOW = 2**63 - 1


def table(uses: Sequence[tuple[str, Params, int]]) -> tuple[Words, NDArray[np.float64]]:
    """What `kept` needs of columns: each an aggregation of `PLAIN`, its parameters, and its first word in a row."""
    ops = np.array([(_OPS[name], first) for name, _, first in uses], np.int64).reshape(-1, 2)
    units = np.array([10.0**params.decimals for _, params, _ in uses])
    return ops, units


def kept(words: Words, ops: Words, units: NDArray[np.float64]) -> Words:
    """(m, columns): the numbers of rows of words (m, all words), as bits; of `since_last` the word itself."""
    out = np.empty((len(words), len(ops)), np.int64)
    _kept(words, ops, units, out, out.view(np.float64))
    return out


def shown(rows: Words, at: Words, t: int, ops: Words) -> NDArray[np.float64]:
    """(columns, n): the numbers of rows ``at`` (n,) of those that `kept` made, read at ``t``; NaN where a window has none.

    A row may hold other words after its numbers.
    """
    out = np.empty((len(ops), len(at)))
    _shown(rows, at, np.int64(t), ops, out, out.view(np.int64))
    return out


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _kept(words, ops, units, bits, numbers):  # type: ignore[no-untyped-def]
    for c in range(len(ops)):
        op, first, unit = ops[c, 0], ops[c, 1], units[c]
        for i in range(len(words)):
            word = words[i, first]
            if op == _COUNT:
                numbers[i, c] = np.float64(word)
            elif op == _SUM:
                numbers[i, c] = (
                    np.float64(word) / unit
                    if is_trusted(words[i, first + 1], words[i, first + 2])
                    else np.nan
                )
            elif op == _MEAN:
                count = words[i, first + 1]
                known = count > 0 and is_trusted(count, words[i, first + 2])
                numbers[i, c] = np.float64(word) / unit / np.float64(count) if known else np.nan
            elif op == _SINCE:
                bits[i, c] = word
            elif word == (_NO_LEAST if op == _MIN else _NO_MOST):
                numbers[i, c] = np.nan
            else:
                bits[i, c] = word ^ _LOW if word < 0 else word


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _shown(rows, at, t, ops, numbers, bits):  # type: ignore[no-untyped-def]
    for c in range(len(ops)):
        if ops[c, 0] == _SINCE:
            for i in range(len(at)):
                word = rows[at[i], c]
                numbers[c, i] = np.nan if word == _NO_MOST else np.float64(t - word) / 1e6
        else:
            for i in range(len(at)):
                bits[c, i] = rows[at[i], c]
