"""Columns that the model never sees: identifiers, and columns that are only carried along."""

from __future__ import annotations

import math
import re
import warnings
from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_integer_dtype

from counterpoise._parameters import shown
from counterpoise.columns._base import column_error, is_object, is_string, present_types
from counterpoise.columns._json import Dtype
from counterpoise.errors import SchemaError

_MIN_ROWS: Final = 100
_MIN_ROWS_OF_STRINGS: Final = 50
_MIN_ROWS_IF_NAMED: Final = 20
_MIN_EXPECTED_REPEATS: Final = 20.0
_YEARS: Final = range(1500, 2200)
_KEY_NAME: Final = re.compile(
    "(.*_)?(id|uid|pid|uuid|guid|key|rownames?|rowid|unnamed)(_.*)?|index|idx|"
    "(row|record|serial|case|account|customer|client|patient|subject|person|user|member|student|"
    "employee|order|invoice|ticket|policy|loan|transaction|household|product|item|sample|device|"
    "session)_?(id|key|nr|no|num|number|index|code)"
)
_SCALE_NAME: Final = re.compile(
    "(.*_)?(rank|ranking|position|time|date|year|month|week|day|days|hour|hours|minute|"
    "second|period|age)(_.*)?"
)
_LONGEST: Final = 1_000_000  # characters, and values; a forged description must not fill the memory


def is_identifier(series: pd.Series[Any]) -> bool:
    """Whether a column is one of keys: no cell is missing, all differ, and they are one of these.

    - Whole numbers or strings without white space in a column that is called a key (``id``,
      ``customer_no``, ``rownames``), from 20 rows on.
    - Whole numbers so dense that as many drawn from their range would repeat (20 equal pairs
      expected), from 100 rows on: those that count up, in any order, also of a sample of the rows.
    - Strings, from 50 rows on: a prefix with a letter and such numbers behind it.
    - Strings, from 50 rows on, of one length, with punctuation in the same places, and a digit
      and different letters somewhere (``7590-VHVEG``, a UUID).

    Without the name of a key, what is called a rank, a time or an age is none, nor are numbers
    called by a single letter, and years (1500 to 2199). Numbers with decimals, dates, times and
    values of a categorical dtype never are: all of these can tell classes apart.
    """
    n, dtype = len(series), series.dtype
    is_whole = is_integer_dtype(dtype)
    is_text = is_string(dtype) or (is_object(dtype) and set(present_types(series)) == {str})
    if n < _MIN_ROWS_IF_NAMED or not (is_whole or is_text) or series.isna().any():
        return False
    if not series.is_unique:
        return False
    is_key, is_scale = _is_called(_KEY_NAME, series.name), _is_called(_SCALE_NAME, series.name)
    if is_whole:
        low, high = int(series.min()), int(series.max())
        is_letter = re.fullmatch("[A-Za-z]", str(series.name)) is not None
        is_scale = is_scale or is_letter or (low in _YEARS and high in _YEARS)
        return is_key or (n >= _MIN_ROWS and not is_scale and _is_dense(n, low, high))
    texts = list(map(str, series))
    if any(re.search(r"\s|^\W*$", text) for text in texts) or _are_dates(texts):
        return False
    if is_key or is_scale or n < _MIN_ROWS_OF_STRINGS:
        return is_key
    if (counted := _counted(texts)) is not None:
        prefix, numbers = counted
        is_name = re.search("[^\\W\\d_]", prefix) and not _is_called(_SCALE_NAME, prefix)
        return bool(is_name) and _is_dense(n, min(numbers), max(numbers))
    alphabets = _alphabets(texts)
    if len(set(map(len, texts))) > 1 or any(len(a) > 1 and not a.isalnum() for a in alphabets):
        return False
    n_letters = [sum(map(str.isalpha, alphabet)) for alphabet in alphabets]
    return max(n_letters) > 1 and any(map(str.isdigit, "".join(alphabets)))


def _is_called(pattern: re.Pattern[str], name: Hashable) -> bool:
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", str(name))
    return pattern.fullmatch("_".join(words).lower()) is not None


def _is_dense(n: int, low: int, high: int) -> bool:
    return n * n / (2 * (high - low + 1)) >= _MIN_EXPECTED_REPEATS


def _counts_up(numbers: Sequence[int]) -> bool:
    low, high = min(numbers), max(numbers)
    return 2 * len(numbers) > high - low or _is_dense(len(numbers), low, high)


def _are_dates(texts: Sequence[str]) -> bool:
    some = pd.Series(texts[:_MIN_ROWS], dtype=object)  # halves of characters are no text of Arrow
    with warnings.catch_warnings(action="ignore"):
        return bool(pd.to_datetime(some, errors="coerce", format="mixed", utc=True).notna().all())


def _counted(texts: Sequence[str]) -> tuple[str, list[int]] | None:
    """Return the prefix that all texts share and the numbers behind it; None if not all are so."""
    found = [re.fullmatch(r"(.*?)(\d{1,18})", text) for text in texts]
    prefixes = {one[1] if one else None for one in found}
    if None in prefixes or len(prefixes) > 1:
        return None
    return found[0][1], [int(one[2]) for one in found if one]  # type: ignore[index]


