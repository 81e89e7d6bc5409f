"""Step 7: what is watched, and what starts a retraining."""

from __future__ import annotations

import re
from dataclasses import dataclass

from heptad.declare.wording import is_number, listed, shown
from heptad.errors import DeclarationError
from heptad.times import duration


@dataclass(frozen=True)
class Daily:
    """Retrain once a day at this time, UTC: ``Daily("03:00")``."""

    at: str

    def __post_init__(self) -> None:
        if not isinstance(self.at, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", self.at):
            raise DeclarationError("Daily", "a time of day HH:MM", shown(self.at), "write hp.Daily('03:00')")


@dataclass(frozen=True)
class Weekly:
    """Retrain once a week on this day at this time, UTC: ``Weekly("Mon 03:00")``."""

    at: str

    def __post_init__(self) -> None:
        day = r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([01]\d|2[0-3]):[0-5]\d"
        if not isinstance(self.at, str) or not re.fullmatch(day, self.at):
            raise DeclarationError(
                "Weekly", "a day and a time, Mon HH:MM", shown(self.at), "write hp.Weekly('Mon 03:00')"
            )


@dataclass(frozen=True)
class OnDrift:
    """Retrain when a column's PSI against the training data passes its threshold.

    ``psi`` is the practical bar; with few rows the bar is raised to what chance alone would pass with
    probability ``alpha`` (see `monitoring.psi`). ``window`` is how much recent serving is compared.
    ``columns`` are the columns watched (all numbers where empty): leave out those that move by nature, such
    as the hour of a few users' sessions, and counts over all time.
    """

    columns: tuple[str, ...] | list[str] = ()
    psi: float = 0.2
    alpha: float = 0.001
    window: str = "7d"

    def __post_init__(self) -> None:
        if not listed(self.columns):
            raise DeclarationError(
                "OnDrift.columns",
                "a list of column names",
                shown(self.columns),
                "write columns=['user_count_1d']",
            )
        numbers = is_number(self.psi) and is_number(self.alpha)
        if not numbers or not self.psi > 0 or not 0 < self.alpha < 1:
            raise DeclarationError(
                "OnDrift", "psi above 0 and alpha between 0 and 1", f"psi={self.psi!r}, alpha={self.alpha!r}",
                "use the defaults, psi=0.2 and alpha=0.001",
            )  # fmt: skip
        if duration(self.window, thing="OnDrift.window") <= 0:
            raise DeclarationError(
                "OnDrift.window", "a positive duration", shown(self.window), "write window='7d'"
            )
        object.__setattr__(self, "columns", tuple(self.columns))


Trigger = Daily | Weekly | OnDrift


@dataclass(frozen=True)
class Monitoring:
    """Triggers of a retraining, and the share of traffic a new champion takes first."""

    retrain: tuple[Trigger, ...] | list[Trigger] = ()
    canary: float = 0.05

    def __post_init__(self) -> None:
        triggers = self.retrain if listed(self.retrain) else (None,)
        for trigger in triggers:
            if not isinstance(trigger, (Daily, Weekly, OnDrift)):
                raise DeclarationError(
                    "Monitoring.retrain", "a list of hp.Daily, hp.Weekly or hp.OnDrift",
                    shown(self.retrain if trigger is None else trigger), "write retrain=[hp.Daily('03:00')]",
                )  # fmt: skip
        if not is_number(self.canary) or not 0.0 < self.canary <= 1.0:
            raise DeclarationError(
                "Monitoring.canary", "a share above 0, at most 1", shown(self.canary), "use canary=0.05"
            )
        object.__setattr__(self, "retrain", tuple(self.retrain))
