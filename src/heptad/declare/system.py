"""The seven steps together, checked against each other when written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields

from heptad.declare.check_search import check_search
from heptad.declare.data import Data, SourceScore
from heptad.declare.evaluation import AtLoad, EntitySplit, Evaluation, TimeSplit
from heptad.declare.expressions import Expressible
from heptad.declare.features import Calendar, Derived, Windowed, columns_of
from heptad.declare.framing import Classification, Framing, Ranking
from heptad.declare.labels import Label, Outcome
from heptad.declare.model import GBDT, AnyModel, Embedding, Logistic, Model
from heptad.declare.monitoring import Monitoring, OnDrift
from heptad.declare.requirements import Requirements
from heptad.declare.rerank import check_columns, condition_of
from heptad.declare.retrieval import Retrieval
from heptad.declare.review import Review
from heptad.declare.schema import Event, Field, Table
from heptad.declare.search import Search
from heptad.declare.serving import Serving, check_vectors
from heptad.declare.types import Kind, Role
from heptad.declare.wording import shown
from heptad.errors import DeclarationError


@dataclass(frozen=True, eq=False)
class Declaration:
    """The inert part of a System: nothing here reads a file or a clock."""

    requirements: Requirements
    framing: Framing
    data: Data
    model: GBDT | Logistic | Model | Embedding
    evaluation: Evaluation
    serving: Serving | Review | Search
    monitoring: Monitoring

    def __post_init__(self) -> None:
        expected = {
            "requirements": (Requirements,), "framing": (Ranking, Classification, Retrieval), "data": (Data,),
            "model": (GBDT, Logistic, Model, Embedding), "evaluation": (Evaluation,),
            "serving": (Serving, Review, Search), "monitoring": (Monitoring,),
        }  # fmt: skip
        for step in fields(Declaration):
            value = getattr(self, step.name)
            if not isinstance(value, expected[step.name]):
                raise DeclarationError(
                    f"System.{step.name}", " or ".join(f"hp.{t.__name__}" for t in expected[step.name]),
                    shown(value), f"write {step.name}=hp.{expected[step.name][0].__name__}(...)",
                )  # fmt: skip
        match self.framing:
            case Ranking() if not isinstance(self.serving, Serving):
                raise _unfit("Ranking", "Serving", self.serving)
            case Classification() if not isinstance(self.serving, Review):
                raise _unfit("Classification", "Review", self.serving)
            case Retrieval() if not isinstance(self.serving, Search):
                raise _unfit("Retrieval", "Search", self.serving)
        if isinstance(self.framing, Retrieval):
            check_search(
                self.framing, self.searching, self.embedding, self.requirements, self.data, self.evaluation,
                self.monitoring,
            )  # fmt: skip
            return
        if isinstance(self.model, Embedding) or isinstance(self.evaluation.split, EntitySplit):
            strange = self.model if isinstance(self.model, Embedding) else self.evaluation.split
            raise DeclarationError(
                "System", f"no hp.{type(strange).__name__}: it belongs to hp.Retrieval", shown(strange),
                "write hp.GBDT() and hp.TimeSplit(test='2d')",
            )  # fmt: skip
        self._check_known_at_request()
        self._check_inputs()
        if isinstance(self.framing, Ranking):
            self._check_serving()
        else:
            self._check_review()
        self._check_gate()
        self._check_watched()

    @property
    def label(self) -> Label:
        """What is learned; DeclarationError for a retrieval, which has no events."""
        if isinstance(self.framing, Retrieval):
            raise DeclarationError(
                "System.framing", "hp.Ranking or hp.Classification", "hp.Retrieval",
                "a search by pictures has no events: run, serve, design and explain know it",
            )  # fmt: skip
        return self.framing.objective.label

    @property
    def split(self) -> TimeSplit:
        """The split of a system of events; DeclarationError for another."""
        if not isinstance(self.evaluation.split, TimeSplit):
            raise DeclarationError(
                "Evaluation.split",
                "hp.TimeSplit",
                shown(self.evaluation.split),
                "write hp.TimeSplit(test='2d')",
            )
        return self.evaluation.split

    @property
    def events_model(self) -> AnyModel:
        """The model of a system of events; DeclarationError for another."""
        if isinstance(self.model, Embedding):
            raise DeclarationError("System.model", "hp.GBDT()", shown(self.model), "write model=hp.GBDT()")
        return self.model

    @property
    def search(self) -> Retrieval:
        """The framing of a search by pictures; DeclarationError for another."""
        if not isinstance(self.framing, Retrieval):
            raise DeclarationError("System.framing", "hp.Retrieval", shown(self.framing), "frame a retrieval")
        return self.framing

    @property
    def searching(self) -> Search:
        """The serving of a search by pictures; DeclarationError for another."""
        if not isinstance(self.serving, Search):
            raise _unfit("Retrieval", "Search", self.serving)
        return self.serving

    @property
    def embedding(self) -> Embedding:
        """The model of a search by pictures; DeclarationError for another."""
        if not isinstance(self.model, Embedding):
            raise DeclarationError(
                "System.model", "hp.Embedding, as the framing is hp.Retrieval", shown(self.model),
                "write model=hp.Embedding()",
            )  # fmt: skip
        return self.model

    @property
    def ranking(self) -> Ranking:
        """The framing of a ranking system; DeclarationError for another."""
        if not isinstance(self.framing, Ranking):
            raise DeclarationError("System.framing", "hp.Ranking", shown(self.framing), "frame a ranking")
        return self.framing

    @property
    def retrieval(self) -> Serving:
        """The serving of a ranking system; DeclarationError for another."""
        if not isinstance(self.serving, Serving):
            raise _unfit("Ranking", "Serving", self.serving)
        return self.serving

    @property
    def classification(self) -> Classification:
        """The framing of a classification; DeclarationError for another."""
        if not isinstance(self.framing, Classification):
            raise DeclarationError(
                "System.framing", "hp.Classification", shown(self.framing), "frame a classification"
            )
        return self.framing

    @property
    def review(self) -> Review:
        """The serving of a classification; DeclarationError for another."""
        if not isinstance(self.serving, Review):
            raise _unfit("Classification", "Review", self.serving)
        return self.serving

    @property
    def compared(self) -> Mapping[str, AnyModel]:
        """The models a classification is compared with: those named, else a logistic regression."""
        return self.evaluation.compare or {"logistic": Logistic()}

    def _sources(self) -> tuple[str, ...]:
        """The names of the candidate sources; none in a classification."""
        return tuple(s.name for s in self.serving.candidates) if isinstance(self.serving, Serving) else ()

    def _check_known_at_request(self) -> None:
        """A feature may use only what a request brings, or what states and tables said before it."""
        label = self.label
        request = label.event
        unknown = {
            f.name: "known only once the event has happened" for f in request.fields.values() if f.lookup
        }
        for field, why in (
            (request.key_field(), "the event's own id"),
            (request.time_field(), "the event's time"),
            *((f, "known only later") for f in request.fields.values() if f.role is Role.KNOWN_AT),
        ):
            if field is not None:
                unknown[field.name] = why
        if isinstance(label, Outcome) and label.where is not None:
            unknown[label.where.field.name] = "what the label is read from: known only afterwards"
        for group in ("static", "contextual"):
            for name, feature in getattr(self.data, group).items():
                if isinstance(feature, Field) and not issubclass(feature.owner, Table):
                    self._check_column(f"Data.{group}[{name!r}]", feature, unknown)
        columns = {column for _, column in self.data.columns()}
        for name, feature in self.data.contextual.items():
            for leak in (column for column in _reads(feature, columns, request) if column in unknown):
                raise DeclarationError(
                    f"Data.contextual[{name!r}]", "arguments known when a request comes",
                    f"{request.__name__}.{leak}, {unknown[leak]}", "take it out, or use an aggregate of earlier events",
                )  # fmt: skip
        for step in self.serving.rerank if isinstance(self.serving, Serving) else ():
            for leak in (
                column for column in _reads(condition_of(step), columns, request) if column in unknown
            ):
                raise DeclarationError(
                    f"Serving.rerank, {type(step).__name__}", "columns known when a request comes",
                    f"{request.__name__}.{leak}, {unknown[leak]}", "take it out, or use an aggregate of earlier events",
                )  # fmt: skip
        for name, feature in self.data.dynamic.items():
            for key in (key for side in feature.sides for key in side.keys):
                if key in unknown and key not in self.data.static:
                    raise DeclarationError(
                        f"Data.dynamic[{name!r}]", "keys known when a request comes",
                        f"{request.__name__}.{key}, {unknown[key]}",
                        f"add static=dict({key}=...) from a table, or group by another column",
                    )  # fmt: skip
        for name, fact in self.data.static.items():
            own = request.fields.get(name)
            if own is not None and own.lookup is None and fact.owner is not request:
                raise DeclarationError(
                    f"Data.static[{name!r}]", f"a name that {request.__name__} does not use for a column of its own",
                    f"{fact} beside {own}", "rename the feature",
                )  # fmt: skip
        kpi = self.requirements.kpi.total.label.event
        if kpi is not request:
            raise DeclarationError(
                "Requirements.kpi", f"a label of {request.__name__}, the request's event",
                f"a label of {kpi.__name__}", "count an outcome of what was shown",
            )  # fmt: skip

    def _check_column(self, thing: str, field: Field, unknown: Mapping[str, str]) -> None:
        request = self.label.event
        if field.owner is not request:
            raise DeclarationError(
                thing, f"a column of {request.__name__}, the request's event, or of a table", shown(field),
                f"use an aggregate: {field.owner.__name__}.per(...).last({field.name!r})",
            )  # fmt: skip
        if field.name in unknown:
            found = field.lookup.field if field.lookup is not None else None
            raise DeclarationError(
                thing, "a column known when a request comes", f"{field}, {unknown[field.name]}",
                f"write static=dict({field.name}={found})" if found is not None
                else "use hp.hour() or hp.weekday()" if field.kind is Kind.TIME
                else "take it out, or use an aggregate of earlier events",
            )  # fmt: skip

    def _check_inputs(self) -> None:
        columns = {column for _, column in self.data.columns()}
        for name, feature in self.data.contextual.items():
            thing = f"Data.contextual[{name!r}]"
            if isinstance(feature, Derived):
                missing = [i for i in feature.inputs if i not in columns and i not in self._request_columns()]
                if missing or name in feature.inputs:
                    raise DeclarationError(
                        thing, "arguments that name other columns", ", ".join(missing) or f"itself, {name!r}",
                        f"use some of: {', '.join(sorted(columns - {name}))}",
                    )  # fmt: skip
            if isinstance(feature, SourceScore):
                names = self._sources()
                if feature.source not in names:
                    raise DeclarationError(
                        thing, f"a candidate source: {', '.join(names) or 'a classification has none'}",
                        repr(feature.source), "name one of Serving.candidates" if names else "take it out",
                    )  # fmt: skip
            if isinstance(feature, Field) and issubclass(feature.owner, Table):
                raise DeclarationError(
                    thing, "a column of the request's event", shown(feature),
                    f"move it to static=dict({name}={feature})",
                )  # fmt: skip

    def _request_columns(self) -> set[str]:
        return set(self.label.event.fields)

    def _check_serving(self) -> None:
        lists = {
            column: feature
            for name, feature in self.data.dynamic.items()
            if isinstance(feature, Windowed) and feature.aggregation == "last_n"
            for column in columns_of(name, feature)
        }
        serving, framing = self.retrieval, self.ranking
        history = lists.get(serving.history) if isinstance(serving.history, str) else None
        user, item = framing.user.name, framing.item.name
        if history is None or history.column != item or history.keys != (user,):
            raise DeclarationError(
                "Serving.history", f"a dynamic column of the user's last items: .per({user!r}).last({item!r}, n=50)",
                shown(serving.history), f"declare it and name it; lists declared: {', '.join(lists) or 'none'}",
            )  # fmt: skip
        check_vectors(serving.candidates, self.data.static, item)
        check_columns(serving.rerank, self.data.static, self.requirements.candidates)
        if self.requirements.shown > self.requirements.candidates:
            raise DeclarationError(
                "Requirements.shown", f"at most the {self.requirements.candidates} candidates",
                str(self.requirements.shown), "ask for more candidates",
            )  # fmt: skip

    def _check_review(self) -> None:
        event, columns = self.classification.event, {column for _, column in self.data.columns()}
        if not columns:
            raise DeclarationError("Data", "at least one feature", "none", "declare what the model reads")
        for rule in self.review.rules:
            if rule.field.owner is not event or rule.field.lookup is not None:
                raise DeclarationError(
                    f"Review.rules, {rule}", f"a column that a request of {event.__name__} brings",
                    shown(rule.field), f"compare a column of {event.__name__}",
                )  # fmt: skip
        for check in self.evaluation.gate:
            load = AtLoad.of(check.metric)
            if load is not None and load.per is not None and load.per not in event.fields:
                raise DeclarationError(
                    f"gate {check}", f"per= a column of {event.__name__}: {', '.join(event.fields)}",
                    repr(load.per), "name one of them",
                )  # fmt: skip

    def _check_gate(self) -> None:
        shapes = (RANKED, CLASSIFIED) if isinstance(self.framing, Ranking) else (CLASSIFIED, RANKED)
        known = {"champion", *self._sources()}
        if isinstance(self.framing, Classification):
            known |= {"prior", *self.compared}
        elif self.evaluation.compare:
            raise DeclarationError(
                "Evaluation.compare", "models beside a classification", ", ".join(self.evaluation.compare),
                "take it out: a ranking is compared with its candidate sources",
            )  # fmt: skip
        for check in self.evaluation.gate:
            if _family(check.metric) in shapes[1] - shapes[0]:
                raise DeclarationError(
                    f"gate {check}", f"a metric of a {type(self.framing).__name__.lower()}", check.metric,
                    f"use one of {', '.join(sorted(shapes[0]))}",
                )  # fmt: skip
            if isinstance(check.against, str) and check.against not in known:
                raise DeclarationError(
                    f"gate {check}", f"a model: {', '.join(sorted(known))}", repr(check.against),
                    "compare with the champion or one of Serving.candidates"
                    if isinstance(self.framing, Ranking) else "name it in Evaluation.compare",
                )  # fmt: skip

    def _check_watched(self) -> None:
        columns = {column for _, column in self.data.columns()}
        for trigger in self.monitoring.retrain:
            watched = trigger.columns if isinstance(trigger, OnDrift) else ()
            missing = sorted(set(watched) - columns)
            if missing:
                raise DeclarationError(
                    "OnDrift.columns",
                    "columns of Data",
                    missing[0],
                    f"use some of: {', '.join(sorted(columns))}",
                )
        weight = self.framing.score.weight if isinstance(self.framing, Ranking) else None
        if weight is not None and weight.name not in columns:
            raise DeclarationError(
                "Ranking.score", f"{weight.name!r} among the columns of Data", "no such column",
                f"declare it: contextual=dict({weight.name}={weight})",
            )  # fmt: skip


#: Families of metrics that either shape of system measures: a name up to its depth.
_BOTH = frozenset({"auc", "logloss", "ne", "ece"})
RANKED = _BOTH | {"ndcg", "recall"}
CLASSIFIED = _BOTH | {"brier", "average_precision", "caught", "precision"}


def _family(metric: str) -> str:
    return metric.partition("@")[0]


def _unfit(framing: str, serving: str, got: object) -> DeclarationError:
    return DeclarationError(
        "System.serving",
        f"hp.{serving}, as the framing is hp.{framing}",
        shown(got),
        f"write serving=hp.{serving}(...)",
    )


def _reads(feature: object, columns: Collection[str], request: type[Event]) -> tuple[str, ...]:
    """The columns of the request that a derived feature reads: what it names and Data does not declare."""
    match feature:
        case Derived(inputs=inputs):
            return tuple(name for name in inputs if name not in columns)
        case Field() | Calendar():
            return ()
        case Expressible():
            leaves = list(feature.expression().leaves())
            named = [leaf.value for leaf in leaves if leaf.op == "col" and leaf.value not in columns]
            brought = [leaf.value for leaf in leaves if leaf.op == "field"]
            return (*named, *(field.name for field in brought if field.owner is request))
        case _:
            return ()
