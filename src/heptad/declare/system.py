"""The seven steps together, checked against each other when written."""

from __future__ import annotations

from dataclasses import dataclass, fields

from heptad.declare.data import Data, SourceScore
from heptad.declare.evaluation import Evaluation
from heptad.declare.features import Derived, Windowed, columns_of
from heptad.declare.framing import Ranking
from heptad.declare.model import GBDT, Logistic, Model
from heptad.declare.monitoring import Monitoring, OnDrift
from heptad.declare.requirements import Requirements
from heptad.declare.schema import Field, Table
from heptad.declare.serving import Cap, Serving
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
                    type(value).__name__, f"write {step.name}=hp.{expected[step.name][0].__name__}(...)",
                )  # fmt: skip
        self._check_inputs()
        self._check_serving()
        self._check_gate()
        self._check_watched()

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
                    thing, "a column of the request's event", str(feature), "move it to static="
                )

    def _request_columns(self) -> set[str]:
        return set(self.framing.objective.label.event.fields)

    def _check_serving(self) -> None:
        lists = {
            column: feature
            for name, feature in self.data.dynamic.items()
            if isinstance(feature, Windowed) and feature.aggregation == "last_n"
            for column in columns_of(name, feature)
        }
        history = lists.get(self.serving.history)
        user, item = self.framing.user.name, self.framing.item.name
        if history is None or history.column != item or history.keys != (user,):
            raise DeclarationError(
                "Serving.history", f"a dynamic column of the user's last items: .per({user!r}).last({item!r}, n=50)",
                repr(self.serving.history), f"declare it and name it; lists declared: {', '.join(lists) or 'none'}",
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
