"""Columns that are missing in every row: synthetic rows have them missing too."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from counterpoise.columns._base import MISSING, Codes, Column, Mask, register_column_type
from counterpoise.grammar import Automaton


@register_column_type
@dataclass(frozen=True)
class EmptyColumn(Column):
    """A column of any dtype without a value, whatever it was declared to hold."""

    kinds = ("empty",)
    generated_values = "no values"

    @classmethod
    def recognizes(cls, series: pd.Series[Any]) -> bool:
        return bool(series.isna().all())

    @classmethod
    def infer(cls, series: pd.Series[Any], kind: str | None = None) -> Self:
        if not series.isna().all():
            raise cls.describing(series, "empty")._error(
                f"is declared {kind!r}, but has values. Leave its kind out."
            )
        return cls.describing(series, "empty")

    def with_categories(self, values: Sequence[Any]) -> Self:  # noqa: ARG002
        return self

    def restrict_range(self, low: Any, high: Any) -> Self:  # noqa: ARG002
        return self  # a missing cell is in every range

    def restrict_categories(self, values: Sequence[Any]) -> Self:  # noqa: ARG002
        return self

    def encode(self, series: pd.Series[Any]) -> Codes:
        self.check_dtype(series)
        present = series.notna().to_numpy()
        if present.any():
            value = series[present].tolist()[0]
            raise self._error(f"holds {value!r}, but was missing in every row before.", value)
        return np.full(len(series), MISSING, dtype=np.int64)

    def decode(self, codes: Codes) -> pd.Series[Any]:
        assert self.contains(codes).all(), f"codes outside the domain of column {self.name!r}"
        cells = np.full(len(codes), self.missing_cell, dtype=object)
        return pd.Series(cells, name=self.name).astype(self.dtype)

    def contains(self, codes: Codes) -> Mask:
        return np.asarray(codes == MISSING)

    @property
    def n_values(self) -> float:
        return 0

    def domain(self) -> str:
        return "missing in every row"

    def symbol_automaton(self) -> Automaton:
        return Automaton(((),))  # no value; whoever serializes adds the missing cell

    def symbols(self, code: int) -> list[Hashable]:
        raise ValueError(f"column {self.name!r} has no value, so none with the code {code}")

    def text_choices(self) -> list[str]:
        return []

    def read_text(self, text: str) -> tuple[int | None, bool]:  # noqa: ARG002
        return MISSING, False
