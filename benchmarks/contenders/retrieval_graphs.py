"""usearch and hnswlib, graphs both. Neither filters fast from Python: more are fetched, and those that fit are kept."""

from importlib.metadata import version

import numpy as np
from measure import peak_mb
from retrieval_race import K, arguments, race, report

EFFORTS = [100, 200, 400, 800, 1600]


class _Graph:
    efforts = EFFORTS

    def prepare(self, mask: np.ndarray | None) -> tuple[np.ndarray | None, int]:
        """The mask, and how many to fetch so that nearly always 100 of them fit."""
        if mask is None:
            return None, K
        share = mask.mean()
        return mask, int((K + 3 * K**0.5) / share)

    def search(self, query: np.ndarray, allowed: tuple[np.ndarray | None, int], effort: int) -> np.ndarray:
        mask, fetched = allowed
        found = self.fetch(query, fetched, max(effort, fetched))
        return (found if mask is None else found[mask[found]])[:K]


class USearch(_Graph):
    def build(self, vectors: np.ndarray) -> None:
        from usearch.index import Index

        self.index = Index(
            ndim=vectors.shape[1], metric="l2sq", dtype="f32", connectivity=16, expansion_add=128
        )
        self.index.add(np.arange(len(vectors)), vectors, threads=2)

    def fetch(self, query: np.ndarray, n: int, effort: int) -> np.ndarray:
        self.index.expansion_search = effort
        return self.index.search(query, n, threads=1).keys.astype(np.int64)

    def add(self, ids: np.ndarray, vectors: np.ndarray) -> None:
        self.index.add(ids, vectors, threads=1)

    def delete(self, ids: np.ndarray) -> None:
        self.index.remove(ids)


class HNSWLib(_Graph):
    def build(self, vectors: np.ndarray) -> None:
        import hnswlib

        self.index = hnswlib.Index("l2", vectors.shape[1])
        self.index.init_index(len(vectors) + 10_000, M=16, ef_construction=128)
        self.index.add_items(vectors, np.arange(len(vectors)), num_threads=2)

    def fetch(self, query: np.ndarray, n: int, effort: int) -> np.ndarray:
        self.index.set_ef(effort)
        return self.index.knn_query(query, n, num_threads=1)[0][0].astype(np.int64)

    def add(self, ids: np.ndarray, vectors: np.ndarray) -> None:
        self.index.add_items(vectors, ids, num_threads=1)

    def delete(self, ids: np.ndarray) -> None:
        for one in ids.tolist():
            self.index.mark_deleted(one)


def main() -> None:
    parser = arguments()
    parser.add_argument("--library", choices=["usearch", "hnswlib"], required=True)
    given = parser.parse_args()
    runner = {"usearch": USearch, "hnswlib": HNSWLib}[given.library]()
    found = race(runner, given.data, given.answer, given.queries, given.seconds)
    report(found, {given.library: version(given.library)}, peak_mb())


if __name__ == "__main__":
    main()
