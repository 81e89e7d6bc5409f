"""Gradient boosted trees by LightGBM, repeatable to the bit and quick on a few hundred rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np

from heptad.errors import MissingExtra, StateError
from heptad.models.base import Matrix, Vector, check_training, check_width
from heptad.models.files import read_json, write_json
from heptad.models.trees.forest import Forest

_TREES: Final = "gbdt.txt"
_SETTINGS: Final = "gbdt.json"


class GBDT:
    """Boosted decision trees for a 0/1 label (Ke et al., LightGBM, 2017).

    NaN goes down its own learned branch; ``categorical`` names code columns, split by subsets of codes.
    Training is deterministic for one version of LightGBM and any number of ``threads``.
    Predicting gives LightGBM's bits by kernels of our own, on one thread (`trees.forest.Forest`).
    """

    family: ClassVar[str] = "gbdt"

    def __init__(
        self,
        *,
        trees: int = 200,
        leaves: int = 31,
        learning_rate: float = 0.05,
        min_rows: int = 20,
        l2: float = 1.0,
        row_share: float = 1.0,
        column_share: float = 1.0,
        categorical: Sequence[int] = (),
        threads: int = 1,
        seed: int = 0,
    ) -> None:
        self.settings: dict[str, Any] = {
            "trees": trees,
            "leaves": leaves,
            "learning_rate": learning_rate,
            "min_rows": min_rows,
            "l2": l2,
            "row_share": row_share,
            "column_share": column_share,
            "categorical": list(categorical),
            "threads": threads,
            "seed": seed,
        }
        self._booster: Any = None
        self._forest: Forest | None = None
        self._width = 0

    def fit(self, x: Matrix, y: Vector, weight: Vector | None = None) -> Self:
        """Learn from x (n, d), y (n,) of 0 and 1, weight (n,)."""
        lightgbm = _lightgbm()
        check_training(self.family, x, y, weight)
        settings = self.settings
        parameters = {
            "objective": "binary",
            "num_leaves": settings["leaves"],
            "learning_rate": settings["learning_rate"],
            "min_data_in_leaf": settings["min_rows"],
            "lambda_l2": settings["l2"],
            "bagging_fraction": settings["row_share"],
            "bagging_freq": int(settings["row_share"] < 1),
            "feature_fraction": settings["column_share"],
            "num_threads": settings["threads"],
            "seed": settings["seed"],
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        rows = lightgbm.Dataset(
            x,
            label=y,
            weight=weight,
            categorical_feature=settings["categorical"],
            params={"verbosity": -1},
        )
        self._booster = lightgbm.train(parameters, rows, num_boost_round=settings["trees"])
        self._width = x.shape[1]
        self._forest = Forest.read(self._booster.model_to_string(), self._width)
        return self

    def predict_proba(self, x: Matrix) -> Vector:
        """The probability of 1 for each row, (n,)."""
        check_width(self.family, x, self._width)
        if self._forest is None:  # a model from elsewhere, such as one of linear leaves
            return np.asarray(self._predict(x), dtype=np.float64)
        return self._forest.predict_proba(x)

    def contributions(self, x: Matrix) -> Matrix:
        """What each column adds to the log-odds of each row, (n, d + 1); the last column is the base.

        A row's sum is its log-odds. Shapley values by TreeSHAP (Lundberg et al. 2020).
        """
        check_width(self.family, x, self._width)
        return np.asarray(self._predict(x, pred_contrib=True), dtype=np.float64)

    def importance(self) -> Vector:
        """The total gain of the splits on each column, (d,)."""
        return np.asarray(self._booster.feature_importance("gain"), dtype=np.float64)

    def save(self, directory: Path) -> None:
        """Write ``gbdt.txt`` (LightGBM's own text) and ``gbdt.json``."""
        write_json(directory / _SETTINGS, {"settings": self.settings, "width": self._width})
        (directory / _TREES).write_text(self._booster.model_to_string(), encoding="utf-8")

    @classmethod
    def load(cls, directory: Path, vouched: Mapping[str, str] | None = None) -> Self:
        """Read what `save` wrote; it predicts the same bits."""
        lightgbm = _lightgbm()
        saved = read_json(directory / _SETTINGS)
        model = cls(**saved["settings"])
        model._width = saved["width"]
        try:
            text = (directory / _TREES).read_text(encoding="utf-8")
            model._booster = lightgbm.Booster(model_str=text)
        except (OSError, lightgbm.basic.LightGBMError) as error:
            raise StateError(
                f"model file {_TREES}", "the text of a LightGBM model", error, "load another version"
            ) from error
        model._forest = Forest.read(text, model._width)
        return model

    def _predict(self, x: Matrix, **how: bool) -> Any:
        if len(x) == 0:
            return np.empty((0, self._width + 1) if how else 0)
        # the width has been checked; LightGBM's own check costs more than the walk on a small batch
        return self._booster.predict(x, num_threads=1, predict_disable_shape_check=True, **how)


def _lightgbm() -> Any:
    try:
        import lightgbm
    except ImportError as error:
        raise MissingExtra.of("models.GBDT", "lightgbm", "gbdt") from error
    return lightgbm
