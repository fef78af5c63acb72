"""Columns of free text: cells of which most are different."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.columns._base import (
    MARKERS,
    MISSING,
    Codes,
    Dtype,
    Kind,
    check_dtype,
    check_missing,
    distinct,
    is_object,
    is_string,
    missing_marker,
)
from counterpoise.errors import SchemaError


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A column whose cells each hold a string of their own.

    The strings live in the `Table`, once each; a code is a position among them.

    Parameters
    ----------
    name : Hashable
        Name of the column.
    kind : {Kind.TEXT}
        What the values are.
    dtype : numpy dtype or pandas ExtensionDtype
        Dtype of the pandas column.
    has_missing : bool
        Whether cells may be missing.
    max_length : int
        Length of the longest observed string, in characters.
    marker : {"nan", "none", "na", "nat"}, default="nan"
        What an object column holds in a missing cell.
    """

    name: Hashable
    kind: Kind
    dtype: Dtype
    has_missing: bool
    max_length: int
    marker: str = "nan"

    def __post_init__(self) -> None:
        if self.kind is not Kind.TEXT:
            raise SchemaError(f"Column {self.name!r} cannot be {self.kind}.", column=self.name)
        if not (is_string(self.dtype) or is_object(self.dtype)):
            raise SchemaError(
                f"Column {self.name!r} has dtype {self.dtype}, which cannot hold any text. "
                "Convert it with `astype(str)`.",
                column=self.name,
            )
        if self.max_length < 0:
            raise SchemaError(
                f"Column {self.name!r} has a negative length, {self.max_length}.", column=self.name
            )

    @classmethod
    def infer(cls, series: pd.Series[Any]) -> TextColumn:
        """Take the longest length from a column's cells, which must all be strings."""
        _, values = distinct(series)
        texts = _strings(values, series.name)
        return cls(
            name=series.name,
            kind=Kind.TEXT,
            dtype=series.dtype,
            has_missing=bool(series.isna().any()),
            max_length=max(map(len, texts)),
            marker=missing_marker(series),
        )

    def intern(self, series: pd.Series[Any]) -> tuple[Codes, tuple[str, ...]]:
        """Code each cell, and return the distinct strings that the codes point into.

        Parameters
        ----------
        series : pandas.Series of shape (n_rows,)
            Cells of this column's dtype.

        Returns
        -------
        codes : ndarray of shape (n_rows,), dtype int64
            Positions in `texts`, MISSING for a missing cell.
        texts : tuple of str
            The distinct strings, by first appearance.

        Raises
        ------
        SchemaError
            If a cell is no string, or is longer than `max_length` characters.
        """
        check_dtype(series, self.dtype, self.name)
        check_missing(series.isna().to_numpy(), self.has_missing, self.name)
        positions, values = distinct(series)
        texts = _strings(values, self.name)
        for text in texts:
            if len(text) > self.max_length:
                raise SchemaError(
                    f"Column {self.name!r} holds a text of {len(text)} characters, and its longest "
                    f"may have {self.max_length}: {text[:40]!r}... Infer the schema from a table "
                    "with this text, or shorten it.",
                    column=self.name,
                    value=text,
                )
        return np.where(positions < 0, MISSING, positions), texts

    def encode(self, series: pd.Series[Any]) -> Codes:
        """Codes alone; see `intern`, which also returns what they point into."""
        return self.intern(series)[0]

    def decode(self, codes: Codes, texts: Sequence[str] = ()) -> pd.Series[Any]:
        """Restore the cells of an array of codes, shape (n_rows,), that point into `texts`."""
        assert self.contains(codes, texts).all(), f"codes outside the texts of {self.name!r}"
        pool = np.empty(len(texts) + 1, dtype=object)
        pool[:-1] = texts
        pool[-1] = MARKERS[self.marker] if is_object(self.dtype) else None
        cells = pool[np.where(codes == MISSING, -1, codes)]
        return pd.Series(cells, name=self.name, dtype=self.dtype)

    def contains(self, codes: Codes, texts: Sequence[str] = ()) -> npt.NDArray[np.bool_]:
        """Whether each of an array of codes points to a text that this column can have."""
        fits = np.array([len(text) <= self.max_length for text in texts] + [False])
        inside = (codes >= 0) & (codes < len(texts))
        inside &= fits[np.where(inside, codes, -1)]
        return inside | (codes == MISSING) if self.has_missing else inside


def _strings(values: Sequence[Hashable], name: Hashable) -> tuple[str, ...]:
    """Check that all values are strings."""
    for value in values:
        if type(value) is not str:
            raise SchemaError(
                f"Column {name!r} is text, but holds {value!r}, a {type(value).__name__}. "
                "Convert it with `astype(str)`, or declare the column categorical.",
                column=name,
                value=value,
            )
    return tuple(str(value) for value in values)
