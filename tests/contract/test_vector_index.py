"""The vector index keeps its contract, exact throughout and with the approximate index in it."""

from functools import partial

import pytest

from heptad.retrieval.vectors.index import VectorIndex
from heptad.testing.vector_index_contract import VectorIndexContract


class TestExact(VectorIndexContract):
    @pytest.fixture
    def make(self):
        return VectorIndex


class TestApproximate(VectorIndexContract):
    """From 257 items on, which the drawn histories and the threads begin with."""

    exact = False
    begin_with = 280

    @pytest.fixture
    def make(self):
        pytest.importorskip("faiss")
        return partial(VectorIndex, exact_below=256)
