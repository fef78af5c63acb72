"""What X and y came in as, and how to return the same types.

Inside there is one kind of table, the pandas DataFrame. Frames of other libraries pass through
Arrow, by narwhals, which keeps integers with missing values, zones and categories what they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import narwhals as nw
import numpy as np
import pandas as pd
from scipy import sparse

from counterpoise.columns._schema import Schema
from counterpoise.columns._table import Table
from counterpoise.errors import SchemaError, needs_extra

_ROW = (list, tuple, np.ndarray)


@dataclass(frozen=True, slots=True)
class CallerTypes:
    """Types of the X and y of a fit: plain values, so that they can be saved.

    A kind is "pandas", "array", "list", or the library of another frame or series: "polars", ...
    """

    kind: str = "array"
    columns: pd.Index[Any] | None = None  # where X is a DataFrame of pandas
    array_dtype: Any = None  # where X is an array or a list
    arrow_schema: bytes | None = None  # where X is a frame of another library
    target_kind: str = "array"
    target_name: Any = None
    target_dtype: Any = None
    target_arrow_schema: bytes | None = None  # with y as the only column

    @classmethod
    def of(cls, X: Any, y: Any) -> CallerTypes:
        """Remember the types of `X` and `y`."""
        types = cls(_kind(X), target_kind=_kind(y), target_name=getattr(y, "name", None))
        if types.target_kind in ("pandas", "array"):
            types = replace(types, target_dtype=getattr(y, "dtype", None))
        elif types.target_kind != "list":
            target = nw.from_native(y, series_only=True).to_frame()
            types = replace(types, target_arrow_schema=_serialized_schema(target))
        if types.kind == "pandas":
            return replace(types, columns=X.columns)
        if types.kind in ("array", "list"):
            return replace(types, array_dtype=getattr(X, "dtype", np.dtype(object)))
        return replace(types, arrow_schema=_serialized_schema(nw.from_native(X)))

    @property
    def names_columns(self) -> bool:
        """Whether the names of columns are the caller's own, not made up."""
        return self.kind not in ("array", "list")

    def X(self, frame: pd.DataFrame) -> Any:
        """Return the synthetic rows `frame` as X came in."""
        if self.columns is not None:
            return frame.set_axis(self.columns, axis=1)
        if self.arrow_schema is not None:
            return _from_arrow(frame, self.arrow_schema, self.kind).to_native()
        cells = frame.to_numpy(dtype=self.array_dtype)
        return cells.tolist() if self.kind == "list" else cells

    def y(self, labels: pd.Series[Any]) -> Any:
        """Return the labels of synthetic rows as y came in."""
        if self.target_arrow_schema is not None:
            name = "" if self.target_name is None else self.target_name
            frame = labels.rename(name).to_frame()
            return _from_arrow(frame, self.target_arrow_schema, self.target_kind)[name].to_native()
        if self.target_kind == "pandas":
            if self.target_dtype is not None:
                labels = labels.astype(self.target_dtype)
            return labels.rename(self.target_name)
        if self.target_kind == "list":
            return labels.tolist()
        cells = labels.to_numpy()
        return cells if self.target_dtype is None else cells.astype(self.target_dtype)

    def extended_frame(self, X: Any, frame: pd.DataFrame) -> Any:
        """Return the caller's own rows, as they are, and the synthetic rows `frame` below."""
        return _extended(self.kind, X, self.X(frame))

    def extended_labels(self, y: Any, labels: pd.Series[Any]) -> Any:
        """Return the caller's own labels and those of the synthetic rows below."""
        return _extended(self.target_kind, y, self.y(labels))


def _extended(kind: str, own: Any, synthetic: Any) -> Any:
    if kind == "pandas":
        whole = pd.concat([own, synthetic], ignore_index=True).astype(own.dtypes)
        return whole.set_axis(_continued(own.index, len(synthetic)))
    if kind == "array":
        return np.concatenate([np.asarray(own), synthetic])
    if kind == "list":
        return [*own, *synthetic]
    parts = [nw.from_native(part, allow_series=True) for part in (own, synthetic)]
    if not isinstance(parts[0], nw.Series):
        return nw.concat(parts).to_native()
    frames = [part.to_frame() for part in parts]
    return nw.concat(frames)[parts[0].name].to_native()


