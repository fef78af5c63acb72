"""What X and y came in as, and how to return the same types.

Inside there is one kind of table, the pandas DataFrame. Frames of other libraries pass through
Arrow, by narwhals, which keeps integers with missing values, zones and categories what they are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Any, cast

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from counterpoise.columns._table import Schema, Table
from counterpoise.errors import SchemaError, needs_extra

_ROW = (list, tuple, np.ndarray)


@dataclass(frozen=True, slots=True)
class CallerType:
    """The type of the X or the y of a fit: plain values, so that it can be saved."""

    kind: str  # "pandas", "array", "list", or the library of another frame or series: "polars", ...
    name: Any = None  # of a series
    columns: pd.Index[Any] | None = None  # of a DataFrame of pandas
    # of an array, a list or a series of pandas; of a frame, see `of`, by position
    dtype: Any = None
    arrow_schema: bytes | None = None  # of a frame of another library; a series is its only column
    is_frame: bool = False

    @classmethod
    def of(cls, data: Any) -> CallerType:
        """Remember the type of `data`: of a frame the sparse columns, or the only one, a y."""
        data = nw.to_native(data, pass_through=True)
        kind, name = _kind(data), getattr(data, "name", None)
        if isinstance(data, pd.DataFrame):
            is_y = data.shape[1] == 1
            dtypes = enumerate(data.dtypes)
            kept = {at: dtype for at, dtype in dtypes if is_y or isinstance(dtype, pd.SparseDtype)}
            return cls(kind, data.columns[0] if is_y else None, data.columns, kept, is_frame=True)
        if kind in ("pandas", "array", "list"):
            dtype = data.dtype if kind == "pandas" else np.dtype(object)
            return cls(kind, name, dtype=_as_array(data).dtype if kind == "array" else dtype)
        frame = nw.from_native(data, allow_series=True)
        is_frame = not isinstance(frame, nw.Series)
        frame = frame if is_frame else frame.to_frame()
        if is_frame:
            name = frame.columns[0] if len(frame.columns) == 1 else None
        schema = bytes(_to_arrow(frame).schema.serialize())
        return cls(kind, name, arrow_schema=schema, is_frame=is_frame)

    @property
    def has_names(self) -> bool:
        """Whether its columns have names that the user gave them."""
        return self.kind not in ("array", "list")

    def restore(self, rows: pd.DataFrame | pd.Series[Any]) -> Any:
        """Return synthetic rows, or their labels, as `data` came in."""
        if self.is_frame and isinstance(rows, pd.Series):  # a y of one column
            dtype = self.dtype[0] if self.dtype else rows.dtype
            rows = rows.astype(dtype).rename(self.name).to_frame()
        if self.arrow_schema is not None:
            import pyarrow as pa

            name = self.name or ""
            frame = rows if isinstance(rows, pd.DataFrame) else rows.rename(name).to_frame()
            schema = pa.ipc.read_schema(pa.py_buffer(self.arrow_schema))
            table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
            own = nw.from_arrow(table.replace_schema_metadata(None), backend=cast(Any, self.kind))
            return (own if frame is rows else own[name]).to_native()
        if self.kind != "pandas":
            cells = rows.to_numpy(dtype=self.dtype)
            return cells.tolist() if self.kind == "list" else cells
        if isinstance(rows, pd.DataFrame):
            kinds = {
                rows.columns[at]: kind
                for at, kind in (self.dtype or {}).items()
                if kind.kind not in "iub" or rows.iloc[:, at].notna().all()
            }
            rows = rows.astype(kinds)
            return rows if self.columns is None else rows.set_axis(self.columns, axis=1)
        return (rows if self.dtype is None else rows.astype(self.dtype)).rename(self.name)

    def extended(self, own: Any, rows: pd.DataFrame | pd.Series[Any]) -> Any:
        """Return the caller's own rows, or labels, as they are, and the synthetic ones below."""
        own, synthetic = nw.to_native(own, pass_through=True), self.restore(rows)
        if self.kind == "pandas":
            whole = with_rows(own, synthetic)
            return whole.set_axis(_continued(own.index, len(synthetic)))
        if self.kind == "array":
            return np.concatenate([np.asarray(own), synthetic])
        if self.kind == "list":
            return [*own, *synthetic]
        parts = [nw.from_native(part, allow_series=True) for part in (own, synthetic)]
        if not isinstance(parts[0], nw.Series):
            return nw.concat(parts).to_native()
        frames = [part.to_frame() for part in parts]
        return nw.concat(frames)[parts[0].name].to_native()


