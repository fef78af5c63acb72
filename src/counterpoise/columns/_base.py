"""The base class of all column types, and the registry of those there are.

A cell is kept as a *code*, an int64; a column knows what a code means. To add a column type, write
one subclass of :class:`Column` and register it with :func:`register_column_type`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, ClassVar, Final, Self, TypeAlias, TypeVar, cast, get_args, get_type_hints

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise._parameters import shown
from counterpoise.columns._json import Dtype, tag_dtype, tag_value, untag_dtype, untag_value
from counterpoise.errors import SchemaError
from counterpoise.grammar import Automaton, expand, framed

MISSING: Final[int] = int(np.iinfo(np.int64).min)
"""Code of a missing cell."""

ABSENT: Final[int] = MISSING + 1
"""Code of a cell that is not part of the row, or is still to be generated."""

Codes: TypeAlias = npt.NDArray[np.int64]  # MISSING and ABSENT among them

Mask: TypeAlias = npt.NDArray[np.bool_]

MARKERS: Final[dict[str, Any]] = {"nan": float("nan"), "none": None, "na": pd.NA, "nat": pd.NaT}
"""What an object column can hold in place of a value, by the name that a schema gives it."""

TEXT_END: Final = ","  # what follows each value in a row as text
MISSING_WORD: Final = "missing"  # what a missing cell is in a row as text
_ARROW_STRINGS = ("string[pyarrow]", "large_string[pyarrow]", "string_view[pyarrow]")


def column_error(name: Hashable, problem: str, value: Any = None) -> SchemaError:
    return SchemaError(f"Column {name!r} {problem}", column=name, value=value)


def is_object(dtype: Dtype) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind == "O"


def is_string(dtype: Dtype) -> bool:
    return isinstance(dtype, pd.StringDtype) or (
        not isinstance(dtype, np.dtype) and str(dtype) in _ARROW_STRINGS
    )


def marker_of(series: pd.Series[Any]) -> str:
    """Name the marker of missing cells in an object column."""
    missing = series.isna().to_numpy()
    if not (is_object(series.dtype) and missing.any()):
        return "nan"
    first = series.iloc[int(missing.argmax())]
    return next((name for name, marker in MARKERS.items() if marker is first), "nan")


def present_types(series: pd.Series[Any]) -> dict[type, npt.NDArray[np.intp]]:
    """Rows of the cells that are not missing in an object column, by exact Python type."""
    rows = np.flatnonzero(series.notna().to_numpy())
    types = np.frompyfunc(type, 1, 1)(series.to_numpy(dtype=object)[rows])
    codes, found = pd.factorize(types)
    return {kind: rows[codes == position] for position, kind in enumerate(found)}


def distinct(series: pd.Series[Any]) -> tuple[npt.NDArray[np.int64], list[Hashable]]:
    """Return which distinct value each cell is (-1 if missing), and these; 1, 1.0, True differ."""
    if not is_object(series.dtype):
        is_numpy = isinstance(series.dtype, np.dtype)
        codes, found = pd.factorize(series.to_numpy() if is_numpy else series.array)
        return codes.astype(np.int64), _python_values(found)
    rows = np.flatnonzero(series.notna().to_numpy())
    typed = np.frompyfunc(lambda cell: (type(cell), cell), 1, 1)
    try:
        codes, found = pd.factorize(typed(series.to_numpy(dtype=object)[rows]))
    except TypeError as error:
        raise column_error(
            series.name,
            "holds values that cannot be compared, such as lists. Spread them over columns of "
            "their own, or drop it.",
        ) from error
    positions = np.full(len(series), -1, dtype=np.int64)
    positions[rows] = codes
    return positions, [value for _, value in found]


def _python_values(found: Any) -> list[Hashable]:
    """Python objects for an array of one dtype; short floats stay short (0.1 in float32)."""
    dtype = getattr(found.dtype, "numpy_dtype", found.dtype)
    if isinstance(dtype, np.dtype) and dtype.kind == "f" and dtype.itemsize < 8:
        return [float(str(number)) for number in np.asarray(found, dtype=dtype)]
    values: list[Hashable] = list(pd.Series(found).tolist())
    return values


@dataclass(frozen=True)
class Column(ABC):
    """One column of a table: what its cells can be, and all that is done with them.

    A subclass is a frozen dataclass, whose further fields say which values there are: numbers,
    strings, Hashables (JSON keeps their types), or tuples of these. It sets `kinds`, and it defines
    the abstract methods, `symbol_automaton` and `symbols`. All other methods have defaults that
    suit values without an order.
    """

    kinds: ClassVar[tuple[str, ...]]
    """Names of what the values can be, as users declare them; no two types share one."""
    priority: ClassVar[int] = 100
    """Types of higher priority are asked first whether they recognize a pandas column."""
    is_text: ClassVar[bool] = False
    """Whether codes are positions among strings that the `Table` holds (free text)."""
    generated_values: ClassVar[str] = "any of its values"
    """Which values generated rows get, for a warning."""
    is_numeric: ClassVar[bool] = False
    """Whether codes lie on a scale, so that values can be averaged and interpolated."""

    name: Hashable
    kind: str  # what the values are: one of the class's `kinds`
    dtype: Dtype  # of the pandas column
    has_missing: bool  # whether cells may be missing
    marker: str = field(default="nan", kw_only=True)  # of MARKERS, in an object column

    def __post_init__(self) -> None:
        if self.kind not in self.kinds or self.marker not in MARKERS:
            raise self._error(f"cannot be {self.kind!r} with the missing marker {self.marker!r}.")

    @classmethod
    @abstractmethod
    def recognizes(cls, series: pd.Series[Any]) -> bool:
        """Whether this type should describe `series`, which has at least one non-missing cell."""

    @classmethod
    @abstractmethod
    def infer(cls, series: pd.Series[Any], kind: str | None = None) -> Self:
        """Make the column that describes `series`, which was declared `kind`, if any.

        A `SchemaError` is raised if the cells cannot be what was declared.
        """

    def widened(self, margin: float) -> Column:  # noqa: ARG002
        """Return the column with its range, if any, longer on both sides by a share of its span."""
        return self

    def with_categories(self, values: Sequence[Any]) -> Column:  # noqa: ARG002
        """Return the column with the categories `values`, the observed ones among them."""
        raise self._error(f"is {self.kind}: it has no categories. Declare it categorical.")

    @abstractmethod
    def encode(self, series: pd.Series[Any]) -> Codes:
        """Code each cell of a pandas column of this column's dtype; shape (n_rows,).

        A `SchemaError` is raised if a cell is not one of the column's values, or is missing where
        none may be.
        """

    @abstractmethod
    def decode(self, codes: Codes) -> pd.Series[Any]:
        """Restore the cells of an array of codes, shape (n_rows,), in the column's dtype."""

    @abstractmethod
    def contains(self, codes: Codes) -> Mask:
        """Whether each of an array of codes stands for a cell that this column can have."""

    @property
    @abstractmethod
    def n_values(self) -> float:
        """How many values a cell that is not missing can have; infinite for free text."""

    def code_of(self, value: Any) -> int:
        """Return the code of a value that the user named; a ValueError if there is none."""
        try:
            cell = pd.Series([value], name=self.name).astype(self.dtype)
            code = self.encode(cell)
        except (TypeError, ValueError) as error:
            raise self._no_value(value) from error
        back = self.decode(code).iloc[0]
        if not (pd.isna(value) if pd.isna(back) else back == value):
            raise self._no_value(value)
        return int(code[0])

    def _no_value(self, value: Any) -> ValueError:
        """Return the error of `code_of`."""
        text = f"column {self.name!r} has no {shown(value)}: it is {self.kind}"
        return ValueError(f"{text}, {self.domain()}" if self.domain() else text)

    def restrict_range(self, low: Any, high: Any) -> Column:  # noqa: ARG002
        """Return the column with another range; None leaves that end as it is."""
        raise self._error(f"is {self.kind}: it has no range. Name its categories, or its kind.")

    def restrict_categories(self, values: Sequence[Any]) -> Column:  # noqa: ARG002
        """Return the column with the categories `values` alone, the first of its own."""
        raise self._error(f"is {self.kind}: it has no categories. Declare it categorical.")

    @abstractmethod
    def domain(self) -> str:
        """Say in a few words which values a cell can have."""

    @property
    def min_rows_of_identifier(self) -> int | None:
        """From how many rows on a different value in each is no accident; None if it may be."""
        return {"categorical": 30, "text": 30, "integer": 100}.get(self.kind)

    # Grammar. Free text needs none of these: it is made of the parts of the strings there are.

    def symbol_automaton(self) -> Automaton:
        """Accept the values as sequences of symbols (field, content); its codes are the column's.

        Each symbol becomes one token of the table vocabulary.
        """
        raise NotImplementedError

    def symbols(self, code: int) -> list[Hashable]:
        """Return the symbols of the value with this code."""
        raise NotImplementedError

    def symbol_text(self, symbol: Hashable) -> str:
        """Return a symbol as text, from which a pre-trained model knows what it means."""
        return str(cast(tuple[str, Any], symbol)[1])

    def text_choices(self) -> list[str] | None:
        """Return the text of each value, by code; None where `text_automaton` describes them."""
        return None

    def text_automaton(self) -> Automaton:
        """Accept the text of each value over characters: a space, the value, a comma.

        By default the value is the texts of its symbols, one after the other. This raises a
        ValueError where one begins with another that is possible in the same place (19 and 1).
        """
        return framed(expand(self.symbol_automaton(), self.symbol_text), " ", TEXT_END)

    def text(self, code: int) -> str:
        """Return the text of the value with this code."""
        return "".join(map(self.symbol_text, self.symbols(code)))

    def digit_automaton(self) -> Automaton | None:
        """As `text_automaton`, without the space; None unless the text is a plain number."""
        return None

    def read_text(self, text: str) -> tuple[int | None, bool]:
        """Return the code of a cell of unconstrained text, and whether the text is valid as it is.

        The code is None for what is to be filled in, and ABSENT where the row must be dropped.
        """
        code = self._text_reader.read(f" {text}{TEXT_END}")
        return code, code is not None

    @cached_property
    def _text_reader(self) -> Automaton:
        return self.text_automaton()

    def typical_code(self, codes: Codes) -> int:
        """Return what takes the place of an unreadable cell: here, the most frequent of `codes`."""
        present = codes[codes != MISSING]
        return int(Counter(present.tolist()).most_common(1)[0][0]) if len(present) else MISSING

    @property
    def code_range(self) -> tuple[int, int] | None:
        """Lowest and highest code of values that have an order; None for those that have none."""
        return None

    @property
    def is_ordered(self) -> bool:
        """Whether values are compared by their order, not only as equal or different."""
        return self.code_range is not None

    def nearest(self, codes: npt.NDArray[Any]) -> Codes:
        """Bring any numbers to the nearest codes that the column can have (if `is_numeric`)."""
        raise NotImplementedError

    def not_interpolated(self, codes: Codes) -> Codes:
        """Return the codes that are no numbers on a scale, ABSENT for others (if `is_numeric`)."""
        return np.where(codes == MISSING, codes, ABSENT)

    @property
    def unit_size(self) -> float:
        """By how much the values of two neighbouring codes differ (if `is_numeric`)."""
        raise NotImplementedError

    @property
    def measure(self) -> Hashable:
        """What the values are sizes of: those of columns of one measure can be compared."""
        return None

    def common_scales(self, other: Column) -> tuple[int, int] | None:  # noqa: ARG002
        """Return the factors that bring both columns' codes to one unit; None if none do."""
        return None

    def to_floats(self, series: pd.Series[Any]) -> npt.NDArray[np.float64]:
        """Return cells of any dtype as numbers in the order of the values (if `is_ordered`).

        NaN for a cell that is missing or cannot be placed; times are in microseconds.
        """
        raise NotImplementedError

    def round_floats(self, numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Bring what `to_floats` returned onto the column's grid."""
        return numbers

    def label(self, number: float) -> str:
        """Write a number that `to_floats` could return as a value, for the axis of a chart."""
        return f"{number:.0f}" if 1e4 <= abs(number) < 1e9 else f"{number:.4g}"

    def to_dict(self) -> dict[str, Any]:
        """Describe the column with JSON types only."""
        types = get_type_hints(type(self))
        return {f.name: _to_json(getattr(self, f.name), types[f.name]) for f in fields(self)}

    @classmethod
    def from_dict(cls, record: Any) -> Column:
        """Make the column that `to_dict` described; a `SchemaError` if it is malformed."""
        try:
            known = column_type(record["kind"])
            types = get_type_hints(known)
            return known(
                **{f.name: _from_json(record[f.name], types[f.name]) for f in fields(known)}
            )
        except SchemaError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise SchemaError(
                f"The description of a column is malformed ({type(error).__name__}: {error}). "
                "Write it with `Schema.to_dict`."
            ) from error

    @classmethod
    def describing(cls, series: pd.Series[Any], kind: str, **values: Any) -> Self:
        """Make the column of `series`, with `values` for the fields that a subclass adds."""
        missing = series.isna().to_numpy()
        values = {"has_missing": bool(missing.any())} | values
        values.setdefault("marker", marker_of(series))
        return cls(name=series.name, kind=kind, dtype=series.dtype, **values)

    @property
    def missing_cell(self) -> Any:
        """What stands for a missing cell in an array of objects."""
        return MARKERS[self.marker] if is_object(self.dtype) else None

    def restored(self, values: npt.NDArray[Any], missing: Mask) -> pd.Series[Any]:
        """Return values as cells of the column, missing where `missing`."""
        if is_object(self.dtype):
            cells = np.where(missing, self.missing_cell, values.astype(object))
            return pd.Series(cells, name=self.name, dtype=object)
        whole = pd.Series(values, name=self.name).astype(self.dtype)
        return whole.mask(missing) if missing.any() else whole

    def _error(self, problem: str, value: Any = None) -> SchemaError:
        return column_error(self.name, problem, value)

    def check_dtype(self, series: pd.Series[Any]) -> None:
        """Raise a `SchemaError` unless `series` has exactly the dtype of its column."""
        if series.dtype != self.dtype:
            raise self._error(
                f"has dtype {series.dtype}, but had {self.dtype} in the schema. Convert it with "
                "`frame.astype(...)`, or infer the schema from this table."
            )

    def check_missing(self, missing: Mask) -> None:
        """Raise a `SchemaError` if a cell is missing in a column that has none missing."""
        if not self.has_missing and missing.any():
            raise self._error(
                f"is missing in row {int(missing.argmax())}, but never was in the table of the "
                "schema. Fill it, or infer the schema anew."
            )


def _to_json(value: Any, field_type: Any) -> Any:
    if field_type == Dtype:
        return tag_dtype(value)
    if field_type is Hashable:
        return tag_value(value)
    if items := get_args(field_type):
        return [_to_json(item, items[0]) for item in value]
    return value


def _from_json(value: Any, field_type: Any) -> Any:
    if field_type == Dtype:
        return untag_dtype(value)
    if field_type is Hashable:
        return untag_value(value)
    items = get_args(field_type)
    expected = list if items else field_type
    if type(value) is not expected:
        raise TypeError(f"expected {expected.__name__}, got {value!r}")
    return tuple(_from_json(item, items[0]) for item in value) if items else value


_types: dict[str, type[Column]] = {}

_ColumnType = TypeVar("_ColumnType", bound=type[Column])


def register_column_type(column_class: _ColumnType) -> _ColumnType:
    """Make a subclass of `Column` known, so that columns are inferred and loaded as such.

    A class decorator; a ValueError is raised if one of its `kinds` is that of another class.
    """
    for kind in column_class.kinds:
        known = _types.get(kind)
        if known is not None and known.__qualname__ != column_class.__qualname__:
            raise ValueError(f"the kind {kind!r} is that of {known.__name__} already")
        _types[kind] = column_class
    return column_class


def recognized_type(series: pd.Series[Any]) -> type[Column]:
    """Return the first class, by priority, that recognizes a column; a `SchemaError` if none."""
    for known in sorted(dict.fromkeys(_types.values()), key=lambda known: -known.priority):
        if known.recognizes(series):
            return known
    raise column_error(
        series.name,
        f"has dtype {series.dtype}, which is not supported. Convert it with `astype` to numbers, "
        "strings, categories or times, or drop it.",
    )


def column_type(kind: str, column: Hashable = None) -> type[Column]:
    """Return the class of a kind; a `SchemaError` if there is none."""
    if kind not in _types:
        raise column_error(
            column, f"is declared {kind!r}, which is no kind of column; there are {[*_types]}."
        )
    return _types[kind]
