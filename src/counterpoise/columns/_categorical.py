"""Columns of categories: the values that were observed, and no others; or none at all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.columns._base import (
    MISSING,
    MISSING_WORD,
    Codes,
    Column,
    Mask,
    distinct,
    is_object,
    is_string,
    register_column_type,
)
from counterpoise.columns._json import is_supported
from counterpoise.grammar import Automaton, from_sequences


@register_column_type
@dataclass(frozen=True)
class CategoricalColumn(Column):
    """A column whose cells each hold one of a few values, ordered or not.

    A code is a position among `categories`, Python objects. Two values of different types are two
    categories, also where they compare equal. A column that is missing in every row is "empty": of
    any dtype, and without categories, whatever it was declared to hold.
    """

    kinds = ("categorical", "ordered", "boolean", "empty")
    priority = 10
    generated_values = "the values of real rows"

    categories: tuple[Hashable, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.is_empty and self.categories:
            raise self._error("is declared 'empty', but has values. Leave its kind out.")
        is_none = not self.categories and not self.is_empty
        if is_none or len(_positions(self.categories)) < len(self.categories):
            raise self._error(
                f"needs one or more categories, each of them once, got {_shorten(self.categories)}."
            )
        if self.kind == "boolean" and len(self.categories) > 2:
            raise self._error(
                f"has {len(self.categories)} distinct values, {_shorten(self.categories)}, so it "
                "is not boolean. Declare it categorical."
            )
        for category in self.categories:
            if not is_supported(category):
                raise self._error(
                    f"holds {category!r}, a {type(category).__name__}, which cannot be a category. "
                    "Convert it to a string, a number or a date.",
                    category,
                )
        try:
            _, restored = distinct(self.decode(np.arange(len(self.categories), dtype=np.int64)))
        except (LookupError, TypeError, ValueError, OverflowError):
            restored = []
        if _keys(restored) != _keys(self.categories):
            raise self._error(
                f"has the categories {_shorten(self.categories)}, which are not all values of its "
                f"dtype {self.dtype}."
            )

    @property
    def is_empty(self) -> bool:
        return self.kind == "empty"

    @classmethod
    def recognizes(cls, series: pd.Series[Any]) -> bool:
        dtype = series.dtype
        return (
            isinstance(dtype, pd.CategoricalDtype | pd.PeriodDtype | pd.IntervalDtype)
            or is_string(dtype)
            or is_object(dtype)
            or getattr(dtype, "kind", "O") == "b"
        )

    @classmethod
    def infer(cls, series: pd.Series[Any], kind: str | None = None) -> Self:
        _, observed = distinct(series)
        if not observed:
            return cls.describing(series, "empty", categories=())
        dtype, types = series.dtype, {type(value) for value in observed}
        is_ordered = isinstance(dtype, pd.CategoricalDtype) and bool(dtype.ordered)
        if isinstance(dtype, pd.CategoricalDtype) and is_ordered:
            positions = _positions(dtype.categories.tolist())
            observed.sort(key=lambda value: positions[type(value), value])
        else:
            with suppress(TypeError):  # by first appearance where they cannot be sorted
                observed = sorted(observed)  # type: ignore[type-var]
        if kind is None:
            is_boolean = types <= {bool, np.bool_} and not isinstance(dtype, pd.CategoricalDtype)
            kind = "ordered" if is_ordered else "boolean" if is_boolean else "categorical"
        return cls.describing(series, kind, categories=tuple(observed))

    def with_categories(self, values: Sequence[Any]) -> Self:
        given = set(_keys(values))
        for category in self.categories:
            if (type(category), category) not in given:
                raise self._error(
                    f"holds {category!r} ({type(category).__name__}), which is not among the given "
                    f"categories {_shorten(values)}. Name it there too.",
                    category,
                )
        return replace(self, categories=tuple(values))

    def encode(self, series: pd.Series[Any]) -> Codes:
        self.check_dtype(series)
        self.check_missing(series.isna().to_numpy())
        cells, values = distinct(series)
        positions = _positions(self.categories)
        codes = []
        for value in values:
            if (code := positions.get((type(value), value))) is None:
                if self.is_empty:
                    problem = f"holds {value!r}, but was missing in every row before."
                    raise self._error(problem, value)
                raise self._error(
                    f"holds {value!r}, which is none of its categories "
                    f"{_shorten(self.categories)}. Infer the schema from a table with this value, "
                    "or name it in its categories.",
                    value,
                )
            codes.append(code)
        return np.array([*codes, MISSING], dtype=np.int64)[cells]  # a missing cell is at -1

    def decode(self, codes: Codes) -> pd.Series[Any]:
        assert self.contains(codes).all(), f"codes outside the domain of column {self.name!r}"
        positions = np.where(codes == MISSING, -1, codes)
        cells: Any
        if isinstance(self.dtype, pd.CategoricalDtype):
            found = _positions(self.dtype.categories.tolist())
            levels = np.array([*(found[key] for key in _keys(self.categories)), -1])
            cells = pd.Categorical.from_codes(levels[positions], dtype=self.dtype)
        elif is_object(self.dtype):
            pool = np.empty(len(self.categories) + 1, dtype=object)
            # a plain np.array would spread tuples over a second axis
            pool[:] = (*self.categories, self.missing_cell)
            cells = pool[positions]
        else:
            values = pd.Series(list(self.categories), dtype=self.dtype).array
            cells = values.take(positions, allow_fill=bool((positions < 0).any()))
        return pd.Series(cells, name=self.name, dtype=self.dtype)

    def contains(self, codes: Codes) -> Mask:
        inside = (codes >= 0) & (codes < len(self.categories))
        return inside | (codes == MISSING) if self.has_missing else inside

    def code_of(self, value: Any) -> int:
        # the truth values of a boolean column are no numbers
        is_boolean = isinstance(value, bool | np.bool_) or pd.isna(value) is True
        if self.kind == "boolean" and not is_boolean:
            raise self._no_value(value)
        return super().code_of(value)

    @property
    def n_values(self) -> float:
        return len(self.categories)

    def restrict_range(self, low: Any, high: Any) -> Column:
        return self if self.is_empty else super().restrict_range(low, high)

    def restrict_categories(self, values: Sequence[Any]) -> Self:
        if self.is_empty:
            return self  # a missing cell is allowed, whatever is named
        if _keys(values) != _keys(self.categories[: len(values)]):
            raise self._error(f"cannot have the categories {_shorten(values)} alone.")
        return replace(self, categories=tuple(values))

    def domain(self) -> str:
        names = [str(category) for category in self.categories]
        shown = ", ".join(names[:6])
        others = f" and {len(names) - 6} more" if len(names) > 6 else ""
        return f"{shown}{others}" or "missing in every row"

    @cached_property
    def _texts(self) -> list[str]:
        """Each category as text; those that would read alike (1 and "1") say their type."""
        texts = [str(category) for category in self.categories]
        n_alike = Counter(texts)
        return [
            f"{text} ({type(category).__name__})" if n_alike[text] > 1 else text
            for text, category in zip(texts, self.categories, strict=True)
        ]

    def symbol_automaton(self) -> Automaton:
        return from_sequences({code: self.symbols(code) for code in range(len(self.categories))})

    def symbols(self, code: int) -> list[Hashable]:
        return [("category", code)]

    def symbol_text(self, symbol: Hashable) -> str:
        _, code = cast(tuple[str, int], symbol)
        return self._texts[code]

    def text_choices(self) -> list[str]:
        """Return each category as text, quoted where it could be mistaken."""
        return [_quoted(text) for text in self._texts]

    @cached_property
    def _code_of_text(self) -> dict[str, int]:
        return {text: code for code, text in enumerate(self.text_choices())}

    def read_text(self, text: str) -> tuple[int | None, bool]:
        return self._code_of_text.get(text), text in self._code_of_text

    @property
    def code_range(self) -> tuple[int, int] | None:
        return (0, len(self.categories) - 1) if self.kind == "ordered" else None

    def to_floats(self, series: pd.Series[Any]) -> npt.NDArray[np.float64]:
        ranks = {category: float(rank) for rank, category in enumerate(self.categories)}
        return np.array([ranks.get(value, np.nan) for value in series.tolist()], dtype=float)


def _keys(values: Sequence[Hashable]) -> list[tuple[type, Hashable]]:
    return [(type(value), value) for value in values]  # 1 == True, but (int, 1) != (bool, True)


def _positions(values: Sequence[Hashable]) -> dict[tuple[type, Hashable], int]:
    return {key: position for position, key in enumerate(_keys(values))}


def _shorten(values: Sequence[Hashable], n_shown: int = 8) -> str:
    shown = ", ".join(repr(value) for value in values[:n_shown])
    return shown if len(values) <= n_shown else f"{shown}, ..."


def _quoted(text: str) -> str:
    """Return `text` as it is, or as a JSON string where it could be mistaken in a row as text."""
    is_printable = text.isprintable()
    is_plain = is_printable and text == text.strip() and text not in ("", MISSING_WORD)
    is_plain = is_plain and "," not in text and '"' not in text
    return text if is_plain else json.dumps(text, ensure_ascii=not is_printable)
