"""Step 5: how models are compared, and what a challenger must show before it goes live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from heptad.declare.wording import is_number, is_whole, listed, shown
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
    greatest: float = 1.0  #: what it can be at most

    def _gate(self, op: Op, against: object) -> Gate:
        right = ">" if self.higher_is_better else "<"
        if op[0] != right:
            raise DeclarationError(
                f"gate {self.name} {op} {against.model if isinstance(against, Against) else shown(against)}",
                f"{right!r}, since {'more' if self.higher_is_better else 'less'} {self.name} is better",
                repr(op), "turn the comparison around",
            )  # fmt: skip
        if isinstance(against, Against):
            return Gate(self.name, op, against.model)
        if not isinstance(against, (int, float)) or not is_number(against):
            raise DeclarationError(
                f"gate {self.name}", "a number, hp.champion or hp.baseline('name')", shown(against),
                f"write {self} {right} hp.champion",
            )  # fmt: skip
        if not 0.0 <= against <= self.greatest:
            raise DeclarationError(
                f"gate {self.name} {op} {against}", f"a bound that {self.name} can reach, 0 to {self.greatest:g}",
                shown(against), f"write for example {self} {right} 0.1",
            )  # fmt: skip
        return Gate(self.name, op, float(against))

    def __str__(self) -> str:
        name, _, depth = self.name.partition("@")
        return f"hp.{name}({depth})" if depth else f"hp.{name}"

    def __lt__(self, against: object) -> Gate:
        return self._gate("<", against)

    def __le__(self, against: object) -> Gate:
        return self._gate("<=", against)

    def __gt__(self, against: object) -> Gate:
        return self._gate(">", against)

    def __ge__(self, against: object) -> Gate:
        return self._gate(">=", against)


@dataclass(frozen=True, eq=False)
class AtDepth:
    """A metric of the first k items of a list; ``hp.ndcg(10)`` is the metric itself."""

    name: str

    def __call__(self, k: int) -> Metric:
        """The metric at depth ``k``, a whole number from 1."""
        if not is_whole(k) or k < 1:
            raise DeclarationError(
                f"hp.{self.name}", "a depth, a whole number from 1", shown(k), f"write hp.{self.name}(10)"
            )
        return Metric(f"{self.name}@{k}", True)

    def _needs_depth(self, against: object) -> Gate:
        raise DeclarationError(
            f"gate hp.{self.name}", f"a depth: hp.{self.name}(10)", f"hp.{self.name} itself",
            f"write hp.{self.name}(10) > hp.champion",
        )  # fmt: skip

    __lt__ = __le__ = __gt__ = __ge__ = _needs_depth


ndcg = AtDepth("ndcg")  #: normalised discounted cumulative gain
recall = AtDepth("recall")  #: share of the relevant items that is among the first k
auc = Metric("auc", True)
logloss = Metric("logloss", False, float("inf"))
ne = Metric("ne", False, float("inf"))  #: normalised entropy, He et al. 2014
ece = Metric("ece", False)  #: expected calibration error


@dataclass(frozen=True)
class TimeSplit:
    """Train on the past, test on the future: ``test`` is a duration at the end, or a share of the events."""

    test: str | float

    def __post_init__(self) -> None:
        if isinstance(self.test, str):
            if duration(self.test, thing="TimeSplit.test") <= 0:
                raise DeclarationError("TimeSplit.test", "a positive duration", self.test, "write test='2d'")
        elif not is_number(self.test) or not 0.0 < self.test < 1.0:
            raise DeclarationError(
                "TimeSplit.test", "a share between 0 and 1, or a duration", shown(self.test),
                "write test=0.2 or test='2d'",
            )  # fmt: skip


@dataclass(frozen=True)
class Evaluation:
    """The split and the gate."""

    split: TimeSplit
    gate: tuple[Gate, ...] | list[Gate] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.split, TimeSplit):
            raise DeclarationError(
                "Evaluation.split", "hp.TimeSplit", shown(self.split), "write hp.TimeSplit(test='2d')"
            )
        for check in self.gate if listed(self.gate) else (self.gate,):
            if not listed(self.gate) or not isinstance(check, Gate):
                raise DeclarationError(
                    "Evaluation.gate", "a list of comparisons of metrics",
                    str(check) if isinstance(check, Gate) else shown(check), "write gate=[hp.ne < hp.champion]",
                )  # fmt: skip
        object.__setattr__(self, "gate", tuple(self.gate))
