"""What a feature over events is: one aggregation over windows, a rate of two, or a decaying sum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from heptad.algebra.spec import Params
from heptad.algebra.window import Window
from heptad.declare.schema import Condition, Event


@dataclass(frozen=True)
class Windowed:
    """One aggregation of one stream per some keys, over one or more windows: one column per window."""

    event: type[Event]
    keys: tuple[str, ...]
    aggregation: str
    column: str | None
    windows: tuple[Window, ...]
    params: Params = field(default_factory=Params)
    where: Condition | None = None

    def __str__(self) -> str:
        return f"{grouped(self.event, self.keys)}.{self.aggregation}({self.column or ''})"

    __repr__ = __str__

    @property
    def sides(self) -> tuple[Windowed, ...]:
        """The aggregations it is made of."""
        return (self,)


@dataclass(frozen=True)
class Rate:
    """Smoothed rate of one stream's events to another's.

    (numerator + strength * prior) / (denominator + strength), the mean of a beta posterior.
    """

    numerator: Windowed
    denominator: Windowed
    prior: float
    strength: float

    @property
    def windows(self) -> tuple[Window, ...]:
        return self.numerator.windows

    @property
    def sides(self) -> tuple[Windowed, ...]:
        return self.numerator, self.denominator


@dataclass(frozen=True)
class Decay:
    """A sum or count whose events weigh less as they age: half after every half-life (record 17).

    ``total`` has one window per hop, the oldest first, none overlapping; the value is their values weighed by
    2 to the power of minus their age in half-lives, which is counted in whole hops from the newest window.
    """

    total: Windowed
    half_life: int  #: microseconds

    def __str__(self) -> str:
        return f"{self.total}, decaying"

    @property
    def windows(self) -> tuple[Window, ...]:
        return self.total.windows

    @property
    def sides(self) -> tuple[Windowed, ...]:
        return (self.total,)


def grouped(event: type[Event], keys: tuple[str, ...]) -> str:
    """How a grouping is written: ``Click.per('user')``, ``Click.all()``."""
    return f"{event.__name__}.per({', '.join(map(repr, keys))})" if keys else f"{event.__name__}.all()"


def columns_of(name: str, feature: Windowed | Rate | Decay) -> Mapping[str, Window]:
    """The output columns of a feature: its own name for one window or a decay, else name_window for each.

    The window of a decay is its newest.
    """
    if len(feature.windows) == 1 or isinstance(feature, Decay):
        return {name: feature.windows[-1]}
    return {f"{name}_{window.label}": window for window in feature.windows}
