"""What every test may rely on: no window is opened, one thread per library, seeded Hypothesis examples."""

from __future__ import annotations

import os

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # two workers share two cores; read when numpy is imported

from hypothesis import HealthCheck, settings

# `ci` draws the same examples everywhere; `HYPOTHESIS_PROFILE=long make test` looks for new ones.
settings.register_profile(
    "ci", derandomize=True, deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "long", deadline=None, max_examples=2000, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
