"""Elementary functions, one value at a time: a row's value does not depend on its place in the array.

numpy's own loops take another path by the processor they find, and log1p and arcsin then differ from the C
library's in the last bit. These loops call the C library, as Python's math does, and are never reordered.
"""

from __future__ import annotations

import math
from typing import Final

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: km: the mean radius R1 of GRS 80 (H. Moritz, Journal of Geodesy 74, 2000, p. 128).
RADIUS: Final = 6371.0088
RADIAN: Final = math.pi / 180.0


@numba.njit(cache=True, nogil=True)
def log1p(x, out):  # type: ignore[no-untyped-def]
    """log(1 + x), NaN where x <= -1: float64 (n,)."""
    for i in range(len(x)):
        out[i] = math.log1p(x[i]) if x[i] > -1.0 else math.nan


@numba.njit(cache=True, nogil=True)
def distance(lat1, lon1, lat2, lon2, out):  # type: ignore[no-untyped-def]
    """Haversine, km, of degrees; NaN where one is, where a latitude is beyond 90, a longitude infinite. (n,)"""
    for i in range(len(out)):
        out[i] = math.nan
        if abs(lat1[i]) <= 90.0 and abs(lat2[i]) <= 90.0 and abs(lon2[i] - lon1[i]) < math.inf:
            south = math.sin((lat2[i] - lat1[i]) * RADIAN / 2.0)
            east = math.sin((lon2[i] - lon1[i]) * RADIAN / 2.0)
            across = math.cos(lat1[i] * RADIAN) * math.cos(lat2[i] * RADIAN)
            a = south * south + across * (east * east)
            out[i] = 2.0 * RADIUS * math.asin(math.sqrt(a) if a < 1.0 else 1.0)


@numba.njit(cache=True, nogil=True)
def dot(u, v, out):  # type: ignore[no-untyped-def]
    """Dot products of float32 rows (n, size), exact products summed in float64 from the first place on."""
    for i in range(len(out)):
        total = 0.0
        for k in range(u.shape[1]):
            total += np.float64(u[i, k]) * np.float64(v[i, k])
        out[i] = total


@numba.njit(cache=True, nogil=True)
def cosine(u, v, out):  # type: ignore[no-untyped-def]
    """Cosines of float32 rows (n, size), at most 1 either way; NaN where a row is NaN or all 0."""
    for i in range(len(out)):
        uv, uu, vv = 0.0, 0.0, 0.0
        for k in range(u.shape[1]):
            a, b = np.float64(u[i, k]), np.float64(v[i, k])
            uv += a * b
            uu += a * a
            vv += b * b
        out[i] = math.nan
        if uu > 0.0 and vv > 0.0:
            out[i] = min(1.0, max(-1.0, uv / math.sqrt(uu * vv)))
