"""System: the declaration, and the doors a notebook user goes through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heptad.declare.framing import Ranking
from heptad.declare.retrieval import Retrieval
from heptad.declare.serving import Serving
from heptad.declare.system import Declaration

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from heptad.offline.build.report import Report
    from heptad.plan.nodes import Plan
    from heptad.run.progress import Progress


@dataclass(frozen=True, eq=False)
class System(Declaration):
    """The seven steps of one machine-learning system; see `Declaration` for what is checked.

    The declaration reads nothing and changes nothing. `plan` compiles it; `training_set` reads the events it
    is given, `features` the store it is given.
    """

    def __post_init__(self) -> None:
        """Check the steps against each other, and compile: what cannot run is refused where it is written."""
        super().__post_init__()
        plan = self.plan
        if isinstance(self.serving, Serving):
            from heptad.plan.rules import rule_columns

            rule_columns(self.serving.rerank, plan, self.label.event)

    @property
    def plan(self) -> Plan:
        """The compiled plan (cached on the instance)."""
        from heptad.plan.compile import compile_features, compile_search
        from heptad.plan.tallies import tallies_of

        found: Plan | None = self.__dict__.get("_plan")
        if found is None:
            if isinstance(self.framing, Retrieval):
                found = compile_search(self.data, self.framing.table)
            else:
                found = compile_features(self.data, self.label)
            if isinstance(self.framing, Ranking):
                tallies = tallies_of(self.label, self.framing.item, self.retrieval, self.data.static)
                found = replace(found, tallies=tallies)
            object.__setattr__(self, "_plan", found)
        return found

    def explain(self) -> str:
        """The compiled plan as text: groups, rings, columns by kind, bytes per key."""
        from heptad.plan.explain import explain

        return explain(self.plan)

    def training_set(
        self,
        labels: Any,
        *,
        events: Mapping[str, Any],
        at: str = "ts",
        dead_letters: str | Path | None = None,
    ) -> pa.Table:
        """Features for label rows, each as known at its time; see `heptad.run.notebook.training_set`."""
        from heptad.run import notebook

        return notebook.training_set(self, labels, events=events, at=at, dead_letters=dead_letters)

    def build(
        self,
        labels: Any,
        *,
        events: Mapping[str, Any],
        out: str | Path,
        at: str = "ts",
        memory: str | int = "2GB",
        workers: int = 2,
        progress: Progress | None = None,
    ) -> Report:
        """The training set as a Parquet file, within a limit of memory; see `heptad.run.build.build_training_set`."""
        from heptad.run.build import build_training_set

        return build_training_set(
            self, labels, events=events, out=out, at=at, memory=memory, workers=workers, progress=progress
        )

    def features(self, *, at: Any = None, store: str, **entities: Any) -> dict[str, NDArray[Any]]:
        """The same features, live, from a deployment's store; see `heptad.run.notebook.features`."""
        from heptad.run import notebook

        return notebook.features(self, at=at, store=store, **entities)
