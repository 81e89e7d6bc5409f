"""Step 5: how models are compared, and what a challenger must show before it goes live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from heptad.errors import DeclarationError
from heptad.times import duration

Op = Literal["<", "<=", ">", ">="]


@dataclass(frozen=True)
class Against:
    """Another model a metric is compared with: the champion, or a baseline by name."""

    model: str


champion = Against("champion")


def baseline(name: str) -> Against:
    """A baseline that every evaluation scores on the same requests: 'popular', 'ease', 'covisited'."""
    return Against(name)


@dataclass(frozen=True)
class Gate:
    """One condition of the gate: ``metric op against``; ``against`` is a number or a model's name."""

    metric: str
    op: Op
    against: float | str
    margin: float = 0.0

    def __bool__(self) -> bool:
        raise DeclarationError(
            f"gate {self}", "one comparison in a list", "a truth value asked of it",
            "write gate=[hp.ece < 0.02, hp.ndcg(10) > hp.baseline('popular')], not a chain",
        )  # fmt: skip

    def __str__(self) -> str:
        return f"{self.metric} {self.op} {self.against}"


@dataclass(frozen=True, eq=False)
class Metric:
    """A number computed of predictions and outcomes; comparing it makes a `Gate`."""

    name: str
    higher_is_better: bool

    def _gate(self, op: Op, against: object) -> Gate:
        if isinstance(against, Against):
            if self.higher_is_better != (op[0] == ">"):
                raise DeclarationError(
                    f"gate {self.name} {op} {against.model}",
                    f"'{'>' if self.higher_is_better else '<'}', since {'more' if self.higher_is_better else 'less'}"
                    f" {self.name} is better",
                    f"'{op}'",
                    "turn the comparison around",
                )
            return Gate(self.name, op, against.model)
        if not isinstance(against, (int, float)) or isinstance(against, bool) or against != against:
            raise DeclarationError(
                f"gate {self.name}", "a number, hp.champion or hp.baseline('name')", repr(against),
                f"write hp.{self.name.split('@')[0]} {op} 0.1",
            )  # fmt: skip
        return Gate(self.name, op, float(against))

    def __lt__(self, against: object) -> Gate:
        return self._gate("<", against)

    def __le__(self, against: object) -> Gate:
        return self._gate("<=", against)

    def __gt__(self, against: object) -> Gate:
        return self._gate(">", against)

    def __ge__(self, against: object) -> Gate:
        return self._gate(">=", against)


def ndcg(k: int) -> Metric:
    """Normalised discounted cumulative gain of the first k items."""
    return Metric(f"ndcg@{_depth(k)}", True)


def recall(k: int) -> Metric:
    """Share of the relevant items among the first k."""
    return Metric(f"recall@{_depth(k)}", True)


def _depth(k: int) -> int:
    if not isinstance(k, int) or k < 1:
        raise DeclarationError("metric depth", "a whole number from 1", repr(k), "write hp.ndcg(10)")
    return k


auc = Metric("auc", True)
logloss = Metric("logloss", False)
ne = Metric("ne", False)  #: normalised entropy, He et al. 2014
ece = Metric("ece", False)  #: expected calibration error


@dataclass(frozen=True)
class TimeSplit:
    """Train on the past, test on the future: ``test`` is a duration at the end, or a share of the events."""

    test: str | float

    def __post_init__(self) -> None:
        if isinstance(self.test, str):
            if duration(self.test, thing="TimeSplit.test") <= 0:
                raise DeclarationError("TimeSplit.test", "a positive duration", self.test, "write test='2d'")
        elif not 0.0 < self.test < 1.0:
            raise DeclarationError(
                "TimeSplit.test", "a share between 0 and 1", repr(self.test), "write test=0.2"
            )


@dataclass(frozen=True)
class Evaluation:
    """The split and the gate."""

    split: TimeSplit
    gate: tuple[Gate, ...] | list[Gate] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.split, TimeSplit):
            raise DeclarationError(
                "Evaluation.split", "hp.TimeSplit", repr(self.split), "write hp.TimeSplit(test='2d')"
            )
        for check in self.gate:
            if not isinstance(check, Gate):
                raise DeclarationError(
                    "Evaluation.gate",
                    "comparisons of metrics",
                    repr(check),
                    "write gate=[hp.ne < hp.champion]",
                )
        object.__setattr__(self, "gate", tuple(self.gate))
