"""Small pieces of HTML; text becomes `Html` only by being escaped, so that nothing can be forgotten."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NewType

Html = NewType("Html", str)
NOTHING = Html("")
# Characters HTML does not allow at all (NUL and the other controls, lone surrogates) become a visible mark.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def clean(value: object) -> str:
    """The text of a value without characters that neither HTML nor SVG may hold."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", str(value))


def text(value: object) -> Html:
    """Any value as text that cannot become markup.

    >>> text("<b>")
    '&lt;b&gt;'
    """
    return Html(html.escape(clean(value), quote=True))


def join(*pieces: Html) -> Html:
    """Pieces one after the other."""
    return Html("".join(pieces))


def tag(name: str, *children: Html, **attributes: str | None) -> Html:
    """One element; attributes are escaped, ``class_`` and ``aria_label`` are written as HTML spells them.

    >>> tag("p", text("a & b"), class_="note")
    '<p class="note">a &amp; b</p>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{written}>{''.join(children)}</{name}>")


def paragraph(value: str) -> Html:
    """A paragraph of plain text; an empty text gives nothing."""
    return tag("p", text(value)) if value else NOTHING


@dataclass(frozen=True, slots=True)
class Column:
    """The head of a table column; numbers are aligned to the right, prose gets room to be read."""

    title: str
    numeric: bool = False
    prose: bool = False

    @property
    def kind(self) -> str | None:
        """The style of its cells."""
        return "number" if self.numeric else "prose" if self.prose else None


def table(
    columns: Sequence[Column], rows: Iterable[Sequence[Html]], *, caption: str, shown: bool = True
) -> Html:
    """A table that scrolls sideways where the screen is too narrow for it.

    The caption is read out in any case; ``shown=False`` hides it where the section's title says the same.
    """
    kinds = [column.kind for column in columns]
    head = tag(
        "tr",
        *(
            tag("th", text(column.title), scope="col", class_=kind)
            for column, kind in zip(columns, kinds, strict=True)
        ),
    )
    body = [
        tag("tr", *(tag("td", cell, class_=kind) for cell, kind in zip(row, kinds, strict=True)))
        for row in rows
    ]
    named = tag("caption", text(caption)) if shown else NOTHING
    inner = tag("table", named, tag("thead", head), tag("tbody", *body))
    return tag("div", inner, class_="scroll", tabindex="0", role="region", aria_label=caption)


def figure(svg: Html, caption: str) -> Html:
    """A plot and the sentence that says what to see in it; no plot, no figure."""
    return tag("figure", svg, tag("figcaption", text(caption))) if svg else NOTHING


def beside(*pieces: Html) -> Html:
    """Pieces next to each other where there is room, below each other where there is not."""
    shown = [tag("div", piece) for piece in pieces if piece]
    return tag("div", *shown, class_="beside") if shown else NOTHING


def verdict(holds: bool | None, yes: str = "holds", no: str = "fails", unknown: str = "not measured") -> Html:
    """A word in the colour of its meaning, with a sign so that colour is not needed to read it."""
    if holds is None:
        return tag("span", text(f"○ {unknown}"), class_="verdict unknown")
    return tag(
        "span", text(f"✓ {yes}" if holds else f"✗ {no}"), class_=f"verdict {'good' if holds else 'bad'}"
    )


def code(value: str, shown: int = 0) -> Html:
    """A hash or name in a fixed-width font; a long one is cut to ``shown`` characters, whole in its title."""
    if not value:
        return NOTHING
    short = value[:shown] if shown and len(value) > shown else value
    return tag("code", text(short), title=value if short != value else None)


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the report: where the table of contents points, its title, and its content."""

    identifier: str
    title: str
    lead: str
    body: Html

    def html(self) -> Html:
        """The section as HTML."""
        lead = tag("p", text(self.lead), class_="lead") if self.lead else NOTHING
        return tag("section", tag("h2", text(self.title)), lead, self.body, id=self.identifier)
