"""Columns of text: strings that are mostly different and long, or nearly all different.

Where the strings have regular shapes, such as ``AB-######``, so have those that are generated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import pandas as pd

from counterpoise.columns._base import (
    MARKERS,
    MISSING,
    Codes,
    Column,
    Mask,
    column_error,
    distinct,
    is_object,
    is_string,
    present_types,
    register_column_type,
)
from counterpoise.columns._shapes import MAX_FIELDS, Shape, example, learn_shapes, split

MIN_DISTINCT: Final = 50  # free text has more different strings than this,
DISTINCT_SHARE: Final = 0.5  # more than this share of the cells that are present, and either
MIN_LENGTH: Final = 20.0  # more characters than this on average,
MIN_SPACES: Final = 3.0  # at least so many white-space characters on average,
MAX_LENGTH: Final = 500
"""Characters of a text that are learned and generated: memory grows with their square."""
IDENTIFIER_DISTINCT_SHARE: Final = 0.9  # or more different strings than this share of the cells


def _longest(shape: Shape) -> int:
    """Return how many characters a string of a shape has at most."""
    return sum(max(map(len, field), default=0) for field in shape)


@register_column_type
@dataclass(frozen=True)
class TextColumn(Column):
    """A column whose cells each hold a string of their own.

    The strings live in the `Table`, once each; a code is a position among them.
    """

    kinds = ("text",)
    priority = 20
    is_text = True
    generated_values = "new texts, made of the parts of the real ones"

    max_length: int  # characters of the longest string, observed or of one of the shapes
    shapes: tuple[Shape, ...] = ()  # that strings have; see `_shapes`
    has_others: bool = True  # whether there are strings that have none of these

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (is_string(self.dtype) or is_object(self.dtype)):
            raise self._error(
                f"has dtype {self.dtype}, which cannot hold any text. Convert it: `astype(str)`."
            )
        if self.max_length < 0:
            raise self._error(f"has a negative length, {self.max_length}.")
        for shape in self.shapes:
            is_short = _longest(shape) <= self.max_length and len(shape) <= MAX_FIELDS
            if not is_short or not all(map(any, shape)):
                raise self._error("has a shape that its texts cannot have.")

    @classmethod
    def recognizes(cls, series: pd.Series[Any]) -> bool:
        if is_object(series.dtype):
            if set(present_types(series)) != {str}:
                return False
        elif not is_string(series.dtype):
            return False
        _, values = distinct(series)
        n_distinct, n_present = len(values), int(series.notna().sum())
        if n_distinct <= max(MIN_DISTINCT, DISTINCT_SHARE * n_present):
            return False
        texts = [str(value) for value in values]
        is_long = np.mean([len(text) for text in texts]) > MIN_LENGTH
        is_wordy = np.mean([len(text.split()) - 1 for text in texts]) >= MIN_SPACES
        is_identifier = n_distinct > IDENTIFIER_DISTINCT_SHARE * n_present
        return bool(is_long or is_wordy or is_identifier)

    @classmethod
    def infer(cls, series: pd.Series[Any], kind: str | None = None) -> Self:
        positions, values = distinct(series)
        texts = _strings(values, series.name)
        n_cells = Counter(positions.tolist())
        shapes = learn_shapes({text: n_cells[at] for at, text in enumerate(texts)})
        return cls.describing(
            series,
            kind or "text",
            max_length=max([*map(len, texts), *map(_longest, shapes)]),
            shapes=shapes,
            has_others=any(split(text, shapes) is None for text in texts),
        )

    def encode_texts(self, series: pd.Series[Any]) -> tuple[Codes, tuple[str, ...]]:
        """Code each cell, and return the distinct strings that the codes are positions among."""
        self.check_dtype(series)
        self.check_missing(series.isna().to_numpy())
        positions, values = distinct(series)
        texts = _strings(values, self.name)
        for text in texts:
            if len(text) > self.max_length:
                raise self._error(
                    f"holds a text of {len(text)} characters, at most {self.max_length} may be: "
                    f"{text[:40]!r}... Infer the schema from a table with it, or shorten it.",
                    text,
                )
            if not self.can_be(text):
                raise self._error(
                    f"holds {text!r}, and its texts are like {self._examples()}. Infer the schema "
                    "from a table with it, or correct it.",
                    text,
                )
        return np.where(positions < 0, MISSING, positions), texts

    def encode(self, series: pd.Series[Any]) -> Codes:
        return self.encode_texts(series)[0]

    def decode(self, codes: Codes, texts: Sequence[str] = ()) -> pd.Series[Any]:
        """Restore cells from codes, which are positions in `texts`."""
        assert self.contains(codes, texts).all(), f"codes outside the texts of {self.name!r}"
        pool = np.empty(len(texts) + 1, dtype=object)
        pool[:-1] = texts
        pool[-1] = MARKERS[self.marker] if is_object(self.dtype) else None
        cells = pool[np.where(codes == MISSING, -1, codes)]
        return pd.Series(cells, name=self.name, dtype=self.dtype)

    def contains(self, codes: Codes, texts: Sequence[str] = ()) -> Mask:
        fits = np.array([self.can_be(text) for text in texts] + [False])
        inside = (codes >= 0) & (codes < len(texts))
        inside &= fits[np.where(inside, codes, -1)]
        return inside | (codes == MISSING) if self.has_missing else inside

    def can_be(self, text: str) -> bool:
        """Whether a cell can hold `text`: it is not too long, and has a shape where all have."""
        is_like = self.has_others or split(text, self.shapes) is not None
        return is_like and len(text) <= self.max_length

    def code_of(self, value: Any) -> int:
        raise ValueError(f"column {self.name!r} holds free text, so {value!r} has no code")

    @property
    def n_values(self) -> float:
        return float("inf")

    @property
    def min_rows_of_identifier(self) -> int | None:
        return 30

    def domain(self) -> str:
        if self.shapes:
            others = f", or others of up to {self.max_length} characters" if self.has_others else ""
            return f"text like {self._examples()}{others}"
        return f"text of up to {self.max_length} characters"

    def _examples(self) -> str:
        return ", ".join(map(example, self.shapes))


def _strings(values: Sequence[Hashable], name: Hashable) -> tuple[str, ...]:
    """Return the values, all of which must be strings, up to `MAX_LENGTH` characters of each."""
    for value in values:
        if type(value) is not str:
            raise column_error(
                name,
                f"is text, but holds {value!r}, a {type(value).__name__}. "
                "Convert it with `astype(str)`, or declare the column categorical.",
                value,
            )
    return tuple(str(value)[:MAX_LENGTH] for value in values)
