"""The seven steps of a search by pictures, checked against each other."""

from __future__ import annotations

from heptad.declare.data import Data
from heptad.declare.evaluation import EntitySplit, Evaluation
from heptad.declare.model import Embedding
from heptad.declare.monitoring import Monitoring, OnDrift
from heptad.declare.requirements import Requirements
from heptad.declare.retrieval import Retrieval, Same
from heptad.declare.search import Search
from heptad.declare.types import Kind
from heptad.declare.wording import shown
from heptad.errors import DeclarationError

#: Families of metrics a search is judged by: a name up to its depth.
SEARCHED = frozenset({"precision", "recall", "average_precision"})
#: What the trained projection is compared with: the backbone's own features, and a random order.
OTHERS = ("frozen", "chance")


def check_search(
    framing: Retrieval,
    serving: Search,
    model: Embedding,
    requirements: Requirements,
    data: Data,
    evaluation: Evaluation,
    monitoring: Monitoring,
) -> None:
    """Raise DeclarationError where one step of a retrieval does not fit another."""
    table = framing.table.__name__
    kpi = requirements.kpi.total.where
    if not isinstance(kpi, Same) or kpi.table is not framing.table:
        raise DeclarationError(
            "Requirements.kpi", f"a count of rows of {table} that are alike", shown(kpi),
            f"write hp.count(where=hp.same({framing.objective.alike.field}))",
        )  # fmt: skip
    if requirements.shown > serving.nearest.n:
        raise DeclarationError(
            "Requirements.shown", f"at most the {serving.nearest.n} of hp.Nearest", str(requirements.shown),
            f"write hp.Nearest({requirements.shown}) or more",
        )  # fmt: skip
    _check_data(framing, data)
    for field in serving.filters:
        if not any(field is fact for fact in data.static.values()):
            raise DeclarationError(
                "Search.filters", f"columns of Data.static: {', '.join(data.static) or 'none declared'}", shown(field),
                f"add static=dict({field.name}={field})",
            )  # fmt: skip
    split = evaluation.split
    if not isinstance(split, EntitySplit):
        raise DeclarationError(
            "Evaluation.split", "hp.EntitySplit, as the framing is hp.Retrieval", shown(split),
            "write hp.EntitySplit(test=0.25)",
        )  # fmt: skip
    if split.together is not None and split.together.owner is not framing.table:
        raise DeclarationError(
            "EntitySplit.together", f"a column of {table}", shown(split.together), f"name a column of {table}"
        )
    if evaluation.compare:
        raise DeclarationError(
            "Evaluation.compare", "models beside a classification", ", ".join(evaluation.compare),
            "take it out: a retrieval is compared with 'frozen' and 'chance'",
        )  # fmt: skip
    for check in evaluation.gate:
        if check.metric.partition("@")[0] not in SEARCHED:
            raise DeclarationError(
                f"gate {check}", "a metric of a retrieval", check.metric,
                "use hp.precision(10), hp.recall(10) or hp.average_precision",
            )  # fmt: skip
        if isinstance(check.against, str) and check.against not in ("champion", *OTHERS):
            raise DeclarationError(
                f"gate {check}", f"a model: champion, {', '.join(OTHERS)}", repr(check.against),
                "write hp.baseline('frozen')",
            )  # fmt: skip
    for trigger in monitoring.retrain:
        if isinstance(trigger, OnDrift):
            raise DeclarationError(
                "Monitoring.retrain", "hp.Daily or hp.Weekly: a retrieval has no numeric columns to watch", "hp.OnDrift",
                "write retrain=[hp.Weekly('Mon 03:00')]",
            )  # fmt: skip


def _check_data(framing: Retrieval, data: Data) -> None:
    table = framing.table
    for group in ("dynamic", "contextual"):
        if getattr(data, group):
            raise DeclarationError(
                f"Data.{group}", "no features: a request brings a picture and nothing else",
                ", ".join(getattr(data, group)), f"keep the facts of {table.__name__} in Data.static",
            )  # fmt: skip
    for name, fact in data.static.items():
        if fact.owner is not table or not fact.is_fact or fact.kind is Kind.IMAGE:
            raise DeclarationError(
                f"Data.static[{name!r}]", f"a fact of {table.__name__}, whose rows are searched, and no picture", shown(fact),
                f"name a column of {table.__name__}",
            )  # fmt: skip
