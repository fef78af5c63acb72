"""Expressions of columns, such as ``price * quantity + shipping``: read, never executed."""

from __future__ import annotations

import ast
import keyword
import math
import re
import unicodedata
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Days: TypeAlias = npt.NDArray[np.int64]

_LONGEST = 1000  # characters
_MAX_OPERATIONS = 100
_QUOTED = re.compile(r"`((?:[^`]|``)+)`")
_NODES = (
    *(ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Load, ast.Call),
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.USub, ast.UAdd),
)


def quote(name: Hashable) -> str:
    """Return the name of a column as it stands in an expression.

    >>> quote("price"), quote("unit price"), quote(3)
    ('price', '`unit price`', '`3`')
    """
    text = str(name)
    is_plain = text.isidentifier() and not keyword.iskeyword(text)
    if is_plain and unicodedata.normalize("NFKC", text) == text:  # as Python reads identifiers
        return text
    return f"`{text.replace('`', '``')}`"


class Expression:
    """Numbers and names of columns with ``+ - * /`` and parentheses between them.

    And ``years(start, end)`` of columns of dates, or of one and a date such as ``"2024-12-31"``. A
    name that is no identifier stands in backticks. A ValueError says what can't be read.
    """

    def __init__(self, text: str) -> None:
        if len(text) > _LONGEST:
            raise ValueError(f"it is longer than {_LONGEST} characters")
        quoted: dict[str, str] = {}

        def replace(match: re.Match[str]) -> str:
            name = f"_{len(quoted)}_"
            while name in text:
                name = f"_{name}"
            quoted[name] = match[1].replace("``", "`")
            return f" {name} "

        try:
            self._tree = ast.parse(_QUOTED.sub(replace, text).strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ValueError(getattr(error, "msg", str(error))) from None
        nodes = list(ast.walk(self._tree))
        if sum(isinstance(node, ast.BinOp | ast.UnaryOp) for node in nodes) > _MAX_OPERATIONS:
            raise ValueError(f"it has more than {_MAX_OPERATIONS} operations")
        calls = [node for node in nodes if isinstance(node, ast.Call)]
        parts = [part for call in calls for part in call.args]
        texts = [part for part in parts if isinstance(part, ast.Constant)]
        for call in calls:
            is_years = isinstance(call.func, ast.Name) and call.func.id == "years"
            n_texts = sum(part in texts for part in call.args)
            if not is_years or len(call.args) != 2 or call.keywords or n_texts > 1:
                raise ValueError("there is a Call in it that is not years(start, end)")
        for text_ in texts:
            text_.value = days_of(str(text_.value))
        nodes = [node for node in nodes if node not in [call.func for call in calls]]
        self._names = [node for node in nodes if isinstance(node, ast.Name)]
        for node in nodes:
            if isinstance(node, ast.Name):
                node.id = quoted.get(node.id, node.id)
            elif not isinstance(node, _NODES):
                raise ValueError(f"there is a {type(node).__name__} in it")
            elif isinstance(node, ast.Constant) and not _is_number(node.value):
                raise ValueError(f"{node.value!r} is not a finite number")
        if any(not isinstance(part, ast.Name | ast.Constant) for part in parts):
            raise ValueError("years() takes two columns of dates, or one and a date")
        self.dates = [part.id for part in parts if isinstance(part, ast.Name)]
        """Names of which the years between are asked."""

    @property
    def names(self) -> list[str]:
        """Distinct names in the order in which they are written."""
        names = sorted(self._names, key=lambda node: (node.lineno, node.col_offset))
        return list(dict.fromkeys(node.id for node in names))

    def evaluate(
        self,
        values: Mapping[str, Any],
        constant: Callable[[Fraction], Any],
        years: Callable[[Any, Any], Any] | None = None,
    ) -> Any:
        """Return the result for the values of the names: fractions, `Ratios` or other numbers.

        An ArithmeticError without `years` where the expression asks for them.
        """

        def result(node: Any) -> Any:
            match node:
                case ast.Call():
                    if years is None:
                        raise ArithmeticError
                    return years(*map(result, node.args))
                case ast.Name():
                    return values[node.id]
                case ast.Constant():
                    return constant(Fraction(repr(node.value)))
                case ast.UnaryOp(op=ast.UAdd()):
                    return result(node.operand)
                case ast.UnaryOp():
                    return constant(Fraction(-1)) * result(node.operand)
            left, right = result(node.left), result(node.right)
            match node.op:
                case ast.Add():
                    return left + right
                case ast.Sub():
                    return left + constant(Fraction(-1)) * right
                case ast.Mult():
                    return left * right
            return left / right

        return result(self._tree)


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Ratios:
    """Exact quotients of integers, one for each row; those with ``under`` 0 are undefined."""

    over: Any  # arrays of int64 or, where these would overflow, of Python's ints; or an int
    under: Any

    @classmethod
    def constant(cls, number: Fraction) -> Ratios:
        return cls(number.numerator, number.denominator)

    @classmethod
    def size(cls, number: Fraction) -> Ratios:
        """Return a constant for estimating how large the numbers become that a formula computes."""
        return cls.constant(abs(number))

    def __add__(self, other: Ratios) -> Ratios:
        is_whole = isinstance(self.under, int) and isinstance(other.under, int)
        if is_whole and self.under and other.under:
            under = math.lcm(self.under, other.under)
            mine, others = under // self.under, under // other.under
            return Ratios(self.over * mine + other.over * others, under)
        over = self.over * other.under + other.over * self.under
        return Ratios(over, self.under * other.under)

    def __mul__(self, other: Ratios) -> Ratios:
        return Ratios(self.over * other.over, self.under * other.under)

    def __truediv__(self, other: Ratios) -> Ratios:
        # what was divided by zero stays undefined
        is_defined = np.where(other.under == 0, 0, 1) if np.ndim(other.under) else other.under != 0
        return Ratios(self.over * other.under, self.under * other.over * is_defined)

    @classmethod
    def years(cls, start: Ratios, end: Ratios) -> Ratios:
        days = (np.asarray(one.over // one.under, dtype=np.int64) for one in (start, end))
        return cls(whole_years(*days), 1)


def days_of(text: str) -> int:
    """Return the days from 1970 to a date; a ValueError if it is none."""
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def whole_years(start: Days, end: Days) -> Days:
    """Return the whole years from one day to another, both in days since 1970.

    A year from 29 February ends on 1 March where there is no such day.
    """
    (first, in_first), (last, in_last) = map(_year_and_rest, (start, end))
    return np.asarray(last - first - (in_last < in_first))


def add_years(days: Days, years: Days) -> Days:
    """Return the days on which so many years are whole."""
    year, rest = _year_and_rest(days)
    months = ((year + years) * 12 + rest // 31).astype("datetime64[M]")
    return np.asarray(months.astype("datetime64[D]").astype(np.int64) + rest % 31)


def _year_and_rest(days: Days) -> tuple[Days, Days]:
    """Return years since 1970, and 31 times the months, plus the days, within the year."""
    months = days.astype("datetime64[D]").astype("datetime64[M]")
    day = days - months.astype("datetime64[D]").astype(np.int64)
    year, month = np.divmod(months.astype(np.int64), 12)
    return year, month * 31 + day


def affine(function: Callable[[Fraction], Fraction]) -> tuple[Fraction, Fraction]:
    """Return slope and intercept of a function, an ArithmeticError if it has none."""
    points = [Fraction(7919, 13), Fraction(-104_729, 17), Fraction(1_299_709, 19)]
    first, second, third = map(function, points)
    slope = (second - first) / (points[1] - points[0])
    if third - first != slope * (points[2] - points[0]):
        raise ArithmeticError
    return slope, first - slope * points[0]
