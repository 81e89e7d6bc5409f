"""A trained item model as a candidate source: EASE over a whole history, ItemKNN over its newest items."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from heptad.errors import StateError
from heptad.models.items import ItemModel
from heptad.retrieval.catalog import ItemIndex
from heptad.retrieval.source import Asked, Proposal, proposed

_FAMILIES: Final[Mapping[str, tuple[str, str]]] = {
    "ease": ("heptad.models.ease", "EASE"),
    "item_knn": ("heptad.models.item_knn", "ItemKNN"),
}


class LearnedSource:
    """The scores of an item model, from all of a history or from its ``recent`` newest items.

    The model's items join the index. Only positive scores are proposed: zero is no evidence.
    """

    kind: Final = "learned"
    evidence: Final = True
    gallery: Final = None
    window: Final = None

    def __init__(self, model: ItemModel, index: ItemIndex, recent: int | None = None) -> None:
        self.model, self.recent = model, recent
        self.trained_through = model.trained_through
        self._places = index.add(model.items)
        self._in_place = np.array_equal(self._places, np.arange(len(self._places)))

    def propose(self, asked: Asked, k: int) -> Proposal:
        """From what the model learned; events since then do not change it."""
        shown = asked.histories
        if self.recent is not None:
            shown = [history[: self.recent] for history in shown]
        scores = self.model.scores(shown)
        if not self._in_place or asked.size > len(self._places):
            learned, scores = scores, np.zeros((len(asked), asked.size))
            scores[:, self._places] = learned
        return proposed(asked, scores, k, self.evidence)

    def save(self, directory: Path) -> dict[str, object]:
        """Save the model; the settings name its family."""
        self.model.save(directory)
        return {"kind": self.kind, "family": self.model.family, "recent": self.recent}

    @classmethod
    def load(cls, directory: Path, settings: Mapping[str, Any], index: ItemIndex) -> Self:
        """Read what `save` wrote."""
        family = str(settings.get("family"))
        if family not in _FAMILIES:
            raise StateError(
                f"candidate source in {directory.name}", f"a family of {', '.join(_FAMILIES)}", family,
                "load it with the version of heptad that saved it",
            )  # fmt: skip
        module, name = _FAMILIES[family]
        model: ItemModel = getattr(import_module(module), name).load(directory)
        recent = settings["recent"]
        return cls(model, index, None if recent is None else int(recent))