def with_rows(own: Any, rows: Any) -> Any:
    """Return a frame or series with further rows, in its own dtypes, nullable where needed."""
    dtypes = own.dtypes
    if isinstance(own, pd.DataFrame):
        both = zip(dtypes, rows.dtypes, rows.isna().any(), strict=True)
        kept = [new if gaps and old.kind in "iub" else old for old, new, gaps in both]
        dtypes = pd.Series(kept, index=dtypes.index, dtype=object)
    return pd.concat([own, rows], ignore_index=True).astype(dtypes)


def as_frame(X: Any) -> pd.DataFrame:
    """Return `X` as a DataFrame of pandas, with a row, a column, and no column name twice."""
    if sparse.issparse(X):
        raise TypeError(
            "sparse input is not supported: every cell of a row is a training token; pass a dense "
            "array or a DataFrame"
        )
    X = nw.to_native(X, pass_through=True)
    kind = _kind(X, "X")
    if _is_series(X):
        raise ValueError(
            "X must be a 2D table, of shape (n_samples, n_features); got a Series. Give "
            "`X.to_frame()` if it is a single feature"
        )
    frame: pd.DataFrame
    if kind == "pandas":
        frame = X
    elif kind in ("array", "list"):
        frame = _array_frame(X)
    else:
        table = _to_arrow(nw.from_native(X))
        import pyarrow as pa

        frame = table.to_pandas(  # a dictionary becomes a Categorical by itself
            types_mapper=lambda kind: None if pa.types.is_dictionary(kind) else pd.ArrowDtype(kind)
        )
    if not frame.columns.is_unique:
        name = frame.columns[frame.columns.duplicated()][0]
        raise SchemaError(f"column name {name!r} occurs more than once; rename one", column=name)
    for at, name in enumerate(frame.columns):
        if pd.isna(name) is True and str(name) != "None":
            raise SchemaError(f"column {at} (from 0) is named {name!r}; give it a name")
    _check_is_text(frame.columns, "the column name")
    n_rows, n_columns = frame.shape
    if not n_columns:
        raise SchemaError(  # worded as in scikit-learn, whose checks look for it
            f"the table is empty: 0 feature(s) (shape={frame.shape}) while a minimum of 1 is "
            "required."
        )
    if not n_rows:
        raise SchemaError(f"the table is empty: it has {n_rows} rows and {n_columns} columns")
    is_sparse = [isinstance(dtype, pd.SparseDtype) for dtype in frame.dtypes]
    dense = {name: frame.dtypes[name].subtype for name in frame.columns[is_sparse]}
    return frame.astype(dense) if dense else frame


