"""From a score to a probability that holds: isotonic or Platt calibration on held-out rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self

import numpy as np

from heptad.errors import DataError
from heptad.models.base import Vector
from heptad.models.files import read_arrays, write_arrays

Method = Literal["isotonic", "platt"]
_FILE: Final = "calibrator.npz"
_EDGE: Final = 1e-12


@dataclass(frozen=True, eq=False)
class Calibrator:
    """A non-decreasing curve from the model's probability to a calibrated one.

    * ``isotonic``: pool adjacent violators (Ayer et al. 1955), linear between the blocks' mean scores; needs
      a thousand rows or so. Ends are kept 1/(n + 2) away from 0 and 1, so that no row can cost an infinite
      log loss.
    * ``platt``: a logistic curve on the log-odds with Platt's smoothed targets (Platt 1999); two numbers,
      for few rows. A curve that would fall becomes flat; it too stays off 0 and 1.

    ``xs`` and ``ys`` are the knots of the isotonic curve, or (slope, intercept) in ``ys`` for Platt.
    """

    method: Method
    xs: Vector
    ys: Vector
    trained_through: int

    @classmethod
    def fit(cls, predicted: Vector, observed: Vector, trained_through: int, *, method: Method) -> Self:
        """Learn from held-out rows: ``predicted`` (n,) in 0..1, ``observed`` (n,) of 0 and 1."""
        p, y = np.asarray(predicted, dtype=np.float64), np.asarray(observed, dtype=np.float64)
        if p.size == 0 or p.shape != y.shape or np.isnan(p).any() or not np.isin(y, (0, 1)).all():
            raise DataError(
                "calibration rows",
                "as many predictions (no NaN) as outcomes of 0 and 1, at least one",
                f"shapes {p.shape} and {y.shape}",
                "hold out rows that the model was not trained on",
            )
        xs, ys = _isotonic(p, y) if method == "isotonic" else (np.empty(0), _platt(p, y))
        return cls(method, xs, ys, int(trained_through))

    def predict(self, predicted: Vector) -> Vector:
        """The calibrated probability of each prediction, same shape."""
        p = np.asarray(predicted, dtype=np.float64)
        if self.method == "isotonic":
            return np.asarray(np.interp(p, self.xs, self.ys))
        return np.clip(_logistic(self.ys[0] * _log_odds(p) + self.ys[1]), _EDGE, 1 - _EDGE)

    def save(self, directory: Path) -> None:
        """Write ``calibrator.npz``."""
        through = np.int64(self.trained_through)
        arrays = {"method": np.asarray(self.method), "xs": self.xs, "ys": self.ys}
        write_arrays(directory / _FILE, {**arrays, "trained_through": np.asarray(through)})

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote."""
        saved = read_arrays(directory / _FILE)
        method: Method = "isotonic" if str(saved["method"]) == "isotonic" else "platt"
        return cls(method, saved["xs"], saved["ys"], int(saved["trained_through"]))


def _isotonic(p: Vector, y: Vector) -> tuple[Vector, Vector]:
    """Knots of the least-squares non-decreasing fit; equal predictions are one point from the start."""
    xs, where, counts = np.unique(p, return_inverse=True, return_counts=True)
    means = np.bincount(where, weights=y) / counts
    blocks: list[tuple[float, float, float]] = []  # mean outcome, mean score, rows
    for mean, x, rows in zip(means.tolist(), xs.tolist(), counts.tolist(), strict=True):
        block = (mean, x, float(rows))
        while blocks and blocks[-1][0] >= block[0]:
            left = blocks.pop()
            rows_both = left[2] + block[2]
            block = (
                (left[0] * left[2] + block[0] * block[2]) / rows_both,
                (left[1] * left[2] + block[1] * block[2]) / rows_both,
                rows_both,
            )
        blocks.append(block)
    edge = 1.0 / (len(p) + 2)
    knots = np.asarray(blocks)
    return knots[:, 1].copy(), np.clip(knots[:, 0], edge, 1.0 - edge)


def _platt(p: Vector, y: Vector) -> Vector:
    """Slope and intercept by Newton's method with step halving, on smoothed targets."""
    positives = float(y.sum())
    high, low = (positives + 1) / (positives + 2), 1 / (len(y) - positives + 2)
    target = np.where(y == 1, high, low)
    x = np.column_stack([_log_odds(p), np.ones(len(p))])
    mean = target.mean()
    at = np.array([0.0, np.log(mean / (1 - mean))])
    ridge = 1e-9 * np.eye(2)  # a constant score has no slope of its own
    loss = _cross_entropy(x @ at, target)
    for _ in range(100):
        q = _logistic(x @ at)
        step = np.linalg.solve((x * (q * (1 - q))[:, None]).T @ x + ridge, x.T @ (target - q))
        size = 1.0
        while size > 1e-10 and _cross_entropy(x @ (at + size * step), target) > loss:
            size /= 2
        after = _cross_entropy(x @ (at + size * step), target)
        if not after < loss - 1e-13 * max(loss, 1.0):
            break
        at, loss = at + size * step, after
    if at[0] < 0:
        at = np.array([0.0, np.log(mean / (1 - mean))])
    return at


def _cross_entropy(scores: Vector, target: Vector) -> float:
    return float((np.logaddexp(0.0, scores) - target * scores).sum())


def _log_odds(p: Vector) -> Vector:
    inside = np.clip(p, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def _logistic(scores: Vector) -> Vector:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * scores)))
