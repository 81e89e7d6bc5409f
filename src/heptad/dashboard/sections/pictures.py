"""A search by pictures: queries with what they found, and how much of an exact search the index finds."""

from __future__ import annotations

from heptad.dashboard.html import Html, Section, code, join, tag, text
from heptad.dashboard.numbers import milliseconds, score, whole
from heptad.dashboard.reading import Part


def pictures(summary: Part) -> Section | None:
    """A row of pictures per query: itself, then what was found, nearest first."""
    part = summary.part("pictures")
    queries = part.parts("queries")
    if not queries:
        return None
    column = part.text("column")
    found = [hit.flag("alike") for query in queries for hit in query.parts("found")]
    lead = f"{len(queries)} held-out pictures as queries, each left out of its own results"
    if found:
        lead += f": {sum(one is True for one in found)} of {len(found)} results have the query's {column}"
    caption = (
        f"First in each row the query, then the nearest by cosine; ✓ has the query's {column}, ✗ another, which is written"
        " below it. Near-duplicates of a picture further left are left out."
    )
    body = join(*(_row(query) for query in queries), tag("p", text(caption), class_="note"))
    return Section("pictures", "Queries and what they found", lead, body)


def index(summary: Part) -> Section | None:
    """What is indexed, tagged with which embedding, and its recall against an exact search."""
    part = summary.part("index")
    items, recall = part.number("items"), part.number("recall")
    if items is None or recall is None:
        return None
    how = "every search is exact at this size" if part.flag("exact") else "searches are approximate"
    lead = f"{whole(items)} vectors of {whole(part.number('size'))} numbers; {how}"
    low, high = part.ends()
    spread = "" if low is None or high is None else f" (95 %: {score(low)} to {score(high)})"
    k, queries = whole(part.number("k")), whole(part.number("queries"))
    said = (
        f"Recall of the {k} nearest against all cosines computed by themselves: {score(recall)}{spread} over {queries} queries. "
        f"A new picture was found {milliseconds(part.number('freshness_ms'))} ms (99th percentile) after its bytes were there."
    )
    loosely = part.part("approximate")
    if loosely.number("recall") is not None:
        ends = loosely.ends()
        said += (
            f" An approximate index of the same vectors, as a larger table gets, has {score(loosely.number('recall'))}"
            f" (95 %: {score(ends[0])} to {score(ends[1])})."
        )
    version = tag("p", text("Embedding "), code(part.text("version")))
    return Section("index", "Index", lead, join(tag("p", text(said)), version))


def _row(query: Part) -> Html:
    found = [_picture(hit, query.text("kind")) for hit in query.parts("found")]
    return tag("div", _picture(query, None), *found, class_="pictures", role="group")


def _picture(part: Part, wanted: str | None) -> Html:
    """One picture and what is said of it; ``wanted`` is the query's kind, None for the query itself."""
    kind, key = part.text("kind"), part.text("key")
    address = part.text("picture")
    if not address.startswith("data:image/jpeg;base64,"):  # the page may ask for nothing beyond itself
        address = ""
    image = tag("img", src=address or None, alt=f"{kind} {key}", title=key, width="72", height="72")
    if wanted is None:
        return tag("figure", image, tag("figcaption", text(kind)), class_="query")
    alike, cosine = part.flag("alike"), part.number("cosine")
    mark = "✓" if alike else "✗"
    said = f"{mark} {'' if cosine is None else f'{cosine:.2f}'}" + ("" if alike else f" {kind}")
    return tag("figure", image, tag("figcaption", text(said)), class_="good" if alike else "bad")
