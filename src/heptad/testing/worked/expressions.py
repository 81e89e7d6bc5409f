"""What derived features are, operation by operation: the request they are computed for, and the value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import heptad as hp
from heptad.declare.expressions import Expression
from heptad.plan.compile import compile_features
from heptad.plan.nodes import Plan

_NULL: Final = math.nan


class Offer(hp.Event):
    offer: hp.Key
    ts: hp.Time
    user: hp.Id
    bid: float | None
    floor: float | None
    device: str | None
    section: str | None
    words: list[str] | None
    lat: float | None
    lon: float | None
    shop_lat: float | None
    shop_lon: float | None
    taste: hp.Vector[2] | None  # type: ignore[type-arg, valid-type]
    style: hp.Vector[2] | None  # type: ignore[type-arg, valid-type]


@dataclass(frozen=True)
class Derivation:
    """One row: ``feature``, as ``written``, of a request that brings ``given`` (the rest is null) is ``value``."""

    says: str
    written: str
    feature: Expression
    given: Mapping[str, Any]
    value: object

    @property
    def plan(self) -> Plan:
        """The plan of the one feature, called ``value``."""
        return compile_features(hp.Data(contextual={"value": self.feature}), hp.label(Offer))

    @property
    def ask(self) -> dict[str, Any]:
        """The request, parsed: every column of it."""
        row = Offer.parse({"offer": 1, "ts": 0, "user": 1, **self.given})
        return {name: value for name, value in row.items() if name != "ts"}


def _of(says: str, written: str, value: object, **given: Any) -> Derivation:
    """``written`` is Python: `col` and all of heptad by ``hp``, and the columns of an offer by their names."""
    names = {name: getattr(Offer, name) for name in Offer.fields}
    feature = eval(written, {"hp": hp, **names})
    return Derivation(says, written, feature.expression(), given, value)


_PARIS: Final = {"lat": 48.8566, "lon": 2.3522}
_LONDON: Final = {"shop_lat": 51.5074, "shop_lon": -0.1278}

ROWS: Final[tuple[Derivation, ...]] = (
    _of("arithmetic is that of float64", "bid - 2 * floor", 0.5, bid=1.5, floor=0.5),
    _of("a null argument makes the value null", "bid - floor", _NULL, bid=1.5),
    _of("division by zero is null", "bid / floor", _NULL, bid=1.5, floor=0.0),
    _of("the sign, and the size without it", "abs(-bid)", 1.5, bid=-1.5),
    _of("a comparison is 1 or 0", "bid > floor", 1.0, bid=1.5, floor=0.5),
    _of("and null where a side is", "bid > floor", _NULL, floor=0.5),
    _of("texts are compared by == and !=", "device == 'web'", 0.0, device="app"),
    _of("& | ~ combine truth values", "(bid > 1) & ~(device == 'web')", 1.0, bid=1.5, device="app"),
    _of("a number is kept between two bounds", "hp.clip(bid, 0, 1)", 1.0, bid=1.5),
    _of("one bound may be left out", "hp.clip(bid, lo=0)", 0.0, bid=-2.0),
    _of("log(1 + x)", "hp.log1p(bid)", math.log1p(1.5), bid=1.5),
    _of("null from -1 down", "hp.log1p(bid)", _NULL, bid=-1.0),
    _of("the square root", "hp.sqrt(bid)", 1.5, bid=2.25),
    _of("null below 0", "hp.sqrt(bid)", _NULL, bid=-1.0),
    _of("one value or another", "hp.where(bid > floor, bid, floor)", 1.5, bid=1.5, floor=0.5),
    _of("only the value that is taken can make it null", "hp.where(bid > 1, bid, floor)", 1.5, bid=1.5),
    _of("null where the condition is", "hp.where(bid > 1, 1, 0)", _NULL),
    _of("a value in place of null", "hp.coalesce(bid, floor)", 0.5, floor=0.5),
    _of("whether a value is null", "hp.is_null(bid)", 1.0),
    _of("the hour of the request, UTC", "hp.hour() >= 22", 0.0),
    _of("categories crossed", "hp.cross(device, section)", "app×news", device="app", section="news"),
    _of("numbers are spelled as Python does", "hp.cross(device, bid)", "app×2", device="app", bid=2.0),
    _of("the sign itself is told apart", "hp.cross(device, section)", "a\\×b×c", device="a×b", section="c"),
    _of("a cross in a bucket", "hp.cross(device, section, buckets=1000)", 926, device="app", section="news"),
    _of("null where one of them is", "hp.cross(device, section)", None, device="app"),
    _of("km between two points", "hp.distance(lat, lon, shop_lat, shop_lon)", 343.5565, **_PARIS, **_LONDON),
    _of("the dot product of two vectors", "hp.dot(taste, style)", -2.5, taste=[1, 2], style=[0.5, -1.5]),
    _of("the cosine of their angle", "hp.cosine(taste, style)", 0.6, taste=[3, 4], style=[1, 0]),
    _of("null where one of them is 0", "hp.cosine(taste, style)", _NULL, taste=[0, 0], style=[1, 0]),
    _of("how many values a list has", "hp.size(words)", 2.0, words=["sale", "shoes"]),
    _of("whether it has a value", "hp.contains(words, 'shoes')", 1.0, words=["sale", "shoes"]),
    _of("of a list that is null", "hp.contains(words, 'shoes')", _NULL),
)
