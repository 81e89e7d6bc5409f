"""MovieLens 100K: where it lies, its terms, its files to the byte."""

from __future__ import annotations

from heptad.catalogue.dataset import Dataset, File
from heptad.catalogue.wheel import Wheel

#: Tab-separated text with one header line of ``name:type``. The authors' own archive holds the same rows in
#: another layout, so it is the homepage and not a source: a file here is known by its exact bytes.
MOVIELENS_100K = Dataset(
    name="movielens-100k",
    title="100,000 ratings of 1,682 films by 943 people, September 1997 to April 1998, to the second",
    licence=(
        "GroupLens terms of use: research use with citation; no redistribution and no commercial use"
        " without permission; no endorsement implied"
    ),
    citation=(
        "F. Maxwell Harper and Joseph A. Konstan. 2015. The MovieLens Datasets: History and Context."
        " ACM Transactions on Interactive Intelligent Systems 5(4), 19:1-19:19."
        " https://doi.org/10.1145/2827872"
    ),
    homepage="https://grouplens.org/datasets/movielens/100k/",
    files=(
        File("ml-100k.inter", 1_979_230, "4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff"),
        File("ml-100k.item", 66_632, "51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532"),
        File("ml-100k.user", 22_697, "4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972"),
    ),
    sources=(Wheel("recbole==1.2.1", "recbole/dataset_example/ml-100k"),),
)
