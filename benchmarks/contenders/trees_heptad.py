"""heptad's trees: loaded as serving loads them."""

import time
from importlib.metadata import version

from trees_requests import arguments, compete

from heptad.models.gbdt import GBDT


def main():
    given = arguments()
    GBDT.load(given.data)
    begin = time.perf_counter()
    model = GBDT.load(given.data)
    loaded = time.perf_counter() - begin
    versions = {name: version(name) for name in ("heptad", "numba", "numpy")}
    compete(model.predict_proba, given, load_ms=round(loaded * 1e3, 1), versions=versions)


if __name__ == "__main__":
    main()
