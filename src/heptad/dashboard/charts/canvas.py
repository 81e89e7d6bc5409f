"""One plot: matplotlib (loaded only here) draws it, and its colours become the page's, light or dark."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from heptad.dashboard.html import Html, clean, text
from heptad.errors import MissingExtra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# matplotlib needs real colours; these stand for variables of the page's style sheet and are replaced below.
INK, MUTED, LINE, ACCENT, SOFT = "#010101", "#020202", "#030303", "#040404", "#050505"
GOOD, BAD, WARN, PAPER, SECOND = "#060606", "#070707", "#080808", "#090909", "#0a0a0a"
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    ACCENT: "var(--accent)",
    SOFT: "var(--soft)",
    GOOD: "var(--good)",
    BAD: "var(--bad)",
    WARN: "var(--warn)",
    PAPER: "var(--paper)",
    SECOND: "var(--second)",
}
WIDTH = 460  # pixels, close to the width it is shown at, so that text keeps its size
# Any: the type of the keys differs between matplotlib versions.
_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "heptad",
    "text.parse_math": False,
    "font.size": 13,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 12.5,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.linewidth": 1.0,
    "axes.formatter.useoffset": False,
    "grid.color": LINE,
    "grid.linewidth": 1.0,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 12.5,
    "ytick.labelsize": 12.5,
    "xtick.major.pad": 7,
    "ytick.major.pad": 7,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 12.5,
}
_DROPPED = re.compile(r"<!--.*?-->|<metadata>.*?</metadata>|<style[^>]*>.*?</style>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")
_REFERENCE = re.compile(r'(\bid="|href="#|url\(#)')
_SIZE = re.compile(r' (?:width|height)="[^"]*"')


@dataclass(frozen=True, slots=True)
class Margins:
    """Pixels kept free around the axes for labels."""

    left: int = 48
    right: int = 16
    top: int = 28
    bottom: int = 50


def room_for(names: Iterable[str], limit: int = 26) -> int:
    """Pixels a column of names takes, by the width of the widest font a browser is likely to use."""
    return 16 + max((round(len(label(name, limit)) * 7.7) for name in names), default=0)


def title_upright(axes: Axes, name: str) -> None:
    """Name the upright axis above it, where it can be read without turning the head."""
    axes.annotate(
        label(name, 64),
        (0.0, 1.0),
        (0, 12),
        xycoords="axes fraction",
        textcoords="offset points",
        color=MUTED,
        va="center",
    )


def label(value: object, limit: int = 26) -> str:
    """A name fit for a plot: no control characters, one line, not too long."""
    line = " ".join(clean(value).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def draw(
    name: str,
    alternative: str,
    paint: Callable[[Axes], None],
    *,
    height: int,
    margins: Margins | None = None,
) -> Html:
    """The SVG of one plot; ``name`` keeps its ids apart from those of other plots on the page.

    ``alternative`` is read out where the plot cannot be seen. The same input gives the same bytes.
    """
    try:
        import matplotlib
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise MissingExtra.of("the report's plots", "matplotlib", "report") from missing
    edge = margins or Margins()
    buffer = io.StringIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        # The browser has the fonts: a character that matplotlib's own font lacks is no problem here.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        shape = Figure(figsize=(WIDTH / 72, height / 72), dpi=72, facecolor="none")
        FigureCanvasSVG(shape)
        area = (
            edge.left / WIDTH,
            edge.bottom / height,
            (WIDTH - edge.left - edge.right) / WIDTH,
            (height - edge.bottom - edge.top) / height,
        )
        axes = shape.add_axes(area, facecolor="none")
        paint(axes)
        shape.savefig(
            buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")), dpi=72
        )
    return _for_the_page(buffer.getvalue(), name, alternative)


def _for_the_page(svg: str, name: str, alternative: str) -> Html:
    """Make matplotlib's file an inline drawing: ids of its own, colours of the page, a spoken name."""
    body = _DROPPED.sub("", svg[svg.index("<svg") :])

    def rewrite(match: re.Match[str]) -> str:
        piece = _REFERENCE.sub(lambda found: f"{found[0]}{name}-", match[0])
        for colour, variable in _VARIABLES.items():
            piece = piece.replace(colour, variable)
        return piece

    body = _TAG.sub(rewrite, body)
    end = body.index(">")
    head = _SIZE.sub("", body[4:end])
    return Html(
        f'<svg class="chart" role="img" aria-label="{text(alternative)}"{head}{body[end:]}'.replace("\n", "")
    )
