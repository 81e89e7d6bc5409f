"""Serves the coloured squares until it is told to stop: what test_pictures_server.py starts. python pictures_server.py DIRECTORY"""

from __future__ import annotations

import sys
from pathlib import Path

from heptad.run.serve import aloud
from heptad.run.serve_search import visual_service
from heptad.serving import server
from heptad.serving.visual_http import app
from heptad.testing import tiny_pictures as tiny

if __name__ == "__main__":
    home = Path(sys.argv[1])
    with visual_service(*tiny.deployed(home), aloud, load=tiny.loading(home)) as service:
        server.run(service, app(service), "127.0.0.1", 0, ready=lambda url: aloud(f"ready {url}"))
