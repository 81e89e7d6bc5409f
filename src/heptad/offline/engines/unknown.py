"""Which events of its windows a read does not know: those that were logged at its offset or later.

Most reads know all, and few lack more than some late events near the head of their windows. Those are the
``holes`` of a read: sweeps go around them. A read with more than `MANY` is left to blocks of merged events.
"""

from __future__ import annotations

import numba
import numpy as np

MANY = 256  #: holes up to which a sweep goes around them
_BLOCK = 32


@numba.njit(cache=True, nogil=True)
def holes(offset, starts, low, high, o, firsts, places):  # type: ignore[no-untyped-def]
    """(places, many) of reads whose windows lie in [low, high) and end there.

    Read j's holes are ``places[firsts[j]:firsts[j + 1]]``, descending; ``firsts`` (reads + 1,) is written, and
    ``places`` grows from ``firsts[0]``. A read with too many has none, and is true in ``many`` (reads,).
    """
    blocks = (len(offset) + _BLOCK - 1) // _BLOCK
    greatest = np.empty(blocks, np.int64)
    for block in range(blocks):
        most = offset[block * _BLOCK]
        for i in range(block * _BLOCK, min((block + 1) * _BLOCK, len(offset))):
            most = max(most, offset[i])
        greatest[block] = most
    newest = np.empty(len(offset), np.int64)  # the greatest offset of the key up to each event
    for k in range(len(starts) - 1):
        for i in range(starts[k], starts[k + 1]):
            newest[i] = offset[i] if i == starts[k] else max(newest[i - 1], offset[i])
    many = np.zeros(len(low), np.bool_)
    count = firsts[0]
    for j in range(len(low)):
        firsts[j] = count
        i = high[j] - 1
        while i >= low[j] and newest[i] >= o[j]:
            if greatest[i // _BLOCK] < o[j]:
                i = i // _BLOCK * _BLOCK - 1
                continue
            if offset[i] >= o[j]:
                if count - firsts[j] == MANY:
                    many[j], count = True, firsts[j]
                    break
                if count == len(places):
                    more = np.empty(2 * len(places) + 64, np.int64)
                    more[:count] = places[:count]
                    places = more
                places[count] = i
                count += 1
            i -= 1
    firsts[len(low)] = count
    return places, many
