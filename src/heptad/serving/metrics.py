"""What a service has done, as Prometheus reads it at GET /metrics.

Several processes that answer at one address (``heptad serve --workers``) share their numbers through files, so
that whichever answers a scrape tells of all: Prometheus's own multi-process mode, set by its environment variable.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, Final

from heptad.errors import MissingExtra
from heptad.serving.answer import Answer
from heptad.serving.pipeline import Outcome
from heptad.serving.server import SHARED_METRICS
from heptad.serving.service import Service
from heptad.times import SECOND, instant

try:
    from prometheus_client import (
        CollectorRegistry,
        Counter,
        Histogram,
        generate_latest,
        multiprocess,
    )
    from prometheus_client.core import GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector
except ImportError as error:
    raise MissingExtra.of("GET /metrics", "prometheus_client", "serve") from error

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_ITEMS: Final = (1, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)


class Metrics:
    """Counts for one service; any thread may count."""

    def __init__(self, service: Service) -> None:
        self._service, self._registry = service, CollectorRegistry()
        of: dict[str, Any] = {"registry": self._registry}
        self._requests = Histogram(
            "heptad_request_seconds", "Whole requests.", ["path", "status"], buckets=_SECONDS, **of
        )
        self._stages = Histogram(
            "heptad_stage_seconds", "Stages of an answer.", ["stage"], buckets=_SECONDS, **of
        )
        self._candidates = Histogram(
            "heptad_candidates", "Candidates of a ranking answer.", buckets=_ITEMS, **of
        )
        self._fallbacks = Counter(
            "heptad_fallbacks",
            "Answers that were not as usual, by what stood in and why.",
            ["part", "reason"],
            **of,
        )
        self._events = Counter(
            "heptad_events", "Posted rows, by what became of them.", ["stream", "verdict"], **of
        )
        self._freshness = Histogram(
            "heptad_freshness_seconds", "From a post to its acknowledgement: from then on every read sees it.",
            buckets=_SECONDS, **of,
        )  # fmt: skip
        self._of_request: dict[tuple[str, int], Any] = {}
        self._of_stage: dict[str, Any] = {}

    def request(self, path: str, status: int, seconds: float) -> None:
        """A whole request; ``path`` must be one of few."""
        held = self._of_request.get((path, status))
        if held is None:
            held = self._of_request[path, status] = self._requests.labels(path, str(status))
        held.observe(seconds)

    def answered(self, outcome: Outcome) -> None:
        """An answer, whoever gave it."""
        answer = outcome.answer
        for stage, took in answer.took_us.items():
            held = self._of_stage.get(stage)
            if held is None:
                held = self._of_stage[stage] = self._stages.labels(stage)
            held.observe(took / SECOND)
        if isinstance(answer, Answer):
            self._candidates.observe(len(outcome.decision.items))
        for part, why in answer.flags.items():
            self._fallbacks.labels(part, why).inc()

    def posted(self, stream: str, verdicts: Sequence[object], seconds: float) -> None:
        """Acknowledged rows."""
        for verdict in verdicts:
            self._events.labels(stream, str(verdict)).inc()
        self._freshness.observe(seconds)

    def refused(self, stream: str, rows: int) -> None:
        """Rows of a post that was refused whole."""
        self._events.labels(stream, "refused").inc(rows)

    def text(self) -> bytes:
        """All numbers, in Prometheus's text format; those of every process where they share them."""
        registry = self._registry
        if os.environ.get(SHARED_METRICS):
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        now = CollectorRegistry()
        now.register(_Standing(self._service))
        return generate_latest(registry) + generate_latest(now)


class _Standing(Collector):
    """How far the states are and which model answers, when asked."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterable[Metric]:
        health = self._service.health()
        yield GaugeMetricFamily(
            "heptad_records_behind", "Records in the log and not in the state.", health.lag
        )
        if health.frontier_us is not None:
            age = (instant(health.now) - health.frontier_us) / SECOND
            yield GaugeMetricFamily(
                "heptad_frontier_age_seconds", "The clock less the newest applied event.", age
            )
        yield GaugeMetricFamily("heptad_problems", "Problems that GET /health names.", len(health.problems))
        model = GaugeMetricFamily("heptad_model_info", "The model that answers.", labels=["version", "plan"])
        model.add_metric([health.model_version, health.plan_hash], 1)
        yield model
