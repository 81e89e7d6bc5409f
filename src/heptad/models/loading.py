"""Which class reads which saved model: a table from the family's name, and a small file that holds it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

from heptad.errors import StateError
from heptad.models.base import Classifier
from heptad.models.files import read_json, write_json

_FILE: Final = "family.json"
_FAMILIES: Final[Mapping[str, tuple[str, str]]] = {
    "logistic": ("heptad.models.logistic", "Logistic"),
    "gbdt": ("heptad.models.gbdt", "GBDT"),
    "wrapped": ("heptad.models.wrapped", "Wrapped"),
}


def save_classifier(model: Classifier, directory: Path) -> None:
    """Save the model together with the name of its family."""
    write_json(directory / _FILE, {"family": model.family})
    model.save(directory)


def load_classifier(directory: Path, vouched: Mapping[str, str] | None = None) -> Classifier:
    """Load what `save_classifier` wrote, whatever its family; ``vouched`` as in `Classifier.load`."""
    family = str(read_json(directory / _FILE).get("family"))
    if family not in _FAMILIES:
        raise StateError(
            f"model family {family!r}",
            f"one of {', '.join(_FAMILIES)}",
            family,
            "load it with the version of heptad that saved it",
        )
    module, name = _FAMILIES[family]
    found: type[Classifier] = getattr(import_module(module), name)
    return found.load(directory, vouched)
