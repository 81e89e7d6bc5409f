"""What a service has done, as Prometheus reads it at GET /metrics.

Several processes that answer at one address (``heptad serve --workers``) share their numbers through files, so
that whichever answers a scrape tells of all: Prometheus's own multi-process mode, set by its environment variable.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from heptad.errors import MissingExtra
from heptad.serving.answer import Answer
from heptad.serving.server import SHARED_METRICS
from heptad.serving.service import Service
from heptad.serving.underway import Outcome
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
_LEVELS: Final = {"closed": 0, "half-open": 1, "open": 2}
_BREAKER: Final = "Of the process that answers: 0 closed, 1 half-open (a trial is due), 2 open (left alone)."
_SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_ITEMS: Final = (1, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)


class Gauge(NamedTuple):
    """A number as of now; of one name there may be several, with other values of the same labels."""

    name: str
    text: str
    value: float
    labels: Mapping[str, str] = MappingProxyType({})


Standing = Callable[[], Iterable[Gauge]]


class Metrics:
    """Counts for one service; any thread may count. ``standing`` gives the numbers that are read at each scrape."""

    def __init__(self, standing: Standing) -> None:
        self._standing, self._registry = standing, CollectorRegistry()
        of: dict[str, Any] = {"registry": self._registry}
        self._requests = Histogram(
            "heptad_request_seconds", "Whole requests.", ["path", "status"], buckets=_SECONDS, **of
        )
        self._stages = Histogram(
            "heptad_stage_seconds",
            "Stages of an answer; queue: until one is begun.",
            ["stage"],
            buckets=_SECONDS,
            **of,
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
        self._handed_on = Counter(
            "heptad_handed_on", "Requests that another process answered, which had less to do.", **of
        )
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
        self.took(answer.took_us)
        if isinstance(answer, Answer):
            self._candidates.observe(len(outcome.decision.items))
        for part, why in answer.flags.items():
            self.fell_back(part, why)

    def took(self, microseconds: Mapping[str, float]) -> None:
        """How long the stages of an answer took."""
        for stage, took in microseconds.items():
            self._stage(stage, took / SECOND)

    def waited(self, seconds: float) -> None:
        """How long an answer waited for a thread to make it."""
        self._stage("queue", seconds)

    def _stage(self, stage: str, seconds: float) -> None:
        held = self._of_stage.get(stage)
        if held is None:
            held = self._of_stage[stage] = self._stages.labels(stage)
        held.observe(seconds)

    def fell_back(self, part: str, why: str) -> None:
        """An answer that was not as usual, or none in time."""
        self._fallbacks.labels(part, why).inc()

    def handed_on(self) -> None:
        """A request that another process has answered."""
        self._handed_on.inc()

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
        now.register(_Read(self._standing))
        return generate_latest(registry) + generate_latest(now)


class _Read(Collector):
    """Numbers that are asked for when they are scraped."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing

    def collect(self) -> Iterable[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        for one in self._standing():
            labels = list(one.labels)
            family = families.setdefault(one.name, GaugeMetricFamily(one.name, one.text, labels=labels))
            family.add_metric(list(one.labels.values()), one.value)
        return families.values()


def standing_of(service: Service) -> Standing:
    """How far the states of a service are, and which model answers, when asked."""

    def read() -> Iterable[Gauge]:
        health = service.health()
        yield Gauge("heptad_records_behind", "Records in the log and not in the state.", health.lag)
        if health.frontier_us is not None:
            age = (instant(health.now) - health.frontier_us) / SECOND
            yield Gauge("heptad_frontier_age_seconds", "The clock less the newest applied event.", age)
        for part, breaker in service.breakers.items():
            yield Gauge("heptad_breaker", _BREAKER, _LEVELS[breaker.state], {"part": part})
        yield problems(len(health.problems))
        yield model_info(health.model_version, plan=health.plan_hash)

    return read


def problems(found: int) -> Gauge:
    return Gauge("heptad_problems", "Problems that GET /health names.", found)


def model_info(version: str, **labels: str) -> Gauge:
    """Which model answers: its version, and what else names it."""
    return Gauge("heptad_model_info", "The model that answers.", 1, {"version": version, **labels})
