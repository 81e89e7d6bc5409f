"""Drift: the shift of each column against its threshold, and the worst one over time with what was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from heptad.dashboard.charts.canvas import (
    ACCENT,
    BAD,
    INK,
    LINE,
    MUTED,
    PAPER,
    SOFT,
    Margins,
    draw,
    label,
    room_for,
    title_upright,
)
from heptad.dashboard.html import Html
from heptad.dashboard.numbers import significant
from heptad.times import DAY, format_instant

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True)
class Shift:
    """One column's PSI and what it had to exceed; no threshold where there were no rows."""

    name: str
    psi: float
    threshold: float | None
    drifted: bool


@dataclass(frozen=True, slots=True)
class Point:
    """The worst column's PSI at one instant (microseconds UTC)."""

    at: int
    psi: float
    threshold: float | None


def columns(name: str, alternative: str, rows: Sequence[Shift]) -> Html:
    """A bar per column, red where it drifted, and a tick at its own threshold."""
    if not rows:
        return Html("")
    longest = max(max(row.psi, row.threshold or 0.0) for row in rows) or 1.0

    def paint(axes: Axes) -> None:
        for place, row in enumerate(rows):
            axes.barh(-place, row.psi, height=0.52, color=BAD if row.drifted else SOFT)
            if row.threshold is not None:
                axes.plot([row.threshold] * 2, [-place - 0.38, -place + 0.38], color=INK, linewidth=2.0)
            beyond = max(row.psi, row.threshold or 0.0)
            axes.annotate(
                significant(row.psi, 2),
                (beyond, -place),
                (7, 0),
                textcoords="offset points",
                va="center",
                size=12.5,
                color=MUTED,
            )
        axes.set_yticks([-place for place in range(len(rows))], [label(row.name) for row in rows], color=INK)
        axes.set_xlim(0, longest * 1.16)
        axes.set_ylim(-len(rows) + 0.4, 0.6)
        axes.locator_params(axis="x", nbins=5)
        axes.grid(axis="x")
        axes.spines["bottom"].set_visible(False)
        axes.set_xlabel("PSI against the reference", labelpad=7)

    return draw(
        name,
        alternative,
        paint,
        height=len(rows) * 27 + 70,
        margins=Margins(left=room_for(row.name for row in rows), top=6),
    )


def timeline(name: str, alternative: str, points: Sequence[Point], events: Sequence[int]) -> Html:
    """The worst PSI over time, its threshold, and numbered events (instants) as upright lines."""
    if not points:
        return Html("")
    times = [point.at for point in points]
    first, last = min([*times, *events]), max([*times, *events])
    highest = max(max(point.psi, point.threshold or 0.0) for point in points) or 1.0
    span = (last - first) or DAY
    levels = _levels(events, span * 0.065)
    bounded = [(point.at, point.threshold) for point in points if point.threshold is not None]

    def paint(axes: Axes) -> None:
        axes.set_xlim(first - span * 0.03, last + span * 0.03)
        # Room above the highest point for as many rows of numbers as there are.
        axes.set_ylim(0, highest / (0.93 - 0.085 * (max(levels, default=0) + 1)))
        for at in sorted(set(events)):
            axes.axvline(at, color=LINE, linewidth=1.4)
        if bounded:
            axes.plot(*zip(*bounded, strict=True), color=INK, linewidth=1.4, linestyle=(0, (4, 3)))
        axes.plot(times, [point.psi for point in points], color=SOFT, linewidth=2.0)
        above = [p.threshold is not None and p.psi > p.threshold for p in points]
        for wanted, colour in ((False, ACCENT), (True, BAD)):
            inside = [p for p, over in zip(points, above, strict=True) if over is wanted]
            axes.plot(
                [p.at for p in inside],
                [p.psi for p in inside],
                color=colour,
                marker="o",
                markersize=5.5,
                linestyle="none",
            )
        for place, (at, level) in enumerate(zip(events, levels, strict=True)):
            axes.annotate(
                str(place + 1),
                (at, 1.0),
                (0, -9 - 21 * level),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha="center",
                va="center",
                size=11,
                color=PAPER,
                weight="bold",
                bbox={"boxstyle": "circle,pad=0.28", "facecolor": INK, "edgecolor": "none"},
            )
        _dates(axes, first, last)
        axes.locator_params(axis="y", nbins=5)
        axes.grid(axis="y")
        title_upright(axes, "PSI of the worst column")

    return draw(name, alternative, paint, height=300, margins=Margins(left=44, bottom=34, right=36))


def _levels(events: Sequence[int], near: float) -> list[int]:
    """The row of each event's number: the highest one where it stands clear of the earlier numbers."""
    rows: list[list[int]] = []
    placed = []
    for at in events:
        free = (level for level, row in enumerate(rows) if all(abs(at - other) >= near for other in row))
        level = next(free, len(rows))
        rows += [[]] if level == len(rows) else []
        rows[level].append(at)
        placed.append(level)
    return placed


def _dates(axes: Axes, first: int, last: int) -> None:
    """Four ticks written as dates, or as times where all fall within two days."""
    ticks = [first + (last - first) * step // 3 for step in range(4)] if last > first else [first]
    if last - first > 2 * DAY:
        ticks = sorted({tick // DAY * DAY for tick in ticks})
        names = [format_instant(tick)[:10] for tick in ticks]
    else:
        names = [format_instant(tick)[5:16].replace("T", " ") for tick in ticks]
    axes.set_xticks(ticks, names)
