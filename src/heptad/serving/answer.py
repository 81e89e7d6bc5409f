"""What a ranking request gets back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

#: Why a fallback answered.
UNKNOWN_USER: Final = "unknown user"
NO_FEATURES: Final = "features unavailable"
NO_MODEL: Final = "model unavailable"
TOO_SLOW: Final = "too slow"


class Answer(msgspec.Struct, frozen=True):
    """The items shown, best first, with their scores and probabilities, and the knowledge behind them.

    ``t`` (microseconds UTC) and ``offsets`` name the knowledge; t is null where no state could be read.
    ``flags`` says what was not as usual: ``{"fallback": "unknown user"}``; then probabilities are NaN (null
    in JSON) and scores are counts of events. ``took_us`` holds microseconds per stage.
    """

    request_id: str
    t: int | None
    offsets: Mapping[int, int]
    items: list[Any]
    scores: list[float]
    p: list[float]
    flags: Mapping[str, str]
    model_version: str
    plan_hash: str
    took_us: Mapping[str, int]
