"""Where the loss and the KPI disagree: pairs of models that the two put in opposite order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True)
class LossAndKPI:
    """One model's loss on the test rows and the KPI its decisions would have earned."""

    loss: float
    kpi: float


def disagreements(
    by_model: Mapping[str, LossAndKPI],
    *,
    loss: str = "loss",
    kpi: str = "KPI",
    less_loss_is_better: bool = True,
    more_kpi_is_better: bool = True,
) -> list[str]:
    """One sentence per pair of models of which one has the better loss and the other the better KPI.

    Ties and NaN are no disagreement. The largest relative difference in KPI comes first.

    >>> disagreements({"a": LossAndKPI(0.1, 5.0), "b": LossAndKPI(0.2, 9.0)}, kpi="revenue")
    ['a has the better loss (0.1 against 0.2), but b the better revenue (9 against 5).']
    """
    loss_sign, kpi_sign = (-1 if less_loss_is_better else 1), (1 if more_kpi_is_better else -1)
    found: list[tuple[float, str]] = []
    for (one, a), (other, b) in combinations(by_model.items(), 2):
        by_loss, by_kpi = loss_sign * (a.loss - b.loss), kpi_sign * (a.kpi - b.kpi)
        if not by_loss * by_kpi < 0:
            continue
        (winner, w), (loser, l_) = ((one, a), (other, b)) if by_loss > 0 else ((other, b), (one, a))
        sentence = (
            f"{winner} has the better {loss} ({w.loss:.4g} against {l_.loss:.4g}), "
            f"but {loser} the better {kpi} ({l_.kpi:.4g} against {w.kpi:.4g})."
        )
        found.append((abs(a.kpi - b.kpi) / max(abs(a.kpi), abs(b.kpi)), sentence))
    return [sentence for _, sentence in sorted(found, key=lambda pair: -pair[0])]
