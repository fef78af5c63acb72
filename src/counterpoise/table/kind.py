"""What a column holds, and the two codes that stand for no value."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from pandas.api.extensions import ExtensionDtype

__all__ = ["ABSENT", "MISSING", "Codes", "Dtype", "Kind"]

MISSING: Final[int] = int(np.iinfo(np.int64).min)
"""Code of a missing cell."""

ABSENT: Final[int] = MISSING + 1
"""Code of a cell that is not in the sentence, or is still to be generated."""

Codes: TypeAlias = npt.NDArray[np.int64]
"""Codes of cells: any int64 array, MISSING and ABSENT among them."""

Dtype: TypeAlias = np.dtype[Any] | ExtensionDtype
"""A dtype that a pandas column can have."""


class Kind(StrEnum):
    """What the values of a column are."""

    CATEGORICAL = "categorical"
    ORDERED = "ordered"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DATETIME = "datetime"
    DURATION = "duration"
    TEXT = "text"
