"""Columns of categories: the values that were observed, and no others."""

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
    missing_marker,
)
from counterpoise.columns._json import is_supported
from counterpoise.errors import SchemaError


@dataclass(frozen=True, slots=True)
class CategoricalColumn:
    """A column whose cells each hold one of a few values.

    Parameters
    ----------
    name : Hashable
        Name of the column.
    kind : {Kind.CATEGORICAL, Kind.ORDERED, Kind.BOOLEAN}
        What the values are.
    dtype : numpy dtype or pandas ExtensionDtype
        Dtype of the pandas column.
    has_missing : bool
        Whether cells may be missing.
    categories : tuple of Hashable
        The values, as Python objects; the code of a cell is a position in this tuple. Two
        values of different types are two categories, also where they compare equal.
    marker : {"nan", "none", "na", "nat"}, default="nan"
        What an object column holds in a missing cell.
    """

    name: Hashable
    kind: Kind
    dtype: Dtype
    has_missing: bool
    categories: tuple[Hashable, ...]
    marker: str = "nan"

    def __post_init__(self) -> None:
        if self.kind not in (Kind.CATEGORICAL, Kind.ORDERED, Kind.BOOLEAN):
            raise SchemaError(f"Column {self.name!r} cannot be {self.kind}.", column=self.name)
        if not self.categories or len(_positions(self.categories)) < len(self.categories):
            raise SchemaError(
                f"Column {self.name!r} needs one or more categories, each of them once, "
                f"got {_shorten(self.categories)}.",
                column=self.name,
            )
        if self.kind is Kind.BOOLEAN and len(self.categories) > 2:
            raise SchemaError(
                f"Column {self.name!r} has {len(self.categories)} distinct values, "
                f"{_shorten(self.categories)}, so it is not boolean. Declare it categorical.",
                column=self.name,
            )

    @classmethod
    def infer(
        cls, series: pd.Series[Any], kind: Kind, categories: Sequence[Hashable] | None = None
    ) -> CategoricalColumn:
        """Take the categories from a column's cells, or check the given ones against them.

        Parameters
        ----------
        series : pandas.Series of shape (n_rows,)
            The column; some cell is not missing.
        kind : Kind
            One of the three kinds of this class.
        categories : sequence of Hashable, default=None
            All categories, in order. None takes the observed ones: an ordered Categorical in
            its own order, others sorted, or by first appearance where they cannot be sorted.

        Returns
        -------
        CategoricalColumn

        Raises
        ------
        SchemaError
            If a value cannot be a category, or `categories` leaves an observed one out.
        """
        _, observed = distinct(series)
        if categories is None:
            chosen = _in_order(observed, series.dtype)
        else:
            chosen = tuple(categories)
            _check_named(observed, chosen, series.name)
        has_missing = bool(series.isna().any())
        column = cls(series.name, kind, series.dtype, has_missing, chosen, missing_marker(series))
        column.check_categories()
        return column

    def encode(self, series: pd.Series[Any]) -> Codes:
        """Code each cell.

        Parameters
        ----------
        series : pandas.Series of shape (n_rows,)
            Cells of this column's dtype.

        Returns
        -------
        ndarray of shape (n_rows,), dtype int64
            Positions in `categories`, MISSING for a missing cell.

        Raises
        ------
        SchemaError
            If a cell holds another value, or is missing where no cell may be.
        """
        check_dtype(series, self.dtype, self.name)
        check_missing(series.isna().to_numpy(), self.has_missing, self.name)
        cells, values = distinct(series)
        positions = _positions(self.categories)
        codes = np.empty(len(values) + 1, dtype=np.int64)
        codes[-1] = MISSING  # the position of a missing cell is -1
        for position, value in enumerate(values):
            code = positions.get((type(value), value))
            if code is None:
                raise SchemaError(
                    f"Column {self.name!r} holds {value!r}, which is none of its "
                    f"{len(self.categories)} categories, {_shorten(self.categories)}. "
                    "Infer the schema from a table with this value, or name it in `categories`.",
                    column=self.name,
                    value=value,
                )
            codes[position] = code
        return codes[cells]

    def decode(self, codes: Codes) -> pd.Series[Any]:
        """Restore the cells of an array of codes, shape (n_rows,), in the column's dtype."""
        missing = codes == MISSING
        assert self.contains(codes).all(), f"codes outside the domain of column {self.name!r}"
        positions = np.where(missing, -1, codes)
        return pd.Series(self._cells(positions), name=self.name, dtype=self.dtype)

    def contains(self, codes: Codes) -> npt.NDArray[np.bool_]:
        """Whether each of an array of codes stands for a cell that this column can have."""
        inside = (codes >= 0) & (codes < len(self.categories))
        return inside | (codes == MISSING) if self.has_missing else inside

    def check_categories(self) -> None:
        """Raise a `SchemaError` unless each category can be stored, and restored in the dtype."""
        for category in self.categories:
            if not is_supported(category):
                raise SchemaError(
                    f"Column {self.name!r} holds {category!r}, a {type(category).__name__}, which "
                    "cannot be a category. Convert it to a string, a number or a date.",
                    column=self.name,
                    value=category,
                )
        try:
            _, restored = distinct(self.decode(np.arange(len(self.categories), dtype=np.int64)))
        except (LookupError, TypeError, ValueError, OverflowError):
            restored = []
        if _keys(restored) != _keys(self.categories):
            raise SchemaError(
                f"The categories of column {self.name!r}, {_shorten(self.categories)}, are not all "
                f"values of its dtype {self.dtype}.",
                column=self.name,
            )

    def _cells(self, positions: npt.NDArray[np.int64]) -> Any:
        """Cells in the column's dtype; position -1 is a missing cell."""
        if isinstance(self.dtype, pd.CategoricalDtype):
            found = {key: at for at, key in enumerate(_keys(self.dtype.categories.tolist()))}
            levels = np.array([*(found[key] for key in _keys(self.categories)), -1])
            return pd.Categorical.from_codes(levels[positions], dtype=self.dtype)
        if is_object(self.dtype):
            return _objects((*self.categories, MARKERS[self.marker]))[positions]
        pool = pd.Series(list(self.categories), dtype=self.dtype).array
        return pool.take(positions, allow_fill=bool((positions < 0).any()))


