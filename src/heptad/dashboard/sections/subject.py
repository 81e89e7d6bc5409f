"""What the report is about: the model under test, the metric it is judged by, and how a gap is read."""

from __future__ import annotations

from heptad.dashboard.numbers import lower_is_better
from heptad.dashboard.reading import Part

_OWN = "heptad"
_FAVOURED = ("ndcg@10", "auc", "ne", "logloss")


def primary_metric(summary: Part) -> str:
    """The metric the run names first: that of the disease, else of the paired test, else the usual one."""
    named = summary.part("disease").text("metric")
    for pair in summary.parts("paired"):
        named = named or pair.text("metric")
    measured = [metric for _, values in summary.part("metrics").named() for metric in values.names()]
    return named or next((m for m in (*_FAVOURED, *measured) if m in measured), "")


def subject_model(summary: Part) -> str:
    """The model under test: ``heptad``, else the one paired tests speak of, else the last one measured."""
    models = summary.part("metrics").names()
    paired = [pair.text("model") for pair in summary.parts("paired")]
    return _OWN if _OWN in models or not models else next((m for m in paired if m in models), models[-1])


def in_order(models: list[str], first: str) -> list[str]:
    """The models with the one under test first, the others as they came."""
    return sorted(models, key=lambda model: model != first)


def gain(metric: str, value: float, against: float) -> float:
    """How much better a value is than another: positive is better, whatever way the metric counts."""
    return against - value if lower_is_better(metric) else value - against
