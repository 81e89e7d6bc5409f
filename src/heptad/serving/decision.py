"""One decision as it was made: what was asked, known, proposed, computed and shown, to the last bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from heptad.errors import StateError
from heptad.models.base import Matrix, Vector
from heptad.serving.narrow import packed, unpacked

FORMAT: Final = 4
_READ: Final = (2, 3, FORMAT)  #: nothing explored in 2; before 4 every decision was whole
_DIGEST: Final = 16  #: bytes

#: What a column of a decision belongs to, and its name there.
Part = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Decision:
    """m candidates of one request.

    ``items`` are their ids; ``sources`` the score of each source (m,); ``numbers`` (m, d) the number columns
    named by ``columns``; ``categories`` and ``lists`` the other columns (m,); ``p`` and ``scores`` (m,).
    ``shown`` are places of candidates, best first. ``history`` is what the sources were asked with. A fallback
    has no columns, and only the items shown as candidates. ``propensities`` are those of ``shown``, in its order;
    empty where no position explores. ``n`` is how many items were asked for, 0 where the log does not say.

    One that `heptad.serving.kept` has cut holds the items shown alone: then ``proposed`` are the ids of all candidates,
    and ``digests`` those of their columns, named as `parts` are. A whole one has neither.
    """

    request_id: str
    t: int | None
    offsets: Mapping[int, int]
    user: Any
    context: Mapping[str, Any]
    history: list[Any]
    items: list[Any]
    shown: list[int]
    scores: Vector
    p: Vector
    flags: Mapping[str, str]
    model_version: str
    plan_hash: str
    took_us: Mapping[str, int]
    sources: Mapping[str, Vector] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)
    numbers: Matrix = field(default_factory=lambda: np.empty((0, 0)))
    categories: Mapping[str, list[Any]] = field(default_factory=dict)
    lists: Mapping[str, list[tuple[Any, ...] | None]] = field(default_factory=dict)
    propensities: Vector = field(default_factory=lambda: np.empty(0))
    n: int = 0
    proposed: list[Any] = field(default_factory=list)
    digests: Mapping[Part, bytes] = field(default_factory=dict)

    @property
    def candidates(self) -> list[Any]:
        """The ids of all candidates, in the order in which they were proposed."""
        return self.proposed or self.items

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every column, by what it belongs to and its name."""
        return _parts(tuple(self.sources), (*self.columns, *self.categories, *self.lists))

    @property
    def features(self) -> dict[str, NDArray[Any]]:
        """The columns as they were read: float64 (m,) for numbers, objects (m,) for the rest."""
        out: dict[str, NDArray[Any]] = {
            name: self.numbers[:, place] for place, name in enumerate(self.columns)
        }
        for name, values in (*self.categories.items(), *self.lists.items()):
            out[name] = np.fromiter(values, object, len(values))
        return out


@lru_cache(maxsize=8)  # they are those of every decision of one system
def _parts(sources: tuple[str, ...], features: tuple[str, ...]) -> tuple[Part, ...]:
    return (
        *(("candidates", f"score of {name}") for name in sources),
        *(("features", name) for name in features),
        ("model", "p"),
        ("model", "score"),
    )


class _Record(msgspec.Struct, array_like=True, frozen=True):
    """`Decision` as msgpack: an array, in this order; float64 arrays as `heptad.serving.narrow` packs them."""

    format: int
    request_id: str
    t: int | None
    offsets: dict[int, int]
    user: Any
    context: dict[str, Any]
    history: list[Any]
    items: list[Any]
    shown: list[int]
    scores: bytes
    p: bytes
    flags: dict[str, str]
    model_version: str
    plan_hash: str
    took_us: dict[str, int]
    sources: dict[str, bytes]
    columns: list[str]
    numbers: bytes
    categories: dict[str, list[Any]]
    lists: dict[str, list[tuple[Any, ...] | None]]
    propensities: bytes = b""
    n: int = 0
    proposed: list[Any] = []
    digests: bytes = b""  #: one after the other, in the order of `Decision.parts`


_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(_Record).decode


def encode(decision: Decision) -> bytes:
    """The decision as a record of a log."""
    return _ENCODE(
        _Record(
            FORMAT, decision.request_id, decision.t, dict(decision.offsets), decision.user,
            dict(decision.context), decision.history, decision.items, decision.shown,
            _packed(decision.scores), _packed(decision.p), dict(decision.flags), decision.model_version,
            decision.plan_hash, dict(decision.took_us),
            {name: _packed(scores) for name, scores in decision.sources.items()},
            decision.columns, packed(decision.numbers), dict(decision.categories), dict(decision.lists),
            _packed(decision.propensities) if len(decision.propensities) else b"", decision.n,
            decision.proposed, b"".join(decision.digests.values()),
        )
    )  # fmt: skip


def decode(payload: bytes) -> Decision:
    """What `encode` wrote. Raises StateError for anything else."""
    try:
        found = _DECODE(payload)
        if found.format not in _READ:
            raise ValueError(f"format {found.format}")
        m = len(found.items)
        decision = Decision(
            found.request_id, found.t, found.offsets, found.user, found.context, found.history, found.items,
            found.shown, _vector(found.scores, m), _vector(found.p, m), found.flags, found.model_version,
            found.plan_hash, found.took_us, {name: _vector(raw, m) for name, raw in found.sources.items()},
            found.columns, unpacked(found.numbers, m if found.columns else 0, len(found.columns)),
            found.categories, found.lists,
            _vector(found.propensities, len(found.shown)) if found.propensities else np.empty(0),
            found.n, found.proposed,
        )  # fmt: skip
        return replace(decision, digests=_named(found.digests, decision.parts)) if found.digests else decision
    except (msgspec.DecodeError, ValueError) as error:
        raise StateError(
            "prediction log", f"decisions in format {', '.join(map(str, _READ))}", error,
            "read it with the version of heptad that wrote it",
        ) from error  # fmt: skip


def _packed(vector: Vector) -> bytes:
    return packed(np.asarray(vector, np.float64)[:, None])


def _vector(raw: bytes, m: int) -> Vector:
    return unpacked(raw, m, 1)[:, 0]


def _named(raw: bytes, parts: tuple[Part, ...]) -> dict[Part, bytes]:
    if len(raw) != _DIGEST * len(parts):
        raise ValueError(f"{len(raw)} bytes of digests of {len(parts)} columns")
    return {part: raw[_DIGEST * at : _DIGEST * (at + 1)] for at, part in enumerate(parts)}
