"""A pandas dtype as JSON and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from counterpoise.errors import SchemaError
from counterpoise.table.kind import Dtype
from counterpoise.table.value import tag_value, tag_zone, untag_value, untag_zone

__all__ = ["tag_dtype", "untag_dtype"]


def tag_dtype(dtype: Dtype) -> dict[str, Any]:
    """Describe a dtype, with JSON types only, well enough to make it again.

    Examples
    --------
    >>> tag_dtype(np.dtype("int64"))
    {'numpy': '<i8'}
    """
    if isinstance(dtype, np.dtype):
        return {"numpy": dtype.str}
    if isinstance(dtype, pd.CategoricalDtype):
        return {
            "categories": [tag_value(value) for value in dtype.categories.tolist()],
            "dtype": tag_dtype(dtype.categories.dtype),
            "ordered": bool(dtype.ordered),
        }
    if isinstance(dtype, pd.DatetimeTZDtype):
        return {"unit": dtype.unit, "zone": tag_zone(dtype.tz)}
    if isinstance(dtype, pd.StringDtype):
        missing = getattr(dtype, "na_value", pd.NA)
        return {"storage": dtype.storage, "missing": "na" if missing is pd.NA else "nan"}
    name = str(dtype)
    if _named(name) != dtype:
        raise SchemaError(f"Dtype {name} cannot be stored in a schema. Convert it with `astype`.")
    return {"name": name}


def untag_dtype(tagged: Any) -> Dtype:
    """Read what `tag_dtype` wrote; malformed input raises ValueError, TypeError or KeyError."""
    if "numpy" in tagged:
        dtype = np.dtype(str(tagged["numpy"]))
        if dtype.kind not in "biufmMO":
            raise TypeError(f"{dtype} is no dtype of a pandas column")
        return dtype
    if "categories" in tagged:
        values = [untag_value(value) for value in tagged["categories"]]
        categories = pd.Index(values, dtype=untag_dtype(tagged["dtype"]), tupleize_cols=False)
        return pd.CategoricalDtype(categories, ordered=bool(tagged["ordered"]))
    if "unit" in tagged:
        return pd.DatetimeTZDtype(tagged["unit"], untag_zone(tagged["zone"]))
    if "storage" in tagged:
        return _string_dtype(tagged["storage"], tagged["missing"])
    named = _named(str(tagged["name"]))
    if named is None:
        raise TypeError(f"unknown dtype {tagged['name']!r}")
    return named


def _named(name: str) -> Dtype | None:
    try:
        return pd.api.types.pandas_dtype(name)
    except (TypeError, NotImplementedError):
        return None


def _string_dtype(storage: Any, missing: str) -> pd.StringDtype:
    # pandas 2.2 has no `na_value`: there, the storage alone says what a missing cell is.
    if missing == "na" or storage == "pyarrow_numpy":
        return pd.StringDtype(storage)
    return pd.StringDtype(storage, na_value=np.nan)