def as_frame(X: Any) -> pd.DataFrame:
    """Return `X` as a DataFrame of pandas, with a row, a column, and no column name twice."""
    if sparse.issparse(X):
        raise TypeError(
            "sparse input is not supported: every cell of a row is a training token; pass a dense "
            "array or a DataFrame"
        )
    kind = _kind(X)
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
    n_rows, n_columns = frame.shape
    if not n_columns:
        raise SchemaError(  # worded as in scikit-learn, whose checks look for it
            f"the table is empty: 0 feature(s) (shape={frame.shape}) while a minimum of 1 is "
            "required."
        )
    if not n_rows:
        raise SchemaError(f"the table is empty: it has {n_rows} rows and {n_columns} columns")
    sparse_columns = {
        name: dtype.subtype
        for name, dtype in frame.dtypes.items()
        if isinstance(dtype, pd.SparseDtype)
    }
    return frame.astype(sparse_columns) if sparse_columns else frame


def as_labels(y: Any) -> Any:
    """Return `y` as an array of numbers, booleans or objects; with two axes, as it came."""
    kind = _kind(y)
    if y is None or np.ndim(y) == 2:
        return y
    if kind == "array" and getattr(y, "dtype", np.dtype(object)) != np.dtype(object):
        return y
    if kind not in ("pandas", "array", "list"):
        values = nw.from_native(y, series_only=True).to_list()
    else:
        values = y.tolist() if hasattr(y, "tolist") else list(y)
    array = np.asarray(values) if {type(value) for value in values} != {str} else None
    if array is not None and (array.dtype.kind in "biuf" or array.ndim != 1):
        return array
    labels = np.empty(len(values), dtype=object)
    labels[:] = values
    return labels


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


def _kind(data: Any) -> str:
    """Name what `data` is: pandas, array, list, or the library of another frame or series."""
    if isinstance(data, pd.DataFrame | pd.Series):
        return "pandas"
    if isinstance(data, list | tuple):
        return "list"
    native = nw.from_native(data, eager_only=True, allow_series=True, pass_through=True)
    if isinstance(native, nw.DataFrame | nw.Series):
        return str(native.implementation.value)
    return "array"


def _to_arrow(frame: nw.DataFrame[Any]) -> Any:
    with needs_extra(
        "parquet",
        f"frames of {frame.implementation.value} pass through pyarrow, which is not "
        "installed: pip install 'counterpoise[parquet]', or pass a DataFrame of pandas",
    ):
        return frame.to_arrow()


def _serialized_schema(frame: nw.DataFrame[Any]) -> bytes:
    return bytes(_to_arrow(frame).schema.serialize())


def _from_arrow(frame: pd.DataFrame, schema: bytes, library: str) -> nw.DataFrame[Any]:
    """Return `frame` as a frame of `library`, with the column types of `schema`."""
    import pyarrow as pa

    arrow_schema = pa.ipc.read_schema(pa.py_buffer(schema))
    table = pa.Table.from_pandas(frame, schema=arrow_schema, preserve_index=False)
    return nw.from_arrow(table.replace_schema_metadata(None), backend=cast(Any, library))


def _array_frame(X: Any) -> pd.DataFrame:
    """Return an array or a list of rows as a frame."""
    is_list = isinstance(X, list | tuple)
    if is_list and len({len(row) if isinstance(row, _ROW) else -1 for row in X}) > 1:
        raise ValueError("X is a list of rows of different lengths; give each row every cell")
    if not (is_list and len(X) and isinstance(X[0], _ROW)):
        X = np.asarray(X)
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
    """Return `index` continued for `n_more` rows: unique integers above the largest.

    Other labels mean something, which a synthetic row does not have: numbered from 0 instead.
    """
    if not n_more:
        return index
    if isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1:
        return pd.RangeIndex(len(index) + n_more, name=index.name)
    if index.dtype.kind != "i" or not index.is_unique:
        return pd.RangeIndex(len(index) + n_more)
    first = int(index.max()) + 1
    more = pd.Index(np.arange(first, first + n_more), dtype=index.dtype)
    return index.append(more).rename(index.name)
