"""Columns of durations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from counterpoise.columns._base import register_column_type
from counterpoise.columns._datetime import Ticks, TimeColumn, resolution_of
from counterpoise.grammar._calendar import NANOSECONDS


@register_column_type
@dataclass(frozen=True)
class DurationColumn(TimeColumn):
    """A column of durations, generated as numbers of whole units."""

    kinds = ("duration",)
    letter = "m"
    converter = "to_timedelta"

    @classmethod
    def _read_ticks(cls, series: pd.Series[Any]) -> Ticks:
        resolution = resolution_of(series.dtype)
        lengths = pd.TimedeltaIndex(series.astype(np.dtype(f"m8[{resolution}]")))
        return np.asarray(lengths.asi8), series.isna().to_numpy(dtype=bool), resolution

    def _nanoseconds(self, bound: Any) -> int:
        length = pd.Timedelta(bound)
        return int(length.to_timedelta64().astype(np.int64)) * NANOSECONDS[length.unit]

    def _parsed(self, series: pd.Series[Any]) -> Any:
        return pd.to_timedelta(series, errors="coerce")

    def label(self, number: float) -> str:
        """Write a duration as pandas does."""
        return str(pd.Timedelta(microseconds=number))
