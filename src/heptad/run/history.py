"""A deployment's history: its sources read, checked, admitted and enriched, as training sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from heptad.lifecycle.history import History
from heptad.offline.conversion import Reading
from heptad.offline.enrichment import enrich
from heptad.offline.history import Admitted, admit_history
from heptad.offline.intake import Intake, take_in
from heptad.plan.nodes import Plan
from heptad.run.profile import Profile
from heptad.run.source import read


@dataclass(frozen=True, eq=False)
class Loaded:
    """The history, and for each stream what was taken in, what was put aside, and what was admitted."""

    history: History
    report: dict[str, Admitted]
    taken: dict[str, Intake]

    @property
    def events(self) -> int:
        """Accepted events, table rows apart."""
        batches = self.history.batches.values()
        return sum(len(batch) for batch in batches if not batch.stream.is_table)


def load_history(plan: Plan, profile: Profile) -> Loaded:
    """Read every source the profile names; rows that do not fit are put aside, see `Loaded.taken`.

    Raises DataError that names the source where it cannot be read as a whole.
    """
    taken = {}
    for stream in plan.streams:
        origin = profile.sources[stream.name]
        texts = any(path.suffix == ".csv" for path in origin.files)
        taken[stream.name] = take_in(stream, read(origin, stream), reading=Reading(text_numbers=texts))
    return _admitted(plan, taken)


def admitted(plan: Plan, rows: Mapping[str, Any]) -> Loaded:
    """A history of rows that are at hand: for each stream a table, a frame or a list of rows."""
    return _admitted(plan, {stream.name: take_in(stream, rows[stream.name]) for stream in plan.streams})


def _admitted(plan: Plan, taken: dict[str, Intake]) -> Loaded:
    accepted, report = admit_history(plan, {name: intake.batch for name, intake in taken.items()})
    return Loaded(History(plan, enrich(plan, accepted)), report, taken)