def _alphabets(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the characters at each position of texts of one length."""
    return tuple("".join(sorted(set(characters))) for characters in zip(*texts, strict=False))


@dataclass(frozen=True)
class UnlearnedColumn:
    """A column that the model never sees, and how its cells in synthetic rows are made.

    New identifiers are numbers, or texts that are numbered: those behind a `prefix`, or those of
    `alphabets`, of which each is the digits of one position. They are free by construction, so
    that no real value need be kept: numbers from `low` on, first those of the `n_numbers` whose
    remainder by `modulus` is `residue`, which that of no real one is; then those above all real
    ones.
    """

    name: Hashable
    position: int  # in X
    kind: str  # "identifier" or "passthrough"
    dtype: Dtype  # of the pandas column
    missing_share: float  # of the real rows
    is_text: bool = False
    prefix: str = ""
    alphabets: tuple[str, ...] = ()
    low: int = 0
    n_numbers: int = 0  # with alphabets, as many as they have texts
    modulus: int = 1
    residue: int = 0
    width: int = 0  # characters, of numbers behind a prefix or of the longest real text

    def __post_init__(self) -> None:
        is_sane = (
            self.kind in ("identifier", "passthrough")
            and 0 <= self.residue < self.modulus
            and all(self.alphabets)
            and 0 <= self.width <= _LONGEST
        )
        if not is_sane:
            raise column_error(self.name, "is malformed as a column that is not learned.")

    @classmethod
    def passthrough(cls, series: pd.Series[Any], position: int) -> Self:
        dtype = series.dtype
        if isinstance(dtype, np.dtype) and dtype.kind in "iub":
            dtype = pd.array(series.iloc[:0].to_numpy()).dtype  # one that can be missing
        return cls(series.name, position, "passthrough", dtype, float(series.isna().mean()))

    @classmethod
    def identifier(cls, series: pd.Series[Any], position: int) -> Self:
        """Read how identifiers are written; a `SchemaError` if neither as numbers nor text."""
        values: list[Any] = series.dropna().tolist()
        if not values:
            return cls.passthrough(series, position)
        known = series.name, position, "identifier", series.dtype, float(series.isna().mean())
        is_whole = not is_bool_dtype(series.dtype) and all(
            isinstance(value, int | float | np.integer | np.floating)
            and type(value) is not bool
            and not value % 1
            for value in values
        )
        if is_whole:
            return cls(*known, **_free_integers(list(map(int, values)), series.dtype))
        if not all(isinstance(value, str) for value in values) or isinstance(
            series.dtype, pd.CategoricalDtype
        ):
            raise column_error(
                series.name,
                "cannot be an identifier: it holds neither whole numbers nor strings. Convert it "
                "with `astype(str)`, or carry it along in `passthrough_columns`.",
            )
        counted = _counted(values)
        if counted is not None and _counts_up(counted[1]):
            prefix, numbers = counted
            is_padded = any(value[len(prefix)] == "0" for value in values)
            width = min(map(len, values)) - len(prefix) if is_padded else 0
            low = max(numbers) + 1
            return cls(*known, is_text=True, prefix=prefix, low=low, width=width)
        shapes = [re.sub(r"[^\W_]", "x", value) for value in values]
        shape = Counter(shapes).most_common(1)[0][0]
        texts = [value for value, own in zip(values, shapes, strict=True) if own == shape]
        alphabets = _alphabets(texts)
        numbers = [_to_number(text, alphabets) for text in texts]
        free = _free_residue(numbers, math.prod(map(len, alphabets)))
        return cls(*known, is_text=True, alphabets=alphabets, width=max(map(len, values)), **free)

    def cells(self, start: int, n: int) -> pd.Series[Any]:
        """Return the cells of synthetic rows, of which those before `start` are taken."""
        values: list[Any] = [None] * n
        problem = (
            "in which no cell can be missing, as those of synthetic rows would be. Convert it with "
            "`astype(object)`."
        )
        if self.kind == "identifier":
            numbers = [self._number(at) for at in range(start, start + n)]
            values = [self._text(k) if self.is_text else self.low + k for k in numbers]
            problem = (
                f"which has no room for {n} further identifiers. Convert it to a larger one, or "
                "carry it along in `passthrough_columns`."
            )
        try:
            return pd.Series(values, name=self.name, dtype=object).astype(self.dtype)
        except (TypeError, OverflowError, ValueError) as error:
            raise column_error(self.name, f"has dtype {self.dtype}, {problem}") from error

    @property
    def text(self) -> str:
        """What becomes of the column, in a few words."""
        if self.kind == "passthrough":
            return "not learned: synthetic rows are missing here"
        shown = ", ".join(map(str, self.cells(0, 2)))
        return f"not learned: synthetic rows get new values, such as {shown}"

    @cached_property
    def _n_numbers(self) -> int:
        return math.prod(map(len, self.alphabets)) if self.alphabets else self.n_numbers

    def _number(self, at: int) -> int:
        """Return the number of a new value: first the free ones, in an order that looks mixed."""
        n_free = max(0, -((self.residue - self._n_numbers) // self.modulus))
        if at >= n_free:
            return self._n_numbers + at - n_free
        stride = max(1, (math.isqrt(5 * n_free**2) - n_free) // 2)  # the golden section of them
        while math.gcd(stride, n_free) > 1:
            stride += 1
        return self.residue + self.modulus * ((at + 1) * stride % n_free)

    def _text(self, number: int) -> str:
        if not self.alphabets:
            return self.prefix + str(self.low + number).zfill(self.width)
        beyond = number - self._n_numbers
        number = min(number, self._n_numbers - 1)
        characters = []
        for alphabet in reversed(self.alphabets):
            number, digit = divmod(number, len(alphabet))
            characters.append(alphabet[digit])
        text = "".join(reversed(characters))
        # longer than all real ones where there are no more of this length
        return text if beyond < 0 else text + str(beyond).zfill(self.width + 1 - len(text))


def _free_integers(numbers: list[int], dtype: Any) -> dict[str, Any]:
    """Return the fields for numbers: above the largest if they count up, else of their width."""
    low, high = min(numbers), max(numbers)
    if _counts_up(numbers):
        return {"low": high + 1}
    own = getattr(dtype, "numpy_dtype", dtype)
    most = np.iinfo(own).max if own.kind in "iu" else 2**53
    n_digits = len(str(low))
    if low > 0 and n_digits == len(str(high)):
        low, high = 10 ** (n_digits - 1), min(10**n_digits - 1, int(most))
    n_numbers = high - low + 1
    free = _free_residue([number - low for number in numbers], n_numbers)
    return {"low": low, "n_numbers": n_numbers, **free}


def _free_residue(numbers: Sequence[int], n_numbers: int) -> dict[str, Any]:
    """Return a modulus and a remainder by it that none of the numbers has."""
    modulus = len(numbers) + 1
    while math.gcd(modulus, n_numbers) > 1:  # or the last characters would be always the same
        modulus += 1
    taken = {number % modulus for number in numbers}
    return {"modulus": modulus, "residue": next(r for r in range(modulus) if r not in taken)}


def _to_number(text: str, alphabets: Sequence[str]) -> int:
    number = 0
    for character, alphabet in zip(text, alphabets, strict=True):
        number = number * len(alphabet) + alphabet.index(character)
    return number


def unlearned_columns(
    frame: pd.DataFrame,
    *,
    id_columns: Any = "auto",
    passthrough_columns: Any = None,
    described: Collection[Hashable] = (),
    constraints: str = "",
) -> list[UnlearnedColumn]:
    """Return the columns of a table that are not learned, in its order.

    With ``"auto"``, identifiers are those that `is_identifier` finds, but for columns that are
    `described` as of another type, or named in the text of `constraints`; none if nothing were left
    to be learned. A `SchemaError` is raised for a name that is unknown or contradicts others.
    """
    names = list(frame.columns)
    is_auto = isinstance(id_columns, str)
    passed = [] if passthrough_columns is None else list(passthrough_columns)
    keys = [] if id_columns is None or is_auto else list(id_columns)
    for role, own in (("id_columns", keys), ("passthrough_columns", passed)):
        for name in own:
            if name not in names:
                raise SchemaError(
                    f"{role} names the column {shown(name)}; the columns are {names}", column=name
                )
            if name in described or (role == "id_columns" and name in passed):
                other = "passthrough_columns" if name in passed else "column_types"
                raise SchemaError(f"column {name!r} is in {role} and in {other}", column=name)
    if is_auto:
        keys = [
            name
            for at, name in enumerate(names)
            if name not in passed
            and name not in described
            and not re.search(rf"(?<!\w){re.escape(str(name))}(?!\w)", constraints)
            and is_identifier(frame.iloc[:, at])
        ]
        keys = keys if len(keys) + len(passed) < len(names) else []
    if len({*keys, *passed}) == len(names):
        raise SchemaError(
            "id_columns and passthrough_columns name every column, so nothing can be learned."
        )
    make = dict.fromkeys(keys, UnlearnedColumn.identifier)
    make |= dict.fromkeys(passed, UnlearnedColumn.passthrough)
    return [make[name](frame.iloc[:, at], at) for at, name in enumerate(names) if name in make]


def without(frame: pd.DataFrame, columns: Sequence[UnlearnedColumn]) -> pd.DataFrame:
    """Return a table without those of its columns that are not learned."""
    names = [column.name for column in columns]
    return frame.loc[:, [name not in names for name in frame.columns]] if names else frame


def with_unlearned(
    rows: pd.DataFrame, columns: Sequence[UnlearnedColumn], start: int
) -> pd.DataFrame:
    """Return synthetic rows with the columns that were not learned, in their places."""
    if not columns:
        return rows
    whole = rows.copy(deep=False)
    for column in columns:
        cells = column.cells(start, len(rows)).set_axis(rows.index)
        whole.insert(column.position, column.name, cells)
    return whole
