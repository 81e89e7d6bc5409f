"""The process that is killed: it commits for ever, and says so after each commit."""

from __future__ import annotations

import sys

from heptad.state.keys import encode
from heptad.state.open import open_store
from heptad.state.store import Commit, Meta, Store
from heptad.state.stores.embedded import EmbeddedStore

KEYS = [encode((i,)) for i in range(50)]


def store_at(url: str) -> Store:
    """The store of a URL; an embedded one so small that it also grows now and then."""
    if url.startswith("embedded:"):
        return EmbeddedStore(url.removeprefix("embedded:"), "hash", map_size=1 << 18)
    return open_store(url, "hash")


def main() -> None:
    store = store_at(sys.argv[1])
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
