"""How a number is written in a report: the digits that mean something, and a dash where there is none."""

from __future__ import annotations

import math

MISSING = "–"


def score(value: float | None) -> str:
    """A metric with four decimals.

    >>> score(0.25), score(None)
    ('0.2500', '–')
    """
    return MISSING if value is None else f"{value:.4f}"


def thousandths(value: float | None) -> str:
    """A number with three decimals.

    >>> thousandths(0.1)
    '0.100'
    """
    return MISSING if value is None else f"{value:.3f}".replace("-", "−")


def signed(value: float | None) -> str:
    """A difference with its sign (a true minus).

    >>> signed(-0.0123)
    '−0.0123'
    """
    return MISSING if value is None else f"{value:+.4f}".replace("-", "−")


def between(interval: tuple[float, float] | None, digits: int = 3) -> str:
    """An interval of a metric, with fewer digits than the metric: its ends are not known to more.

    >>> between((0.1, 0.23456)), between((-0.0123, 0.04), digits=4)
    ('0.100 to 0.235', '−0.0123 to 0.0400')
    """
    if interval is None:
        return ""
    return f"{interval[0]:.{digits}f} to {interval[1]:.{digits}f}".replace("-", "−")


def whole(value: float | None) -> str:
    """A count, in groups of three.

    >>> whole(12345)
    '12,345'
    """
    return MISSING if value is None else f"{round(value):,}"


def significant(value: float | None, digits: int = 3) -> str:
    """A number of unknown size, to a few significant digits.

    >>> significant(1234567.0), significant(0.000123456), significant(12.0)
    ('1,234,567', '0.000123', '12')
    """
    if value is None:
        return MISSING
    if abs(value) >= 10 ** (digits - 1):
        return f"{round(value):,}".replace("-", "−")
    return f"{value:.{digits}g}".replace("-", "−")


def milliseconds(value: float | None) -> str:
    """A latency in milliseconds, without its unit.

    >>> milliseconds(12.345), milliseconds(0.0421), milliseconds(340.2)
    ('12.3', '0.042', '340')
    """
    if value is None:
        return MISSING
    return (
        f"{value:.0f}"
        if value >= 100
        else f"{value:.1f}"
        if value >= 1
        else f"{value:.2g}"
        if value >= 0.1
        else f"{value:.3f}"
    )


def seconds(value: float | None) -> str:
    """A time a stage took.

    >>> seconds(0.25), seconds(83.0), seconds(754.0)
    ('0.25 s', '83.0 s', '12 min 34 s')
    """
    if value is None:
        return MISSING
    if value >= 600:
        return f"{int(value // 60)} min {int(value % 60)} s"
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def percent(value: float | None) -> str:
    """A change as per cent, with its sign; a small one keeps a decimal.

    >>> percent(-0.384), percent(-0.0034), percent(0.0)
    ('−38 %', '−0.3 %', '0 %')
    """
    if value is None:
        return MISSING
    written = f"{value:+.1%}" if abs(value) < 0.0095 else f"{value:+.0%}"
    written = "0%" if float(written[:-1]) == 0.0 else written
    return written.replace("-", "−").replace("%", " %")


def part_of(value: float, whole_value: float) -> str:
    """A share of a whole to two decimals, rounded down: only all of it is 100 %.

    >>> part_of(196_629, 196_630), part_of(3, 3)
    ('99.99 %', '100 %')
    """
    if value == whole_value:
        return "100 %"
    return f"{math.floor(value / whole_value * 10_000) / 100:.2f} %"


#: Metrics for which less is better; every other metric counts upwards.
LOWER_IS_BETTER = frozenset({"logloss", "ne", "ece", "loss", "rmse", "mae", "brier"})


def lower_is_better(metric: str) -> bool:
    """Whether a smaller value of this metric is the better one (``ndcg@10`` is read as ``ndcg``)."""
    return metric.split("@")[0].lower() in LOWER_IS_BETTER
