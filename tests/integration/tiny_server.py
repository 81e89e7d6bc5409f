"""Serves the tiny system from a directory until it is told to stop: what test_http.py starts. Keys are those of the environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from heptad.serving.door import Access
from heptad.serving.keys import read_keys
from heptad.serving.scorer import Scorer
from heptad.serving.server import serve
from heptad.testing.tiny_service import opened, tiny

if __name__ == "__main__":
    directory = Path(sys.argv[1])
    scorer = Scorer.load(directory / "scorer", tiny.plan.hash, version="v0001")
    access = Access(keys=read_keys(None, os.environ))
    serve(opened(directory, scorer, store=f"embedded:{directory / 'state'}"), port=0, access=access)
