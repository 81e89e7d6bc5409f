"""Step 5: how models are compared, and what a challenger must show before it goes live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from heptad.declare.field import Field
from heptad.declare.model import GBDT, Logistic, Model
from heptad.declare.wording import is_number, is_whole, listed, shown
from heptad.errors import DeclarationError
from heptad.times import duration

Op = Literal["<", "<=", ">", ">="]


@dataclass(frozen=True)
class Against:
    """Another model a metric is compared with: the champion, or a baseline by name."""

    model: str


champion = Against("champion")
#: Names of contenders that no compared model may take.
TAKEN = ("heptad", "champion", "prior", "frozen", "chance")


def baseline(name: str) -> Against:
    """A baseline that every evaluation scores on the same requests: a candidate source such as 'popular'.

    In a classification 'prior', or a name of Evaluation.compare; in a retrieval 'frozen' or 'chance'.
    """
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
    spelled: str = ""  #: how it is written, where that is not ``hp.name``

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
        return self.spelled or f"hp.{self.name}"

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
        return Metric(f"{self.name}@{k}", True, spelled=f"hp.{self.name}({k})")

    def _needs_depth(self, against: object) -> Gate:
        raise DeclarationError(
            f"gate hp.{self.name}", f"a depth: hp.{self.name}(10)", f"hp.{self.name} itself",
            f"write hp.{self.name}(10) > hp.champion",
        )  # fmt: skip

    __lt__ = __le__ = __gt__ = __ge__ = _needs_depth


ndcg = AtDepth("ndcg")  #: normalised discounted cumulative gain
recall = AtDepth("recall")  #: share of the relevant items that is among the first k
precision = AtDepth("precision")  #: share of the first k that is relevant
auc = Metric("auc", True)
logloss = Metric("logloss", False, float("inf"))
ne = Metric("ne", False, float("inf"))  #: normalised entropy, He et al. 2014
ece = Metric("ece", False)  #: expected calibration error
brier = Metric("brier", False)  #: mean squared error of the probability, Brier 1950
average_precision = Metric("average_precision", True)  #: area under the precision-recall curve, by steps
caught = Metric("caught", True)  #: share of the true labels among the decisions that are reviewed


def precision_at(k: int, *, per: str | None = None, every: str = "1d") -> Metric:
    """Share of true labels among the ``k`` highest scores of each period, the mean over periods.

    With ``per``, a column's name, its values are ranked by their highest score of the period, each once, and
    count as true where one of their rows is: the card precision of fraud detection.
    """
    thing = "hp.precision_at"
    if not is_whole(k) or k < 1:
        raise DeclarationError(thing, "a depth, a whole number from 1", shown(k), f"write {thing}(100)")
    if per is not None and not isinstance(per, str):
        raise DeclarationError(thing, "per= a column's name as text", shown(per), "write per='customer'")
    if duration(every, thing=f"{thing} every") <= 0:
        raise DeclarationError(thing, "every= a positive duration", shown(every), "write every='1d'")
    said = f"{thing}({k}, per={per!r}, every={every!r})" if per else f"{thing}({k}, every={every!r})"
    return Metric(AtLoad(k, per, every).name, True, spelled=said)


@dataclass(frozen=True)
class AtLoad:
    """What `precision_at` measures; its name holds all of it, as the gate and reports name metrics."""

    k: int
    per: str | None
    every: str

    @property
    def name(self) -> str:
        """``precision@100 per customer every 1d``."""
        return f"precision@{self.k}" + (f" per {self.per}" if self.per else "") + f" every {self.every}"

    @classmethod
    def of(cls, name: str) -> AtLoad | None:
        """What a metric's name holds; None for any other metric."""
        if not name.startswith("precision@"):
            return None
        words = name.removeprefix("precision@").split()
        return cls(int(words[0]), words[2] if words[1] == "per" else None, words[-1])


@dataclass(frozen=True)
class TimeSplit:
    """Train on the past, test on the future: ``test`` is a duration at the end, or a share of the events.

    ``train`` bounds how far back from the newest settled label a classification learns; all of it where None.
    A row is learned from only once its label is settled, so what lies within the label's delay before the
    split is left out by itself.
    """

    test: str | float
    train: str | None = None

    def __post_init__(self) -> None:
        if self.train is not None and duration(self.train, thing="TimeSplit.train") <= 0:
            raise DeclarationError(
                "TimeSplit.train", "a positive duration", shown(self.train), "write train='30d'"
            )
        if isinstance(self.test, str):
            if duration(self.test, thing="TimeSplit.test") <= 0:
                raise DeclarationError("TimeSplit.test", "a positive duration", self.test, "write test='2d'")
        elif not is_number(self.test) or not 0.0 < self.test < 1.0:
            raise DeclarationError(
                "TimeSplit.test", "a share between 0 and 1, or a duration", shown(self.test),
                "write test=0.2 or test='2d'",
            )  # fmt: skip


@dataclass(frozen=True)
class EntitySplit:
    """Train on some entities, test on others: ``test`` is the share of a table's rows held out, by a hash of their key.

    With ``together``, a column of the table, rows that share its value are on one side: variants of one product.
    """

    test: float = 0.25
    together: Any = None  #: a column, an int or text to a type checker

    def __post_init__(self) -> None:
        if not is_number(self.test) or not 0.0 < self.test < 1.0:
            raise DeclarationError(
                "EntitySplit.test", "a share between 0 and 1", shown(self.test), "write test=0.25"
            )
        if self.together is not None and not isinstance(self.together, Field):
            raise DeclarationError(
                "EntitySplit.together", "a column", shown(self.together), "write together=Product.name"
            )


@dataclass(frozen=True)
class Evaluation:
    """The split and the gate, and for a classification the other models it is compared with, by name.

    Where no other model is named, a logistic regression is compared, as ``logistic``; the constant ``prior``
    always is.
    """

    split: TimeSplit | EntitySplit
    gate: tuple[Gate, ...] | list[Gate] = ()
    compare: Mapping[str, GBDT | Logistic | Model] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.split, (TimeSplit, EntitySplit)):
            raise DeclarationError(
                "Evaluation.split", "hp.TimeSplit or, of a retrieval, hp.EntitySplit", shown(self.split),
                "write hp.TimeSplit(test='2d')",
            )  # fmt: skip
        for check in self.gate if listed(self.gate) else (self.gate,):
            if not listed(self.gate) or not isinstance(check, Gate):
                raise DeclarationError(
                    "Evaluation.gate", "a list of comparisons of metrics",
                    str(check) if isinstance(check, Gate) else shown(check), "write gate=[hp.ne < hp.champion]",
                )  # fmt: skip
        object.__setattr__(self, "gate", tuple(self.gate))
        if not isinstance(self.compare, Mapping):
            raise DeclarationError(
                "Evaluation.compare", "a dict of models by name", shown(self.compare),
                "write compare={'forest': hp.Model(...)}",
            )  # fmt: skip
        for name, model in self.compare.items():
            if not isinstance(name, str) or name in TAKEN or not isinstance(model, (GBDT, Logistic, Model)):
                raise DeclarationError(
                    f"Evaluation.compare[{name!r}]", f"a name (not {', '.join(TAKEN)}) and a model", shown(model),
                    "write for example 'forest': hp.Model(RandomForestClassifier())",
                )  # fmt: skip
