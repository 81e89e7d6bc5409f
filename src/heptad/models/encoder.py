"""The matrix a model sees: numbers as they are, categories as codes, lists as multi-hot columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from heptad.errors import DataError
from heptad.models.base import Matrix
from heptad.models.files import read_json, write_json

Kind = Literal["number", "category", "list", "vector"]
Columns = Mapping[str, NDArray[Any] | Sequence[Any]]
Value = str | int | float

_FILE: Final = "encoder.json"


@dataclass(frozen=True)
class Encoder:
    """A fitted encoder: which columns, of which kind, with which vocabulary.

    * ``number``: one column, float64; None and NaN are missing (NaN).
    * ``category``: one column of codes 0, 1, … in the order of the vocabulary; NaN for a missing value and
      for one that was not in the training rows, so a new category is treated as a missing one.
    * ``list``: one 0/1 column per word of the vocabulary; unknown words count for nothing and a missing
      list is all zeros.
    * ``vector``: one column per place; NaN for a missing vector. Its vocabulary is its places.

    A vocabulary holds the most frequent values of the training rows, at most ``max_categories`` or
    ``max_words`` of them, most frequent first (ties by value).
    """

    kinds: dict[str, Kind]
    vocabularies: dict[str, list[Value]]
    trained_through: int
    _lookups: dict[str, dict[Value, int]] = field(init=False, repr=False, compare=False)
    _width: int = field(init=False, repr=False, compare=False)

    @classmethod
    def fit(
        cls,
        columns: Columns,
        kinds: Mapping[str, Kind],
        trained_through: int,
        *,
        max_categories: int = 1000,
        max_words: int = 64,
    ) -> Self:
        """Learn the vocabularies from training columns, in the order of ``kinds``.

        ``trained_through``: microseconds; the encoder may feed only rows at or after it.
        """
        vocabularies: dict[str, list[Value]] = {}
        for name, kind in kinds.items():
            if kind not in _WRITE:
                raise DataError(
                    f"column {name!r}", f"a kind of {', '.join(_WRITE)}", repr(kind), "name one of them"
                )
            values = _column(columns, name)
            if kind == "category":
                vocabularies[name] = _frequent(name, _plain(values), max_categories)
            elif kind == "list":
                vocabularies[name] = _frequent(name, _words(values), max_words)
            elif kind == "vector":
                vocabularies[name] = list(range(np.asarray(values).shape[1]))
        return cls(dict(kinds), vocabularies, int(trained_through))

    def __post_init__(self) -> None:
        lookups = {
            name: {value: code for code, value in enumerate(words)}
            for name, words in self.vocabularies.items()
        }
        object.__setattr__(self, "_lookups", lookups)
        object.__setattr__(self, "_width", len(self.names))

    @property
    def names(self) -> list[str]:
        """One name per column of the matrix: ``age``, ``device``, ``genres=Comedy``."""
        names: list[str] = []
        for name, kind in self.kinds.items():
            words = self.vocabularies.get(name, [])
            names += [_NAMED[kind].format(name, word) for word in words] if kind in _WIDE else [name]
        return names

    @property
    def categorical(self) -> tuple[int, ...]:
        """The positions of code columns in the matrix: models must not read these as amounts."""
        position, found = 0, []
        for name, kind in self.kinds.items():
            if kind == "category":
                found.append(position)
            position += len(self.vocabularies[name]) if kind in _WIDE else 1
        return tuple(found)

    def transform(self, columns: Columns) -> Matrix:
        """The float64 matrix (n, len(names)) of these rows, a column after the other in memory; columns not asked for
        are ignored.
        """
        if not self.kinds:
            raise DataError("encoder", "at least one column", "none", "declare a feature")
        first = next(iter(self.kinds))
        rows = len(_column(columns, first))
        matrix = np.zeros((self._width, rows)).T
        position = 0
        for name, kind in self.kinds.items():
            values = _column(columns, name)
            if len(values) != rows:
                raise DataError(
                    f"column {name!r}",
                    f"{rows} rows, as {first!r} has",
                    len(values),
                    "give every column one value per row",
                )
            lookup = self._lookups.get(name, {})
            width = len(lookup) if kind in _WIDE else 1
            _WRITE[kind](name, values, lookup, matrix[:, position : position + width])
            position += width
        return matrix

    def save(self, directory: Path) -> None:
        """Write ``encoder.json`` into the directory."""
        columns = [
            {"name": name, "kind": kind, "vocabulary": self.vocabularies.get(name)}
            for name, kind in self.kinds.items()
        ]
        write_json(directory / _FILE, {"columns": columns, "trained_through": self.trained_through})

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote."""
        saved = read_json(directory / _FILE)
        columns = saved["columns"]
        return cls(
            {column["name"]: column["kind"] for column in columns},
            {c["name"]: c["vocabulary"] for c in columns if c["vocabulary"] is not None},
            saved["trained_through"],
        )


