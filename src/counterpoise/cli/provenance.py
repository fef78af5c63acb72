"""Where each synthetic row came from, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from counterpoise.files import write_table

__all__ = ["write_provenance"]

_COLUMNS = (
    "class",
    "condition_column",
    "condition_value",
    "log_likelihood",
    "nearest_distance",
    "nearest_row",
)


def write_provenance(sampler: Any, path: Path) -> None:
    """Write one row a synthetic row, in their order; none where nothing was lacking.

    Columns and values of conditions are written as text: they are of the kinds of all columns.
    """
    frame = getattr(sampler, "provenance_", pd.DataFrame(columns=list(_COLUMNS))).copy()
    for name in ("condition_column", "condition_value"):
        frame[name] = frame[name].map(_text).astype(object)
    write_table(frame, path)


def _text(value: Any) -> str | None:
    if isinstance(value, tuple):
        return ", ".join(str(part) for part in value)
    return None if pd.isna(value) else str(value)
