"""Eight words at a time: what LLVM does not join by itself, told to it as vectors of 512 bits.

They are plain LLVM instructions, so every processor runs them: one register where it has 512 bits, two or four where not.
Who changes this file changes `heptad.models.trees.kernel` too: numba's cache looks at the file of a kernel alone.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_WORDS = ir.VectorType(ir.IntType(64), 8)
_NUMBERS = ir.VectorType(ir.DoubleType(), 8)
_LANES = ir.VectorType(ir.IntType(32), 8)
_ALIGNED = 8  #: bytes: numpy's arrays of words lie at their own size, no more


class _Rows:
    """Rows of eight words of one array."""

    def __init__(self, context: Any, builder: Any, array: Any, value: Any) -> None:
        self._builder = builder
        data = context.make_array(array)(context, builder, value).data
        self._first = builder.bitcast(data, _WORDS.as_pointer())

    def load(self, row: Any) -> Any:
        return self._builder.load(self._builder.gep(self._first, [row]), align=_ALIGNED)

    def store(self, row: Any, words: Any) -> None:
        self._builder.store(words, self._builder.gep(self._first, [row]), align=_ALIGNED)


@intrinsic
def pass_word(typing, holds, test, w, column, threshold):  # type: ignore[no-untyped-def]
    """Bit i of ``holds[test, w]``, uint64 (·, words) in C order, says ``column[64 * w + i] <= threshold``; NaN is not."""

    def made(context, builder, signature, values):  # type: ignore[no-untyped-def]
        array = context.make_array(holds)(context, builder, values[0])
        words = builder.extract_value(array.shape, 1)
        place = builder.add(builder.mul(values[1], words), values[2])
        # byte by byte: to join eight masks in a register takes longer than to store them
        out = builder.bitcast(builder.gep(array.data, [place]), ir.IntType(8).as_pointer())
        numbers = context.make_array(column)(context, builder, values[3]).data
        numbers = builder.bitcast(numbers, _NUMBERS.as_pointer())
        first = builder.mul(values[2], values[2].type(8))
        one = builder.insert_element(ir.Constant(_NUMBERS, ir.Undefined), values[4], ir.IntType(32)(0))
        limit = builder.shuffle_vector(one, one, ir.Constant(_LANES, [0] * 8))
        for k in range(8):
            at = builder.gep(numbers, [builder.add(first, first.type(k))])
            passes = builder.fcmp_ordered("<=", builder.load(at, align=_ALIGNED), limit)
            builder.store(builder.bitcast(passes, ir.IntType(8)), builder.gep(out, [ir.IntType(64)(k)]))
        return context.get_dummy_value()

    row = types.int64
    return types.void(holds, row, row, column, types.float64), made


@intrinsic
def split(typing, sets, n, holds, test, left, right):  # type: ignore[no-untyped-def]
    """``sets[left] = sets[n] & holds[test]; sets[right] = sets[n] & ~holds[test]``, of uint64 (·, 8) in C order.

    Rows are int64; nothing is checked.
    """

    def made(context, builder, signature, values):  # type: ignore[no-untyped-def]
        rows = _Rows(context, builder, sets, values[0])
        here, passed = rows.load(values[1]), _Rows(context, builder, holds, values[2]).load(values[3])
        rows.store(values[4], builder.and_(here, passed))
        rows.store(values[5], builder.and_(here, builder.not_(passed)))
        return context.get_dummy_value()

    row = types.int64
    return types.void(sets, row, holds, row, row, row), made


@intrinsic
def halved(typing, sets, pairs, bits, k):  # type: ignore[no-untyped-def]
    """``sets[i] = sets[2 * i] | sets[2 * i + 1]`` for each i below ``pairs``; ``bits[k]`` is the OR of the odd ones."""

    def made(context, builder, signature, values):  # type: ignore[no-untyped-def]
        rows, none = _Rows(context, builder, sets, values[0]), ir.Constant(_WORDS, None)
        any_odd = cgutils.alloca_once_value(builder, none)
        with cgutils.for_range(builder, values[1]) as loop:
            even = builder.shl(loop.index, loop.index.type(1))
            odd = rows.load(builder.or_(even, even.type(1)))
            builder.store(builder.or_(builder.load(any_odd), odd), any_odd)
            rows.store(loop.index, builder.or_(rows.load(even), odd))
        _Rows(context, builder, bits, values[2]).store(values[3], builder.load(any_odd))
        return context.get_dummy_value()

    row = types.int64
    return types.void(sets, row, bits, row), made