def as_labels(y: Any) -> Any:
    """Return `y`, or its only column, as numbers, booleans or objects; two axes as they are."""
    y = nw.to_native(y, pass_through=True)
    kind = _kind(y, "y")
    if y is None:
        # worded as in scikit-learn, whose checks look for it
        raise ValueError("a fit requires y to be passed, but the target y is None")
    is_labels = not isinstance(y, str | bytes | Mapping | Set) and not sparse.issparse(y)
    if not is_labels or not hasattr(y, "__len__"):
        raise TypeError(
            "y must be a Series, an array or a list of class labels, one per row of X; got a "
            f"{type(y).__name__}"
        )
    if kind not in ("array", "list"):
        y = _only_column(y)
    elif kind == "array" or np.ndim(y) == 2:
        is_known = isinstance(y, np.ndarray | pd.Index | pd.api.extensions.ExtensionArray)
        y = y if is_known else _as_array(y, "y")
        if np.ndim(y) == 2 or y.dtype != np.dtype(object):
            return y
    if kind not in ("pandas", "array", "list"):
        values = nw.from_native(y, series_only=True).to_list()
    else:
        values = y.tolist() if hasattr(y, "tolist") else list(y)
    types = {type(value) for value in values}
    if len(types) > 1:
        types = {type(value) for value in values if pd.isna(value) is not True}
    named = ", ".join(sorted(kind.__name__ for kind in types))
    if types & {tuple, list, dict, set, frozenset}:
        raise TypeError(f"y has labels of type {named}; give strings, integers or categories")
    if str in types:
        _check_is_text(set(values), "the label")
    if str in types and len(types) > 1:
        raise TypeError(f"y has labels of several types ({named}); `y.astype(str)` makes them one")
    is_whole = types and all(issubclass(kind, int | np.integer) for kind in types)
    if is_whole and max(values) >= 2**63:
        if min(values) < 0 or max(values) >= 2**64:
            raise ValueError("no type of integers holds all the labels in y; use `y.astype(str)`")
        return np.array(values, dtype=np.uint64)
    array = np.asarray(values) if types != {str} else None
    if array is not None and (array.dtype.kind in "biuf" or array.ndim != 1):
        return array
    labels = np.empty(len(values), dtype=object)
    labels[:] = values
    return labels


def _check_is_text(names: Iterable[Any], what: str) -> None:
    """Raise a `SchemaError` where a string is no Unicode text, which pandas cannot hold."""
    for name in names:
        try:
            str(name).encode()
        except UnicodeEncodeError as error:
            raise SchemaError(f"{what} {name!a} holds half of a surrogate pair") from error


def with_labels(features: Table, labels: Any, name: Any, *, is_named: bool = True) -> Table:
    """Put the labels in front of the features, as column 0.

    If `is_named`, the names are the user's own, and a feature with the name of the target is a
    SchemaError; made-up names give way.
    """
    names = [feature.name for feature in features.schema]
    if is_named and name is not None and name in names:
        raise SchemaError(f"the target {name!r} is also a column of X; drop it there", column=name)
    target = "class" if name is None else name
    while target in names:
        target = f"{target}_"
    column = pd.DataFrame({target: labels})
    schema = Schema.infer(column, kinds={target: "categorical"})
    return Table(
        Schema((*schema.columns, *features.schema.columns)),
        np.hstack([Table.from_frame(column, schema).codes, features.codes]),
        {position + 1: texts for position, texts in features.texts.items()},
    )


def _kind(data: Any, name: str = "data") -> str:
    """Name what `data` is: pandas, array, list, or the library of another frame or series."""
    if isinstance(data, pd.DataFrame | pd.Series):
        return "pandas"
    if isinstance(data, list | tuple):
        return "list"
    native = nw.from_native(data, allow_series=True, pass_through=True)
    if isinstance(native, nw.LazyFrame):
        kind = type(data).__name__
        raise TypeError(f"{name} is a {kind}, which has no rows yet; give `{name}.collect()`")
    is_known = isinstance(native, nw.DataFrame | nw.Series)
    return str(native.implementation.value) if is_known else "array"


def _only_column(y: Any) -> Any:
    """Return a series as it is, and the only column of a frame as a series."""
    if _is_series(y):
        return y
    frame = y if isinstance(y, pd.DataFrame) else nw.from_native(y, eager_only=True)
    names = list(frame.columns)
    if len(names) != 1:
        raise ValueError(
            f"y must be one column of class labels; this frame has {len(names)}: {names}. "
            "Give one of them; columns of 0 and 1, one per class, are turned into labels by "
            "`y.idxmax(axis=1)`"
        )
    return y.iloc[:, 0] if isinstance(y, pd.DataFrame) else frame[names[0]].to_native()


