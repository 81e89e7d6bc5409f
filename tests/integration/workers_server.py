"""Serves the made-up world with workers until it is told to stop: what test_workers.py starts.

python workers_server.py DIRECTORY REGISTRY STORE WORKERS
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from heptad.run import serve
from heptad.testing import world as made

if __name__ == "__main__":
    directory, registry, store, workers = sys.argv[1:]
    system = made.world()
    profile = replace(made.profile(system, Path(directory)), registry=Path(registry), store=store)
    serve.serve(
        made.target(system), profile, host="127.0.0.1", port=0, workers=int(workers), deadline=60_000_000
    )
