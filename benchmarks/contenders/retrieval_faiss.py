"""faiss by itself: an HNSW graph, inverted lists of whole vectors, or the exact scan; filters by its bitmap selector."""

from importlib.metadata import version

import faiss
import numpy as np
from measure import peak_mb
from retrieval_race import K, arguments, race, report

FORMS = {
    "hnsw": ("HNSW32", [100, 200, 400, 800, 1600]),
    "ivf": ("IVF1024,Flat", [4, 8, 16, 32, 64, 128, 256, 512, 1024]),
    "exact": ("Flat", [0]),
}


class Faiss:
    def __init__(self, form: str) -> None:
        self.form = form
        self.efforts = FORMS[form][1]
        self.delete = self._remove if form == "ivf" else None

    def build(self, vectors: np.ndarray) -> None:
        faiss.omp_set_num_threads(2)
        self.index = faiss.index_factory(vectors.shape[1], FORMS[self.form][0])
        self.index.train(vectors[:: max(1, len(vectors) // 100_000)])
        self.index.add(vectors)
        faiss.omp_set_num_threads(1)

    def prepare(self, mask: np.ndarray | None) -> object:
        if mask is None:
            return None
        self.bits = np.packbits(mask, bitorder="little")  # held: the selector only points to it
        return faiss.IDSelectorBitmap(self.bits)

    def search(self, query: np.ndarray, allowed: object, effort: int) -> np.ndarray:
        chosen = {} if allowed is None else {"sel": allowed}
        if self.form == "hnsw":
            parameters = faiss.SearchParametersHNSW(efSearch=effort, **chosen)
        elif self.form == "ivf":
            parameters = faiss.SearchParametersIVF(nprobe=effort, **chosen)
        else:
            parameters = faiss.SearchParameters(**chosen)
        found = self.index.search(query[None], K, params=parameters)[1][0]
        return found[found >= 0]

    def add(self, ids: np.ndarray, vectors: np.ndarray) -> None:
        self.index.add(vectors)  # ids go on where they ended

    def _remove(self, ids: np.ndarray) -> None:
        self.index.remove_ids(faiss.IDSelectorBatch(ids))


def main() -> None:
    parser = arguments()
    parser.add_argument("--form", choices=FORMS, required=True)
    given = parser.parse_args()
    found = race(Faiss(given.form), given.data, given.answer, given.queries, given.seconds)
    report(found, {"faiss-cpu": version("faiss-cpu")}, peak_mb())


if __name__ == "__main__":
    main()
