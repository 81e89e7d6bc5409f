"""What a request gets back: a ranked list, or a decision about one event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

#: Why a fallback answered.
UNKNOWN_USER: Final = "unknown user"
NO_FEATURES: Final = "features unavailable"
NO_CANDIDATES: Final = "candidates unavailable"
NO_MODEL: Final = "model unavailable"
TOO_SLOW: Final = "too slow"

#: The flag of an answer that a model gave for features as they were last read, and what it says.
STALE: Final = {"features": "as last known"}
#: Of a fallback whose items no block rule could look at now.
BLOCKS_STALE: Final = {"blocks": "as last known"}

#: What becomes of a classified event.
REVIEW: Final = "review"
PASS: Final = "pass"


class Answer(msgspec.Struct, frozen=True):
    """The items shown, best first, with their scores and probabilities, and the knowledge behind them.

    ``t`` (microseconds UTC) and ``offsets`` name the knowledge; t is null where no state could be read.
    ``flags`` says what was not as usual: ``{"fallback": "unknown user"}``; then probabilities are NaN (null
    in JSON) and scores are counts of events. ``{"features": "as last known"}``: the store did not answer; the model did,
    for what was last read of these keys. ``{"candidates": "without ease"}``: these sources did not answer.
    ``{"blocks": "as last known"}``: no block rule could look at the items of a fallback. ``stage`` is what took too long.
    ``took_us`` holds microseconds per stage; of requests answered together (record 45) what each of them waited for.
    Scores are those before re-ranking. ``propensities`` are those of the items at their positions where some
    position explores (record 33); empty where none does, as in a fallback.
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
    propensities: list[float] = []


class Prediction(msgspec.Struct, frozen=True):
    """The probability of one event's label, and what becomes of it: "review" or "pass".

    ``rules`` are those that ask for a review whatever the probability; ``threshold`` is the probability from which on
    the model does, null where a fallback answers. The rest is as in `Answer`; ``p`` is null in JSON where no
    model was ever trained.
    """

    request_id: str
    t: int | None
    offsets: Mapping[int, int]
    p: float
    decision: str
    rules: list[str]
    threshold: float | None
    flags: Mapping[str, str]
    model_version: str
    plan_hash: str
    took_us: Mapping[str, int]


def without(sources: Sequence[str]) -> dict[str, str]:
    """The flag of an answer whose candidates lack those of some sources; none where all came."""
    return {"candidates": f"without {', '.join(sources)}"} if sources else {}


def missing(flags: Mapping[str, str]) -> tuple[str, ...]:
    """The sources that `without` says are missing."""
    said = flags.get("candidates")
    return () if said is None else tuple(said.removeprefix("without ").split(", "))
