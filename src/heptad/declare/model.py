"""Step 4: which family of model learns the objective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from heptad.declare.wording import is_number, is_whole, shown
from heptad.errors import DeclarationError


@dataclass(frozen=True)
class GBDT:
    """Gradient-boosted trees (LightGBM, binary objective)."""

    trees: int = 120
    leaves: int = 31
    learning_rate: float = 0.08
    min_rows_per_leaf: int = 50

    def __post_init__(self) -> None:
        for name in ("trees", "leaves", "learning_rate", "min_rows_per_leaf"):
            value, default = getattr(self, name), getattr(type(self), name)
            if not (is_number(value) if name == "learning_rate" else is_whole(value)) or not value > 0:
                raise DeclarationError(
                    f"GBDT.{name}", "a positive number" if name == "learning_rate" else "a whole number from 1",
                    shown(value), f"write for example {name}={default}",
                )  # fmt: skip


@dataclass(frozen=True)
class Logistic:
    """Logistic regression on standardised columns, missing values imputed by the median (scikit-learn)."""

    c: float = 1.0

    def __post_init__(self) -> None:
        if not is_number(self.c) or not self.c > 0:
            raise DeclarationError("Logistic.c", "a positive inverse penalty", shown(self.c), "use c=1.0")


@dataclass(frozen=True, eq=False)
class Model:
    """Any object with ``fit(x, y)`` and ``predict_proba(x)``; it is copied before each training."""

    estimator: Any

    def __post_init__(self) -> None:
        if isinstance(self.estimator, type):
            raise DeclarationError(
                "Model", "an object with fit(x, y) and predict_proba(x)", shown(self.estimator),
                f"write hp.Model({self.estimator.__name__}())",
            )  # fmt: skip
        for method in ("fit", "predict_proba"):
            if not callable(getattr(self.estimator, method, None)):
                raise DeclarationError(
                    "Model", "an object with fit(x, y) and predict_proba(x)",
                    f"{type(self.estimator).__name__} without {method}",
                    "wrap it in a class that has both",
                )  # fmt: skip


#: Frozen networks that `Embedding` may stand on.
BACKBONES = ("efficientnet-lite0",)


@dataclass(frozen=True)
class Embedding:
    """A frozen ``backbone`` and a projection trained on its features: ``hidden`` units, then ``size`` numbers.

    The projection is learned from batches of ``batch`` pictures, ``epochs`` times through all of them.
    """

    backbone: str = "efficientnet-lite0"
    size: int = 128
    hidden: int = 512
    epochs: int = 30
    batch: int = 512

    def __post_init__(self) -> None:
        if self.backbone not in BACKBONES:
            raise DeclarationError(
                "Embedding.backbone", f"one of {', '.join(map(repr, BACKBONES))}", shown(self.backbone),
                f"write hp.Embedding({BACKBONES[0]!r})",
            )  # fmt: skip
        for name in ("size", "hidden", "epochs", "batch"):
            value, least = getattr(self, name), 1 if name == "epochs" else 2
            if not is_whole(value) or value < least:
                raise DeclarationError(
                    f"Embedding.{name}", f"a whole number from {least}", shown(value),
                    f"write for example {name}={getattr(type(self), name)}",
                )  # fmt: skip


AnyModel = GBDT | Logistic | Model