def _write_number(name: str, values: Any, lookup: dict[Value, int], out: Matrix) -> None:
    try:
        out[:, 0] = np.asarray(values, dtype=np.float64)  # None becomes NaN here
    except (TypeError, ValueError) as error:
        raise DataError(
            f"number column {name!r}", "numbers", error, "declare it as a category, or convert it"
        ) from error


def _write_category(name: str, values: Any, lookup: dict[Value, int], out: Matrix) -> None:
    out[:, 0] = np.fromiter(map(lookup.get, _plain(values), repeat(np.nan)), np.float64, len(values))


def _write_list(name: str, values: Any, lookup: dict[Value, int], out: Matrix) -> None:
    distinct, which = _distinct(values)
    codes = np.fromiter(map(lookup.get, chain.from_iterable(distinct), repeat(-1)), np.int64)
    rows = np.repeat(np.arange(len(distinct)), list(map(len, distinct)))
    known = codes >= 0
    table = np.zeros((len(distinct), len(lookup)))
    table[rows[known], codes[known]] = 1.0
    out[:] = table[which]


def _write_vector(name: str, values: Any, lookup: dict[Value, int], out: Matrix) -> None:
    found = np.asarray(values)
    if found.shape != out.shape:
        raise DataError(
            f"vector column {name!r}", f"{out.shape[1]} numbers per row", f"shape {found.shape}",
            "train again where the size has changed",
        )  # fmt: skip
    out[:] = found


#: Kinds that take several columns of the matrix, and how those are called.
_NAMED: Final[Mapping[str, str]] = {"list": "{}={}", "vector": "{}[{}]"}
_WIDE: Final = frozenset(_NAMED)

_WRITE: Final[Mapping[str, Callable[[str, Any, dict[Value, int], Matrix], None]]] = {
    "number": _write_number,
    "category": _write_category,
    "list": _write_list,
    "vector": _write_vector,
}


def _column(columns: Columns, name: str) -> Any:
    if name not in columns:
        raise DataError(f"column {name!r}", "values", f"only {', '.join(columns) or 'nothing'}", "add it")
    return columns[name]


def _plain(values: Any) -> list[Any]:
    """Python values, so that an int64, an int and a JSON number meet in one dictionary."""
    plain: list[Any] = np.asarray(values).tolist() if type(values) is np.ndarray else list(values)
    return plain


def _distinct(values: Any) -> tuple[list[tuple[Any, ...]], NDArray[np.int64]]:
    """The distinct lists, and which of them each row holds: many rows share few lists."""
    places: dict[tuple[Any, ...], int] = {}
    rows = (
        () if words is None else words if type(words) is tuple else tuple(_plain(words)) for words in values
    )
    which = np.fromiter((places.setdefault(words, len(places)) for words in rows), np.int64, len(values))
    return list(places), which


def _words(values: Any) -> Iterable[Any]:
    """Every word of every row, as often as it occurs."""
    distinct, which = _distinct(values)
    counts = np.bincount(which, minlength=len(distinct)).tolist()
    return chain.from_iterable(words * count for words, count in zip(distinct, counts, strict=True))


def _frequent(name: str, values: Iterable[Any], most: int) -> list[Value]:
    counts = Counter(value for value in values if value is not None and value == value)
    wrong = next((value for value in counts if type(value) not in (str, int, float, bool)), None)
    if wrong is not None:
        raise DataError(
            f"column {name!r}", "text or numbers", f"{type(wrong).__name__} {wrong!r}", "convert it to text"
        )
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], type(pair[0]) is str, pair[0]))
    return [value for value, _ in ordered[:most]]
