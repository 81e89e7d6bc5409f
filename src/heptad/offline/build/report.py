"""What a build did, in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Report:
    """What a build did. ``spilled`` and ``written`` are bytes; ``repeats`` are rows left out, by stream."""

    out: str
    plan: str
    mode: str
    rows: int
    columns: int
    events: dict[str, int]
    repeats: dict[str, int]
    seconds: float
    peak_memory: int
    spilled: int
    written: int
    in_memory: bool
    stages: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
