"""Plots that compare: pairs of bars, and dots with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from heptad.dashboard.charts.canvas import ACCENT, INK, MUTED, SECOND, SOFT, Margins, draw, label, room_for
from heptad.dashboard.html import Html
from heptad.dashboard.numbers import score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Interval = tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two measurements of one thing; either may be missing."""

    name: str
    first: float | None
    first_interval: Interval
    second: float | None
    second_interval: Interval


@dataclass(frozen=True, slots=True)
class Dot:
    """One measurement with its interval; ``group`` opens a new block of rows where it changes."""

    name: str
    value: float
    interval: Interval
    colour: str = SOFT
    group: str = ""


def axis_start(metric: str, values: Sequence[float]) -> float:
    """Where an honest axis begins: at nothing, or for AUC at chance (0.5) where no value is below it."""
    return 0.5 if metric.lower() == "auc" and values and min(values) >= 0.5 else min(0.0, *values, 0.0)


def pairs(name: str, alternative: str, rows: Sequence[Pair], metric: str, legend: tuple[str, str]) -> Html:
    """Two bars per row, the first pale, the second strong, each with its interval and value."""
    ends = [
        end
        for row in rows
        for value, interval in ((row.first, row.first_interval), (row.second, row.second_interval))
        if value is not None
        for end in (value, *(interval or ()))
    ]
    if not ends:
        return Html("")
    start = axis_start(metric, ends)
    step, thick = 74, 17

    def paint(axes: Axes) -> None:
        for place, row in enumerate(rows):
            top = -place * step
            axes.text(start, top, label(row.name, 44), va="center", weight="bold", size=12.5)
            bars = (
                (row.first, row.first_interval, top - 20, SOFT),
                (row.second, row.second_interval, top - 20 - thick - 3, ACCENT),
            )
            for value, interval, y, colour in bars:
                if value is None:
                    continue
                axes.barh(y, value - start, left=start, height=thick, color=colour)
                _whisker(axes, interval, y, INK)
                beyond = interval[1] if interval else value
                axes.annotate(
                    score(value), (beyond, y), (7, 0), textcoords="offset points", va="center", size=12.5
                )
        axes.set_ylim(-len(rows) * step + 12, 16)
        axes.set_xlim(start, start + (max(ends) - start or 1.0) * 1.17)
        axes.set_yticks([])
        _scale(axes, metric + (" (the axis starts at chance, 0.5)" if start == 0.5 else ""))
        from matplotlib.patches import Patch

        axes.legend(
            handles=[Patch(color=SOFT, label=legend[0]), Patch(color=ACCENT, label=legend[1])],
            loc="lower left",
            bbox_to_anchor=(-0.02, 1.0),
            ncols=2,
            handlelength=1.0,
            borderpad=0.2,
        )

    return draw(
        name,
        alternative,
        paint,
        height=len(rows) * step + 80,
        margins=Margins(left=14, top=30, bottom=44),
    )


def dots(
    name: str, alternative: str, rows: Sequence[Dot], axis: str, *, start: float | None, zero: bool = False
) -> Html:
    """A dot and a whisker per row; ``zero`` draws the line of no difference, ``start`` fixes the axis."""
    if not rows:
        return Html("")
    places, headings, y = [], [], 0.0
    left = room_for(row.name for row in rows)
    for before, row in zip((None, *rows), rows, strict=False):
        if row.group and (before is None or before.group != row.group):
            headings.append((y + (8 if before else 0), row.group))
            y += 34 if before else 26
        places.append(y)
        y += 27
    ends = [end for row in rows for end in (row.value, *(row.interval or ()))]

    def paint(axes: Axes) -> None:
        for place, row in zip(places, rows, strict=True):
            _whisker(axes, row.interval, -place, row.colour, thick=2.0)
            axes.plot([row.value], [-place], marker="o", markersize=7.5, color=row.colour, linestyle="none")
        if zero:
            axes.axvline(0.0, color=MUTED, linewidth=1.2)
        low = min([*ends, 0.0]) if start is None else start
        high = max([*ends, 0.0]) if start is None else max(ends)
        room = (high - low or 1.0) * 0.06
        axes.set_xlim(low - (room if start is None else 0.0), high + room)
        axes.set_ylim(-y + 9, 17)
        axes.set_yticks([-place for place in places], [label(row.name) for row in rows], color=INK)
        for place, group in headings:
            axes.annotate(
                label(group, 60),
                (0, -place),
                (-left + 2, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                va="center",
                weight="bold",
                size=12.5,
            )
        _scale(axes, axis)

    return draw(name, alternative, paint, height=int(y) + 66, margins=Margins(left=left, top=6, right=20))


def _whisker(axes: Axes, interval: Interval, y: float, colour: str, thick: float = 1.4) -> None:
    """The line of an interval."""
    if interval is not None:
        axes.plot(interval, [y, y], color=colour, linewidth=thick, solid_capstyle="butt")


def _scale(axes: Axes, name: str) -> None:
    """The horizontal scale with few ticks and faint lines."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="x")
    axes.set_xlabel(label(name, 60), labelpad=7)
    axes.spines["bottom"].set_visible(False)


#: Colours for contenders: the system under test, then the others in order.
CONTENDERS = (ACCENT, SECOND, MUTED, SOFT)
