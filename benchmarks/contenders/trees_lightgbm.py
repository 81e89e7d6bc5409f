"""LightGBM on one thread: ``Booster.predict``, or with ``--way c`` its C functions without Python around them."""

import ctypes
from importlib.metadata import version

import lightgbm
import numpy as np
from trees_requests import arguments, compete

NORMAL, FLOAT64, SETTINGS = (
    0,
    1,
    ctypes.c_char_p(b"num_threads=1 predict_disable_shape_check=true verbosity=-1"),
)


def by_python(booster):
    return lambda x: booster.predict(x, num_threads=1, predict_disable_shape_check=True)


def by_c(booster):
    """``LGBM_BoosterPredictForMat``; the one for single rows, prepared in advance, where there is one row."""
    library, handle, length = lightgbm.basic._LIB, booster._handle, ctypes.c_int64(0)
    fast = ctypes.c_void_p()
    library.LGBM_BoosterPredictForMatSingleRowFastInit(
        handle, NORMAL, 0, -1, FLOAT64, ctypes.c_int32(booster.num_feature()), SETTINGS, ctypes.byref(fast)
    )

    def predict(x):
        out = np.empty(len(x))
        source, target = (
            ctypes.c_void_p(x.ctypes.data),
            ctypes.cast(out.ctypes.data, ctypes.POINTER(ctypes.c_double)),
        )
        if len(x) == 1:
            library.LGBM_BoosterPredictForMatSingleRowFast(fast, source, ctypes.byref(length), target)
        else:
            library.LGBM_BoosterPredictForMat(
                handle, source, FLOAT64, ctypes.c_int32(len(x)), ctypes.c_int32(x.shape[1]), 1, NORMAL, 0, -1,
                SETTINGS, ctypes.byref(length), target,
            )  # fmt: skip
        return out

    return predict


def main():
    given = arguments()
    booster = lightgbm.Booster(model_file=given.data / "gbdt.txt")
    way = {"": by_python, "c": by_c}[given.way]
    compete(way(booster), given, versions={"lightgbm": version("lightgbm")})


if __name__ == "__main__":
    main()
