"""A deployment's history: its sources read, checked, admitted and enriched, as training sees them."""

from __future__ import annotations

from dataclasses import dataclass

from heptad.lifecycle.history import History
from heptad.offline.enrichment import enrich
from heptad.offline.history import Admitted, admit_history
from heptad.offline.sources import read as as_batch
from heptad.plan.nodes import Plan
from heptad.run.profile import Profile
from heptad.run.source import read


@dataclass(frozen=True, eq=False)
class Loaded:
    """The history, and for each stream how many rows came and what became of them."""

    history: History
    report: dict[str, Admitted]

    @property
    def events(self) -> int:
        """Accepted events, table rows apart."""
        batches = self.history.batches.values()
        return sum(len(batch) for batch in batches if not batch.stream.is_table)


def load_history(plan: Plan, profile: Profile) -> Loaded:
    """Read every source the profile names. Raises DataError that names the source, the column and the row."""
    raw = {
        stream.name: as_batch(stream, read(profile.sources[stream.name], stream)) for stream in plan.streams
    }
    admitted, report = admit_history(plan, raw)
    return Loaded(History(plan, enrich(plan, admitted)), report)
