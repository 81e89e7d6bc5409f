"""A training set as an Arrow table, a pandas frame or a Polars frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from heptad.errors import DataError, MissingExtra

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    import polars as pl


def to_arrow(columns: Mapping[str, NDArray[Any]]) -> pa.Table:
    """Numbers as float64, ids and texts as int64 or string, lists as lists, vectors as fixed-size lists.

    NaN and None are null.

    Raises DataError where the ids of one column are integers and texts: Arrow has no such type.
    """
    return pa.table({name: _array(name, values) for name, values in columns.items()})


def _array(name: str, values: NDArray[Any]) -> Any:
    if values.ndim == 2:
        null = np.isnan(values[:, 0])
        flat = pa.array(np.ascontiguousarray(values).reshape(-1))
        return pa.FixedSizeListArray.from_arrays(flat, values.shape[1], mask=pa.array(null))
    if values.dtype != object:
        return pa.array(values, from_pandas=True)
    first = next((value for value in values if value is not None), None)
    rows = (
        [None if value is None else list(value) for value in values] if isinstance(first, tuple) else values
    )
    try:
        return pa.array(rows)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(f"column {name!r}", "values of one type", error, "make all ids texts") from error


def to_pandas(columns: Mapping[str, NDArray[Any]]) -> pd.DataFrame:
    """The table as pandas holds it (``pip install 'heptad[frames]'``)."""
    try:
        import pandas  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra.of("to_pandas", "pandas", "frames") from error
    frame: pd.DataFrame = to_arrow(columns).to_pandas()
    return frame


def to_polars(columns: Mapping[str, NDArray[Any]]) -> pl.DataFrame:
    """The table as Polars holds it (``pip install 'heptad[frames]'``)."""
    try:
        import polars
    except ModuleNotFoundError as error:
        raise MissingExtra.of("to_polars", "polars", "frames") from error
    return polars.DataFrame(to_arrow(columns))
