"""Observed against predicted probability, and loss against KPI: plots where two scales meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from heptad.dashboard.charts.canvas import ACCENT, INK, MUTED, SOFT, Margins, draw, label, title_upright
from heptad.dashboard.charts.comparison import CONTENDERS
from heptad.dashboard.html import Html
from heptad.monitoring.intervals import wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows predicted alike: their mean prediction, the share that came true, and how many there were."""

    predicted: float
    observed: float
    n: int


def reliability(name: str, alternative: str, curves: Mapping[str, Sequence[Bin]]) -> Html:
    """One line per model and the diagonal of a perfect one; the first model also gets its intervals."""
    shown = {model: bins for model, bins in list(curves.items())[: len(CONTENDERS)] if bins}
    if not shown:
        return Html("")
    top = max(max(one.predicted, one.observed) for bins in shown.values() for one in bins) * 1.08 or 1.0

    def paint(axes: Axes) -> None:
        axes.plot([0, top], [0, top], color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
        for place, (model, bins) in enumerate(shown.items()):
            x, y = [one.predicted for one in bins], [one.observed for one in bins]
            colour = CONTENDERS[place]
            if place == 0:
                for one in bins:
                    low, high = wilson(min(max(one.observed, 0.0), 1.0) * one.n, one.n)
                    axes.plot([one.predicted] * 2, [low, high], color=colour, linewidth=1.6)
            axes.plot(
                x,
                y,
                color=colour,
                marker="o",
                markersize=5.5 if place else 6.5,
                linewidth=1.8,
                label=label(model),
            )
        axes.set_xlim(0, top)
        axes.set_ylim(0, top)
        axes.locator_params(nbins=5)
        axes.grid()
        axes.set_xlabel("predicted probability", labelpad=7)
        title_upright(axes, "observed share")
        axes.legend(loc="upper left", handlelength=1.4, borderpad=0.2)

    return draw(name, alternative, paint, height=360, margins=Margins())


def loss_and_kpi(
    name: str,
    alternative: str,
    models: Mapping[str, tuple[float, float]],
    axes_names: tuple[str, str],
    first: str,
) -> Html:
    """A point per model: its loss to the right, its KPI upwards; the best corner is top left."""
    if not models:
        return Html("")

    def paint(axes: Axes) -> None:
        xs, ys = [x for x, _ in models.values()], [y for _, y in models.values()]
        x_room, y_room = (max(xs) - min(xs) or 1.0) * 0.14, (max(ys) - min(ys) or 1.0) * 0.16
        axes.set_xlim(min(xs) - x_room, max(xs) + x_room)
        axes.set_ylim(min(ys) - y_room, max(ys) + y_room)
        middle = (min(xs) + max(xs)) / 2
        for model, (x, y) in models.items():
            colour = ACCENT if model == first else SOFT
            axes.plot([x], [y], marker="o", markersize=9, color=colour, linestyle="none")
            left = x > middle
            axes.annotate(
                label(model, 22),
                (x, y),
                (-9 if left else 9, 0),
                textcoords="offset points",
                ha="right" if left else "left",
                va="center",
                size=12.5,
                color=INK,
                weight="bold" if model == first else "normal",
            )
        axes.locator_params(nbins=5)
        axes.grid()
        axes.set_xlabel(label(f"{axes_names[0]} (less is better)", 60), labelpad=7)
        title_upright(axes, axes_names[1])

    return draw(name, alternative, paint, height=300, margins=Margins())
