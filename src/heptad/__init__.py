"""Declare the seven steps of a machine-learning system once, and run it.

``import heptad as hp``; everything a declaration needs is here. Importing it loads no numeric package:
engines, models and servers load when they are first used.
"""

from heptad.declare.data import Data, source_score
from heptad.declare.evaluation import (
    EntitySplit,
    Evaluation,
    TimeSplit,
    auc,
    average_precision,
    baseline,
    brier,
    caught,
    champion,
    ece,
    logloss,
    ndcg,
    ne,
    precision,
    precision_at,
    recall,
)
from heptad.declare.expectation import expect
from heptad.declare.expressions import (
    clip,
    coalesce,
    col,
    contains,
    cosine,
    cross,
    distance,
    dot,
    is_null,
    log1p,
    size,
    sqrt,
    where,
)
from heptad.declare.features import feature, hour, rate, weekday
from heptad.declare.framing import Classification, LogLoss, Ranking, p
from heptad.declare.labels import label
from heptad.declare.model import GBDT, Embedding, Logistic, Model
from heptad.declare.monitoring import Daily, Monitoring, OnDrift, Weekly
from heptad.declare.requirements import KPI, Requirements, count, sum
from heptad.declare.rerank import MMR, Block, Boost, Cap, Explore, Freshness, Pin, Unseen
from heptad.declare.retrieval import Contrastive, Retrieval, same
from heptad.declare.review import Prior, Review
from heptad.declare.schema import Event, Table, lookup
from heptad.declare.search import Distinct, Nearest, Search
from heptad.declare.serving import EASE, CoVisited, Popular, Serving, Trending
from heptad.declare.types import Deleted, Id, Image, Key, KnownAt, Ref, RequestId, Time, Vector, Version
from heptad.errors import (
    DataError,
    DeclarationError,
    HeptadError,
    MissingExtra,
    PlanError,
    ReadError,
    StateError,
)
from heptad.run.system import System

__version__ = "0.1.0.dev0"

__all__ = [
    "EASE",
    "GBDT",
    "KPI",
    "MMR",
    "Block",
    "Boost",
    "Cap",
    "Classification",
    "CoVisited",
    "Contrastive",
    "Daily",
    "Data",
    "DataError",
    "DeclarationError",
    "Deleted",
    "Distinct",
    "Embedding",
    "EntitySplit",
    "Evaluation",
    "Event",
    "Explore",
    "Freshness",
    "HeptadError",
    "Id",
    "Image",
    "Key",
    "KnownAt",
    "LogLoss",
    "Logistic",
    "MissingExtra",
    "Model",
    "Monitoring",
    "Nearest",
    "OnDrift",
    "Pin",
    "PlanError",
    "Popular",
    "Prior",
    "Ranking",
    "ReadError",
    "Ref",
    "RequestId",
    "Requirements",
    "Retrieval",
    "Review",
    "Search",
    "Serving",
    "StateError",
    "System",
    "Table",
    "Time",
    "TimeSplit",
    "Trending",
    "Unseen",
    "Vector",
    "Version",
    "Weekly",
    "auc",
    "average_precision",
    "baseline",
    "brier",
    "caught",
    "champion",
    "clip",
    "coalesce",
    "col",
    "contains",
    "cosine",
    "count",
    "cross",
    "distance",
    "dot",
    "ece",
    "expect",
    "feature",
    "hour",
    "is_null",
    "label",
    "log1p",
    "logloss",
    "lookup",
    "ndcg",
    "ne",
    "p",
    "precision",
    "precision_at",
    "rate",
    "recall",
    "same",
    "size",
    "source_score",
    "sqrt",
    "sum",
    "weekday",
    "where",
]