def _as_array(data: Any, name: str = "X") -> npt.NDArray[Any]:
    """Return an array of any library as one of numpy."""
    try:
        return np.asarray(data)
    except (RuntimeError, TypeError) as error:  # a tensor with a gradient, or on a GPU
        raise TypeError(
            f"{name}, a {type(data).__name__}, cannot be read as an array of numpy: {error}"
        ) from error


def _is_series(data: Any) -> bool:
    if isinstance(data, pd.DataFrame | pd.Series):
        return isinstance(data, pd.Series)
    return isinstance(nw.from_native(data, allow_series=True, pass_through=True), nw.Series)


def _to_arrow(frame: nw.DataFrame[Any]) -> Any:
    with needs_extra(
        "parquet",
        f"frames of {frame.implementation.value} pass through pyarrow, which is not "
        "installed: run `pip install pyarrow`, or pass a DataFrame of pandas",
    ):
        from pyarrow import ArrowException
    try:
        return frame.to_arrow()
    except ArrowException:
        for name in frame.columns:
            try:
                frame.select(name).to_arrow()
            except ArrowException as error:
                dtype = frame.schema[name]
                raise SchemaError(
                    f"Column {name!r} has dtype {dtype}, which Arrow does not know ({error}). Cast "
                    "it to another, such as Int64.",
                    column=name,
                ) from error
        raise


def _array_frame(X: Any) -> pd.DataFrame:
    """Return an array or a list of rows as a frame."""
    is_list = isinstance(X, list | tuple)
    if isinstance(X, Mapping) or (is_list and len(X) and isinstance(X[0], Mapping)):
        kind = "a list of dicts" if is_list else f"a {type(X).__name__}"
        raise TypeError(f"X is {kind}; give a DataFrame, such as `pandas.DataFrame(X)`")
    if X is None or isinstance(X, str | bytes):
        given = "None" if X is None else f"a {type(X).__name__}, {X!r}"
        raise ValueError(f"X must be a table: a DataFrame, an array or a list of rows; got {given}")
    if is_list and len({len(row) if isinstance(row, _ROW) else -1 for row in X}) > 1:
        raise ValueError("X is a list of rows of different lengths; give each row every cell")
    if not (is_list and len(X) and isinstance(X[0], _ROW)):
        X = _as_array(X)
        if X.ndim != 2:
            raise ValueError(
                "X must be two-dimensional, of shape (n_samples, n_features); got an array of "
                f"{X.ndim} dimensions. Reshape your data with array.reshape(-1, 1) if it has a "
                "single feature, or array.reshape(1, -1) if it is a single sample"
            )
    # the objects of a list or an array of objects stay what they are, but for times
    is_any = is_list or X.dtype == object
    frame = pd.DataFrame(X, dtype=object) if is_any else pd.DataFrame(X)
    dtypes = frame.infer_objects().dtypes
    return frame.astype({name: kind for name, kind in dtypes.items() if kind.kind in "mM"})


def _continued(index: pd.Index[Any], n_more: int) -> pd.Index[Any]:
    """Return `index` with unique integers above its largest, or else numbered from 0."""
    if not n_more:
        return index
    if isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1:
        return pd.RangeIndex(len(index) + n_more, name=index.name)
    is_numbered = index.dtype.kind == "i" and index.is_unique
    first = int(index.max()) + 1 if is_numbered else 0
    if not is_numbered or first + n_more > np.iinfo(np.int64).max:
        return pd.RangeIndex(len(index) + n_more)
    more = pd.Index(np.arange(first, first + n_more))
    with contextlib.suppress(ValueError, TypeError, OverflowError):  # too large for its type
        more = own if ((own := more.astype(index.dtype)) == more).all() else more
    return index.append(more).rename(index.name)
