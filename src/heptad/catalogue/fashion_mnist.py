"""Fashion-MNIST: where it lies, its terms, its files to the byte."""

from __future__ import annotations

from typing import Final

from heptad.catalogue.dataset import Dataset, File
from heptad.catalogue.debian import Apt, Pool

_PACKAGE: Final = "dataset-fashion-mnist"
_VERSION: Final = "0.0~git20200523.55506a9-1"
_FOLDER: Final = "usr/share/datasets/fashion-mnist"

#: Debian packed the authors' files anew, so theirs hold the same pictures in other bytes and are no source here.
FASHION_MNIST: Final = Dataset(
    name="fashion-mnist",
    title="70,000 grey pictures of 28 x 28 pixels of clothes, shoes and bags, of ten kinds (60,000 + 10,000)",
    licence="MIT (Expat), copyright 2017 Zalando SE",
    citation=(
        "Han Xiao, Kashif Rasul and Roland Vollgraf. 2017. Fashion-MNIST: a Novel Image Dataset for Benchmarking"
        " Machine Learning Algorithms. https://arxiv.org/abs/1708.07747"
    ),
    homepage="https://github.com/zalandoresearch/fashion-mnist",
    files=(
        File(
            "train-images-idx3-ubyte.gz",
            26_421_856,
            "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
        ),
        File(
            "train-labels-idx1-ubyte.gz",
            29_491,
            "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
        ),
        File(
            "t10k-images-idx3-ubyte.gz",
            4_422_079,
            "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
        ),
        File(
            "t10k-labels-idx1-ubyte.gz",
            5_125,
            "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
        ),
    ),
    sources=(
        Apt(_PACKAGE, _VERSION, _FOLDER),
        Pool(
            "https://deb.debian.org/debian/pool/main/d/dataset-fashion-mnist",
            f"{_PACKAGE}_{_VERSION}_all.deb",
            _FOLDER,
        ),
    ),
)