def _keys(values: Sequence[Hashable]) -> list[tuple[type, Hashable]]:
    return [(type(value), value) for value in values]  # 1 == True, but (int, 1) != (bool, True)


def _positions(values: Sequence[Hashable]) -> dict[tuple[type, Hashable], int]:
    return {key: position for position, key in enumerate(_keys(values))}


def _objects(values: Sequence[Hashable]) -> npt.NDArray[np.object_]:
    cells = np.empty(len(values), dtype=object)
    cells[:] = values  # a plain np.array would spread tuples over a second axis
    return cells


def _in_order(observed: list[Hashable], dtype: Dtype) -> tuple[Hashable, ...]:
    if isinstance(dtype, pd.CategoricalDtype) and dtype.ordered:
        positions = _positions(dtype.categories.tolist())
        return tuple(sorted(observed, key=lambda value: positions[type(value), value]))
    try:
        return tuple(sorted(observed))  # type: ignore[type-var]
    except TypeError:
        return tuple(observed)


def _check_named(observed: Sequence[Hashable], given: tuple[Hashable, ...], name: Hashable) -> None:
    """Raise a `SchemaError` unless every observed value is among the given ones."""
    known = _positions(given)
    for value in observed:
        if (type(value), value) not in known:
            raise SchemaError(
                f"Column {name!r} holds {value!r} ({type(value).__name__}), which is not among "
                f"the categories given for it, {_shorten(given)}. Name it there too.",
                column=name,
                value=value,
            )


def _shorten(values: Sequence[Hashable], n_shown: int = 8) -> str:
    shown = ", ".join(repr(value) for value in values[:n_shown])
    return shown if len(values) <= n_shown else f"{shown}, ..."
