"""The approximate index of many vectors: faiss's inverted lists of 4-bit product codes, tuned to a recall by itself.

It proposes rows; their exact scores are computed from the vectors themselves (`View.search`). How many lists a search
probes and how many rows it proposes are measured when the index is built, on a sample of queries against the exact
answer, so that the recall of a search is what was asked for. Method: Jégou, Douze and Schmid 2011 (inverted lists,
product codes); André, Kermarrec and Le Scouarnec 2015 (codes of 4 bits scanned in registers).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from heptad.errors import MissingExtra, StateError
from heptad.retrieval.vectors.best import Slots
from heptad.retrieval.vectors.metric import Metric, Vectors

Mask = NDArray[np.bool_]

SMALLEST: Final = 256  #: rows from which lists and codes can be trained at all
_SAMPLE: Final = 200  #: queries that tune
_K: Final = 100  #: the answer's length that tunes; a shorter one proposes as many
_DEEPEST: Final = 16_384  #: neighbours whose lists are looked at
_SHARES: Final = (0.1, 0.25, 0.5, 1.0)  #: of rows that a filter lets pass
_LISTS_MISS: Final = 0.7  #: the part of what may be missed that may lie in lists not probed
#: One list in so many is probed at least: where vectors lie in clusters a sample says little of the few queries
#: whose cluster is cut in two, and these lists cost next to nothing.
_LEAST: Final = 32
_MOST: Final = 64  #: rows proposed per row asked for, at most
_NEARLY: Final = 0.99  #: of the neighbours in probed lists, where too few are for the recall
_ROWS_PER_LIST: Final = 100  #: that train a list
_CELLS: Final = 8_000_000
_BLOCK: Final = 128  #: rows scanned before the next codes' tables are loaded


def faiss_module() -> Any:
    """faiss, or `MissingExtra`."""
    try:
        import faiss
    except ImportError as error:
        raise MissingExtra.of("an approximate vector index", "faiss", "vectors") from error
    return faiss


class Approximate:
    """Rows 0 … n of some vectors, found by nearness; it never changes. Any number of threads may search."""

    def __init__(self, index: Any, probes: Mapping[int, int], factors: Mapping[float, int]) -> None:
        self._faiss = faiss_module()
        self._index = index
        self.probes = dict(sorted(probes.items()))  #: lists to probe for neighbours up to a depth
        self.factors = dict(
            sorted(factors.items())
        )  #: rows proposed per row asked for, by share of rows allowed

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @classmethod
    def build(cls, vectors: Vectors, metric: Metric, recall: float, queries: Vectors | None = None) -> Self:
        """Train on the vectors (one thread, the same result each time) and tune to ``recall`` of the 100 nearest.

        ``queries`` are what will be asked for; without them some of the vectors themselves stand in.
        """
        faiss = faiss_module()
        n = len(vectors)
        padded = _padded(vectors)
        dimension = padded.shape[1]
        lists = _lists(n)
        product = faiss.METRIC_L2 if metric.by_distance else faiss.METRIC_INNER_PRODUCT
        with _one_thread(faiss):
            quantizer = (faiss.IndexFlatL2 if metric.by_distance else faiss.IndexFlatIP)(dimension)
            index = faiss.IndexIVFPQFastScan(
                quantizer, dimension, lists, dimension // _codes(dimension), 4, product, _BLOCK
            )
            index.own_fields = True
            quantizer.this.disown()
            index.cp.min_points_per_centroid = index.pq.cp.min_points_per_centroid = 1  # no warnings printed
            index.by_residual = False  # one table of distances per query instead of one per list
            draw = np.random.default_rng(0)
            index.train(padded[np.sort(draw.permutation(n)[: lists * _ROWS_PER_LIST])])
            index.add(padded)
            own = np.sort(draw.permutation(n)[:_SAMPLE])
            asked = vectors[own] if queries is None else queries[draw.permutation(len(queries))[:_SAMPLE]]
            deep = _nearest(vectors, asked, metric, own if queries is None else None)
            probes = _probes(faiss, index, _padded(asked), deep, 1 - _LISTS_MISS * (1 - recall))
            made = cls(index, probes, {1.0: _MOST})
            made.factors = {share: made._enough(asked, deep, share, recall) for share in _SHARES}
        return made

    def propose(
        self, queries: Vectors, k: int, allowed: Mask | None = None, open_: int | None = None
    ) -> list[Slots]:
        """For each query the rows of its nearest by code, among those allowed: ``open_``, if counted already."""
        lists, rows = int(self._index.nlist), len(self)
        if open_ is None:
            open_ = rows if allowed is None else int(np.count_nonzero(allowed))
        if not open_:
            return [np.empty(0, np.int64)] * len(queries)
        factor = max(self.factors[share] for share in self._around(open_ / rows))
        wanted = min(max(k, _K) * factor, rows)
        depth = k * rows / open_  # of the k-th among those allowed, among all
        probes = next((probes for deep, probes in self.probes.items() if deep >= depth), lists)
        selector = None
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            selector = self._faiss.IDSelectorBitmap(bits)
        found = self._search(queries, wanted, probes, selector)
        short = [row for row, slots in enumerate(found) if len(slots) < min(k, open_)]
        if short and probes < lists:  # the filter lets pass what lies elsewhere
            for row, slots in zip(short, self._search(queries[short], wanted, lists, selector), strict=True):
                found[row] = slots
        return found

    def _around(self, share: float) -> list[float]:
        """The tuned shares on both sides of this one."""
        shares = list(self.factors)
        above = next(place for place, tuned in enumerate(shares) if tuned >= share)
        return shares[max(0, above - 1) : above + 1]

    def _search(self, queries: Vectors, wanted: int, probes: int, selector: Any) -> list[Slots]:
        chosen = {} if selector is None else {"sel": selector}
        with _one_thread(self._faiss):
            parameters = self._faiss.SearchParametersIVF(nprobe=probes, **chosen)
            _, found = self._index.search(_padded(queries), wanted, params=parameters)
        return [slots[slots >= 0] for slots in found]

    def _enough(self, asked: Vectors, deep: Slots, share: float, recall: float) -> int:
        """The smallest factor by which enough of the nearest are proposed, where this share of rows is allowed."""
        allowed = np.random.default_rng(1).random(len(self)) < share
        held, self.factors = self.factors, {1.0: _MOST}
        found = self.propose(asked, _K, None if share == 1 else allowed)
        self.factors = held
        nearest = [slots[allowed[slots]][:_K] for slots in deep]
        turns = [np.intersect1d(a, b, return_indices=True)[1] for a, b in zip(found, nearest, strict=True)]
        turn = np.sort(np.concatenate(turns))  # of each true neighbour among the proposed
        enough = min(math.ceil(recall * sum(map(len, nearest))), math.ceil(_NEARLY * len(turn)))
        return int(turn[enough - 1]) // _K + 1 if enough else _MOST

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it as arrays to be saved: numbers, nothing that runs."""
        return {
            "faiss": self._faiss.serialize_index(self._index),
            "probes": np.asarray(list(self.probes.items()), np.int64).reshape(-1, 2),
            "factors": np.asarray(list(self.factors.items()), np.float64).reshape(-1, 2),
        }

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The index that `arrays` gave; `StateError` for bytes that are none. Load only bytes whose hash is known."""
        faiss = faiss_module()
        try:
            index = faiss.deserialize_index(arrays["faiss"])
        except (RuntimeError, KeyError) as error:
            raise StateError(
                "the saved approximate index",
                "an index of faiss",
                str(error)[:100],
                "rebuild it from the vectors",
            ) from error
        return cls(
            index,
            {int(depth): int(n) for depth, n in arrays["probes"].tolist()},
            {share: int(factor) for share, factor in arrays["factors"].tolist()},
        )


def _lists(n: int) -> int:
    """How many lists n rows are put in: a quarter of the root. Long lists scan fast; more pay only with structure."""
    return int(2 ** max(2, round(np.log2(n) / 2 - 2)))


def _codes(dimension: int) -> int:
    """Dimensions that share a code."""
    return 2 if dimension <= 128 else 4


def _padded(vectors: Vectors) -> Vectors:
    """The vectors with zeros behind, until codes divide them: no score changes."""
    lacking = -vectors.shape[1] % _codes(vectors.shape[1])
    return np.ascontiguousarray(np.pad(vectors, ((0, 0), (0, lacking))) if lacking else vectors)


def _nearest(vectors: Vectors, asked: Vectors, metric: Metric, own: Slots | None) -> Slots:
    """(b, deepest): the rows nearest to each asked one, nearest first, its own row left out."""
    deepest = min(_DEEPEST, len(vectors) - 1)
    squares = metric.squares(vectors)
    found = np.empty((len(asked), deepest), np.int64)
    step = max(1, _CELLS // len(vectors))
    for low in range(0, len(asked), step):
        scores, _ = metric.rough(vectors, squares, asked[low : low + step])
        if own is not None:
            scores[np.arange(len(scores)), own[low : low + step]] = -np.inf
        top = np.argpartition(-scores, deepest - 1, axis=1)[:, :deepest]
        order = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
        found[low : low + step] = np.take_along_axis(top, order, axis=1)
    return found


def _probes(faiss: Any, index: Any, asked: Vectors, deep: Slots, coverage: float) -> dict[int, int]:
    """For depths 2, 4, 8, …: the lists to probe so that this share of the neighbours down to there lies in them."""
    lists = int(index.nlist)
    list_of = np.empty(int(index.ntotal), np.int64)
    for number in range(lists):
        size = index.invlists.list_size(number)
        if size:
            list_of[faiss.rev_swig_ptr(index.invlists.get_ids(number), size)] = number
    _, nearest_lists = index.quantizer.search(asked, lists)
    turn = np.empty_like(nearest_lists)
    np.put_along_axis(turn, nearest_lists, np.arange(lists)[None], axis=1)
    needed = np.take_along_axis(turn, list_of[deep], axis=1)
    depths = [2**power for power in range(1, 15) if 2**power <= deep.shape[1]]
    least = 1 + lists // _LEAST
    return {
        depth: max(least, 1 + int(np.quantile(needed[:, :depth], coverage, method="higher")))
        for depth in depths
    }


@contextmanager
def _one_thread(faiss: Any) -> Iterator[None]:
    """faiss in the calling thread only: requests are what runs in parallel, and forked workers have no pool."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
