"""The same trees by Treelite: compiled to C (tl2cgen), or with ``--way gtil`` its interpreter; contenders' environment."""

import time
from importlib.metadata import version

import numpy as np
import tl2cgen
import treelite
from trees_requests import arguments, compete


def compiled(model, library):
    """C source by tl2cgen, built by gcc once; the seconds that took."""
    begin = time.perf_counter()
    if not library.exists():
        tl2cgen.export_lib(
            model, toolchain="gcc", libpath=library, params={"parallel_comp": 8}, verbose=False
        )
    predictor = tl2cgen.Predictor(library, nthread=1)
    seconds = time.perf_counter() - begin
    return (lambda x: predictor.predict(tl2cgen.DMatrix(x, dtype="float64"))), seconds


def main():
    given = arguments()
    model = treelite.frontend.load_lightgbm_model(given.data / "gbdt.txt")
    if given.way == "gtil":
        predict, seconds = (lambda x: np.asarray(treelite.gtil.predict(model, x, nthread=1))), 0.0
    else:
        predict, seconds = compiled(model, given.data / "trees.so")
    versions = {name: version(name) for name in ("treelite", "tl2cgen")}
    compete(predict, given, build_s=round(seconds, 1), versions=versions)


if __name__ == "__main__":
    main()
