"""The process that is killed: it commits for ever, and says so after each commit."""

from __future__ import annotations

import sys

from heptad.state.keys import encode
from heptad.state.store import Commit, Meta
from heptad.state.stores.embedded import EmbeddedStore

KEYS = [encode((i,)) for i in range(50)]


def main() -> None:
    store = EmbeddedStore(sys.argv[1], "hash", map_size=1 << 18)  # small, so that it also grows now and then
    n = store.saved().meta.frontier or 0
    while True:
        n += 1
        word = n.to_bytes(8, "little")
        store.commit(
            Commit(
                Meta("hash", n, {0: n}, n + 1), {(0, key): word * (1 + n % 60) for key in KEYS},
                {("Sale", n): word}, [("Sale", n - 1)],
                {n: (n + 1, word)}, [n - 1], [f"value {n}"],
            )
        )  # fmt: skip
        print(n, flush=True)


if __name__ == "__main__":
    main()
