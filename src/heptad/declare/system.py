"""The seven steps together, checked against each other when written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from heptad.declare.data import Data, SourceScore
from heptad.declare.evaluation import Evaluation
from heptad.declare.features import Derived, Rate, Windowed, columns_of
from heptad.declare.framing import Ranking
from heptad.declare.labels import Outcome
from heptad.declare.model import GBDT, Logistic, Model
from heptad.declare.monitoring import Monitoring, OnDrift
from heptad.declare.requirements import Requirements
from heptad.declare.schema import Field, Table
from heptad.declare.serving import Cap, Serving
from heptad.declare.types import Kind
from heptad.declare.wording import shown
from heptad.errors import DeclarationError


@dataclass(frozen=True, eq=False)
class Declaration:
    """The inert part of a System: nothing here reads a file or a clock."""

    requirements: Requirements
    framing: Ranking
    data: Data
    model: GBDT | Logistic | Model
    evaluation: Evaluation
    serving: Serving
    monitoring: Monitoring

    def __post_init__(self) -> None:
        expected = {
            "requirements": (Requirements,), "framing": (Ranking,), "data": (Data,),
            "model": (GBDT, Logistic, Model), "evaluation": (Evaluation,), "serving": (Serving,),
            "monitoring": (Monitoring,),
        }  # fmt: skip
        for step in fields(Declaration):
            value = getattr(self, step.name)
            if not isinstance(value, expected[step.name]):
                raise DeclarationError(
                    f"System.{step.name}", " or ".join(f"hp.{t.__name__}" for t in expected[step.name]),
                    shown(value), f"write {step.name}=hp.{expected[step.name][0].__name__}(...)",
                )  # fmt: skip
        self._check_known_at_request()
        self._check_inputs()
        self._check_serving()
        self._check_gate()
        self._check_watched()

    def _check_known_at_request(self) -> None:
        """A feature may use only what a request brings, or what states and tables said before it."""
        label = self.framing.objective.label
        request = label.event
        unknown = {
            f.name: "known only once the event has happened" for f in request.fields.values() if f.lookup
        }
        for field, why in (
            (request.key_field(), "the event's own id"),
            (request.time_field(), "the event's time"),
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
            used = feature.inputs if isinstance(feature, Derived) else ()
            for leak in (column for column in used if column in unknown and column not in columns):
                raise DeclarationError(
                    f"Data.contextual[{name!r}]", "arguments known when a request comes",
                    f"{request.__name__}.{leak}, {unknown[leak]}", "take it out, or use an aggregate of earlier events",
                )  # fmt: skip
        for name, feature in self.data.dynamic.items():
            sides = (feature.numerator, feature.denominator) if isinstance(feature, Rate) else (feature,)
            for key in (key for side in sides for key in side.keys):
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
        kpi = self.requirements.kpi.total.where.event
        if kpi is not request:
            raise DeclarationError(
                "Requirements.kpi", f"a label of {request.__name__}, which the ranked items are shown by",
                f"a label of {kpi.__name__}", "count an outcome of what was shown",
            )  # fmt: skip

    def _check_column(self, thing: str, field: Field, unknown: Mapping[str, str]) -> None:
        request = self.framing.objective.label.event
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
                names = [source.name for source in self.serving.candidates]
                if feature.source not in names:
                    raise DeclarationError(
                        thing, f"a candidate source: {', '.join(names)}", repr(feature.source),
                        "name one of Serving.candidates",
                    )  # fmt: skip
            if isinstance(feature, Field) and issubclass(feature.owner, Table):
                raise DeclarationError(
                    thing, "a column of the request's event", shown(feature),
                    f"move it to static=dict({name}={feature})",
                )  # fmt: skip

    def _request_columns(self) -> set[str]:
        return set(self.framing.objective.label.event.fields)

    def _check_serving(self) -> None:
        lists = {
            column: feature
            for name, feature in self.data.dynamic.items()
            if isinstance(feature, Windowed) and feature.aggregation == "last_n"
            for column in columns_of(name, feature)
        }
        history = lists.get(self.serving.history) if isinstance(self.serving.history, str) else None
        user, item = self.framing.user.name, self.framing.item.name
        if history is None or history.column != item or history.keys != (user,):
            raise DeclarationError(
                "Serving.history", f"a dynamic column of the user's last items: .per({user!r}).last({item!r}, n=50)",
                shown(self.serving.history), f"declare it and name it; lists declared: {', '.join(lists) or 'none'}",
            )  # fmt: skip
        for step in self.serving.rerank:
            if isinstance(step, Cap) and step.column not in self.data.static:
                raise DeclarationError(
                    f"Cap({step.column!r})", f"a static column: {', '.join(self.data.static) or 'none declared'}",
                    repr(step.column), "declare it in Data.static, or cap by another column",
                )  # fmt: skip
        if self.requirements.shown > self.requirements.candidates:
            raise DeclarationError(
                "Requirements.shown", f"at most the {self.requirements.candidates} candidates",
                str(self.requirements.shown), "ask for more candidates",
            )  # fmt: skip

    def _check_gate(self) -> None:
        known = {"champion", *(source.name for source in self.serving.candidates)}
        for check in self.evaluation.gate:
            if isinstance(check.against, str) and check.against not in known:
                raise DeclarationError(
                    f"gate {check}", f"a model: {', '.join(sorted(known))}", repr(check.against),
                    "compare with the champion or one of Serving.candidates",
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
        weight = self.framing.score.weight
        if weight is not None and weight.name not in columns:
            raise DeclarationError(
                "Ranking.score", f"{weight.name!r} among the columns of Data", "no such column",
                f"declare it: contextual=dict({weight.name}={weight})",
            )  # fmt: skip
