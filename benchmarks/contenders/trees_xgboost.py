"""XGBoost's own trees of the same number and size, from the same training rows: other trees, for the record."""

from importlib.metadata import version

import xgboost
from trees_requests import arguments, compete, rows_of

SETTINGS = {
    "objective": "binary:logistic", "tree_method": "hist", "grow_policy": "lossguide", "max_leaves": 63,
    "max_depth": 0, "eta": 0.05, "nthread": 1, "lambda": 1.0, "min_child_weight": 1.0, "verbosity": 0,
}  # fmt: skip


def main():
    given = arguments()
    kept = given.data / "xgboost.ubj"
    if not kept.exists():
        x, y = rows_of(given.data / "train.parquet")
        xgboost.train(SETTINGS | {"nthread": 2}, xgboost.DMatrix(x, y), num_boost_round=200).save_model(kept)
    booster = xgboost.Booster({"nthread": 1}, model_file=kept)
    leaves = booster.trees_to_dataframe()["Feature"].eq("Leaf").sum()
    compete(booster.inplace_predict, given, leaves=int(leaves), versions={"xgboost": version("xgboost-cpu")})


if __name__ == "__main__":
    main()
