"""How long answers took: the histogram of requests and the stages of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from heptad.dashboard.charts.canvas import (
    ACCENT,
    BAD,
    INK,
    MUTED,
    SOFT,
    Margins,
    draw,
    label,
    room_for,
    title_upright,
)
from heptad.dashboard.html import Html
from heptad.dashboard.numbers import milliseconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def histogram(
    name: str,
    alternative: str,
    edges: Sequence[float],
    counts: Sequence[float],
    marks: Mapping[str, float],
    budget: float | None,
) -> Html:
    """Requests per range of milliseconds, with the percentiles and, in red, the stated budget."""
    if len(edges) != len(counts) + 1 or not counts:
        return Html("")
    inside = [*marks.values(), *([budget] if budget is not None else [])]
    wide = edges[0] > 0 and edges[-1] / edges[0] > 30

    def paint(axes: Axes) -> None:
        axes.stairs(counts, edges, fill=True, color=SOFT)
        if wide:
            from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
        low, high = min([edges[0], *inside]), max([edges[-1], *inside])
        room = (high / low) ** 0.03 if wide and low > 0 else 1.0
        axes.set_xlim(low / room if wide else 0.0, high * (room if wide else 1.04))
        axes.set_ylim(0, max(max(counts), 1) * 1.32)
        lines = [(what, at, ACCENT) for what, at in marks.items()]
        lines += [("budget", budget, BAD)] if budget is not None else []
        for place, (what, at, colour) in enumerate(sorted(lines, key=lambda line: line[1])):
            axes.axvline(at, color=colour, linewidth=1.6, linestyle="-" if colour == ACCENT else (0, (4, 3)))
            axes.annotate(
                f"{what} {milliseconds(at)}",
                (at, 1.0 - 0.075 * place),
                (5 if place == 0 else -5, -8),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha="left" if place == 0 else "right",
                va="center",
                size=12.5,
                color=colour,
            )
        axes.locator_params(axis="y", nbins=4)
        axes.grid(axis="y")
        axes.set_xlabel("milliseconds" + (" (log scale)" if wide else ""), labelpad=7)
        title_upright(axes, "requests")

    return draw(name, alternative, paint, height=280, margins=Margins())


def stages(name: str, alternative: str, rows: Sequence[tuple[str, float, float]]) -> Html:
    """Median (strong) and 99th percentile (pale) of each stage, in the order they run."""
    if not rows:
        return Html("")
    step = 30
    longest = max(max(p50, p99) for _, p50, p99 in rows) or 1.0

    def paint(axes: Axes) -> None:
        for place, (_, p50, p99) in enumerate(rows):
            axes.barh(-place, p99, height=0.56, color=SOFT)
            axes.barh(-place, p50, height=0.56, color=ACCENT)
            axes.annotate(
                f"{milliseconds(p50)} / {milliseconds(p99)}",
                (max(p50, p99), -place),
                (7, 0),
                textcoords="offset points",
                va="center",
                size=12.5,
                color=MUTED,
            )
        axes.set_yticks(
            [-place for place in range(len(rows))], [label(row[0], 20) for row in rows], color=INK
        )
        axes.set_xlim(0, longest * 1.34)
        axes.set_ylim(-len(rows) + 0.4, 0.6)
        axes.locator_params(axis="x", nbins=5)
        axes.grid(axis="x")
        axes.spines["bottom"].set_visible(False)
        axes.set_xlabel("milliseconds, median / 99th percentile", labelpad=7)

    return draw(
        name,
        alternative,
        paint,
        height=len(rows) * step + 70,
        margins=Margins(left=room_for((row[0] for row in rows), 20), top=6),
    )
