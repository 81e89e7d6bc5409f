"""How far log1p, distance, dot and cosine are from the true values: the bounds that decision record 18 states."""

from __future__ import annotations

import math
from decimal import Decimal, getcontext, localcontext
from fractions import Fraction

import numpy as np

from heptad.algebra.kernels import elementary

DIGITS = 50
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899")
RNG = np.random.default_rng(18)


def ulps(got: float, true: Decimal) -> float:
    """The distance of a float from the truth in units of its last place."""
    return float(abs(Decimal(got) - true) / Decimal(math.ulp(got)))


def sine(x: Decimal) -> Decimal:
    """The Taylor series, for |x| up to a few."""
    term, total, n = x, x, 1
    while abs(term) > Decimal(10) ** -(DIGITS + 5):
        term *= -x * x / ((n + 1) * (n + 2))
        total, n = total + term, n + 2
    return total


def arcsine(x: Decimal) -> Decimal:
    """Newton's method on the sine, from the float's answer."""
    y = Decimal(math.asin(float(x)))
    for _ in range(8):
        y -= (sine(y) - x) / sine(y + PI / 2)
    return y


def haversine(lat1: float, lon1: float, lat2: float, lon2: float) -> Decimal:
    a, b, c, d = (Decimal(v) * PI / 180 for v in (lat1, lon1, lat2, lon2))
    south, east = sine((c - a) / 2), sine((d - b) / 2)
    h = south * south + sine(a + PI / 2) * sine(c + PI / 2) * east * east
    half = arcsine(h.sqrt()) if 2 * h < 1 else PI / 2 - arcsine((1 - h).sqrt())
    return 2 * Decimal("6371.0088") * half


def test_log1p_is_within_one_unit_in_the_last_place() -> None:
    x = np.concatenate(
        [
            RNG.uniform(-0.999, 3, 400),
            10.0 ** RNG.uniform(-17, 300, 400),
            -(10.0 ** RNG.uniform(-17, -1, 200)),
        ]
    )
    out = np.empty(len(x))
    elementary.log1p(x, out)
    with localcontext() as context:
        context.prec = 350  # of 1 + x nothing is lost
        worst = max(
            ulps(y, (1 + Decimal(v)).ln()) for v, y in zip(x.tolist(), out.tolist(), strict=True) if y
        )
    assert worst <= 1.0


def test_distance_up_to_a_quarter_of_the_way_round_is_within_its_bound_and_half_way_within_a_metre() -> None:
    getcontext().prec = DIGITS + 10
    near = np.column_stack([RNG.uniform(-85, 85, 150), RNG.uniform(-180, 180, 150)])
    step = RNG.normal(0, 1, (150, 2)) * (10.0 ** RNG.uniform(-6, 1, 150))[:, None]
    far = np.column_stack([-near[:, 0], near[:, 1] + 180]) + step * 1e-3
    other = np.clip(near + step, -90, 90)
    for points, bound in ((other, 16.0), (np.clip(far, -90, 90), 0.5 / 1000 / math.ulp(2e4))):
        columns = [np.ascontiguousarray(v) for v in (*near.T, *points.T)]
        out = np.empty(len(near))
        elementary.distance(*columns, out)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        assert max(ulps(got, haversine(*row)) for row, got in zip(rows, out.tolist(), strict=True)) <= bound


def test_dot_and_cosine_are_within_the_bound_of_a_plain_sum() -> None:
    size, u = 64, 2.0**-53
    a, b = (RNG.normal(size=(100, size)).astype(np.float32) for _ in range(2))
    dot, cosine = np.empty(100), np.empty(100)
    elementary.dot(a, b, dot)
    elementary.cosine(a, b, cosine)
    for row in range(100):
        x, y = ([Fraction(v) for v in m[row].tolist()] for m in (a, b))
        products = [p * q for p, q in zip(x, y, strict=True)]
        assert abs(Fraction(dot[row]) - sum(products)) <= size * Fraction(u) * sum(map(abs, products))
        square = sum(p * p for p in x) * sum(p * p for p in y)
        true = (
            Decimal(sum(products).numerator)
            / sum(products).denominator
            / Decimal(square.numerator).sqrt()
            * Decimal(square.denominator).sqrt()
        )
        assert abs(Decimal(float(cosine[row])) - true) <= Decimal(2 * (size + 2) * u)
