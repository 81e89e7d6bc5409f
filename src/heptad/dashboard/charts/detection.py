"""What a score finds: precision against recall, scores by outcome, and precision period by period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from heptad.dashboard.charts.canvas import ACCENT, BAD, SOFT, Margins, draw, label, title_upright
from heptad.dashboard.charts.comparison import CONTENDERS
from heptad.dashboard.html import Html

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Line = tuple[Sequence[float], Sequence[float]]


def lines(
    name: str,
    alternative: str,
    curves: Mapping[str, Line],
    axes_names: tuple[str, str],
    *,
    marked: bool = False,
) -> Html:
    """One line per model, as many as there are colours; both scales begin at 0. ``marked`` shows the points."""
    shown = {model: line for model, line in list(curves.items())[: len(CONTENDERS)] if len(line[0])}
    if not shown:
        return Html("")
    high = max(max(ys) for _, ys in shown.values()) * 1.06 or 1.0

    def paint(axes: Axes) -> None:
        for place, (model, (xs, ys)) in enumerate(shown.items()):
            axes.plot(
                xs, ys, color=CONTENDERS[place], linewidth=2.2 if place == 0 else 1.6, label=label(model),
                marker="o" if marked else "", markersize=5,
            )  # fmt: skip
        axes.set_ylim(0, min(high, 1.04))
        axes.locator_params(nbins=5, integer=marked, axis="x")
        axes.grid()
        axes.set_xlabel(axes_names[0], labelpad=7)
        title_upright(axes, axes_names[1])
        axes.legend(loc="best", handlelength=1.4, borderpad=0.2)

    return draw(name, alternative, paint, height=320, margins=Margins())


def scores(
    name: str, alternative: str, edges: Sequence[float], true: Sequence[float], false: Sequence[float],
    threshold: float | None,
) -> Html:  # fmt: skip
    """How scores lie by outcome, each outcome as a share of its own rows, on a logarithmic scale."""
    if len(edges) != len(true) + 1 or not sum(true) or not sum(false):
        return Html("")

    def paint(axes: Axes) -> None:
        from matplotlib.ticker import FuncFormatter

        axes.stairs([n / sum(false) for n in false], edges, fill=True, color=SOFT, label="label false")
        axes.stairs([n / sum(true) for n in true], edges, color=ACCENT, linewidth=2, label="label true")
        if threshold is not None and threshold > 0:
            axes.axvline(threshold, color=BAD, linewidth=1.6, linestyle=(0, (4, 3)), label="review from here")
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:g}"))
        axes.grid(axis="y")
        axes.set_xlabel("predicted probability", labelpad=7)
        title_upright(axes, "share of rows")
        axes.legend(loc="best", handlelength=1.4, borderpad=0.2)

    return draw(name, alternative, paint, height=320, margins=Margins())
