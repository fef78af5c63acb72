"""Expressions of columns, such as ``price * quantity + shipping``: read, never executed."""

from __future__ import annotations

import ast
import keyword
import math
import re
import unicodedata
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol, Self, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

_LONGEST = 1000  # characters
_MAX_OPERATIONS = 100
_QUOTED = re.compile(r"`((?:[^`]|``)+)`")
_NODES = (
    *(ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Load),
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.USub, ast.UAdd),
)
_SAFE = 2**62  # results below it do not overflow an int64

Integers: TypeAlias = int | npt.NDArray[Any]
"""An int, or an array of int64 or, where these could overflow, of Python's ints."""


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


class Value(Protocol):
    """What expressions are evaluated with."""

    def __add__(self, other: Self, /) -> Self: ...
    def __mul__(self, other: Self, /) -> Self: ...
    def __truediv__(self, other: Self, /) -> Self: ...


_Value = TypeVar("_Value", bound=Value)


class Expression:
    """Numbers and names of columns with ``+ - * /`` and parentheses between them.

    A name that is no identifier stands in backticks. A ValueError says what can't be read.
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
        for node in nodes:
            if isinstance(node, ast.Name):
                node.id = quoted.get(node.id, node.id)
            elif not isinstance(node, _NODES):
                raise ValueError(f"there is a {type(node).__name__} in it")
            elif isinstance(node, ast.Constant) and not _is_number(node.value):
                raise ValueError(f"{node.value!r} is not a finite number")

    @property
    def names(self) -> list[str]:
        """Distinct names in the order in which they are written."""
        names = [node for node in ast.walk(self._tree) if isinstance(node, ast.Name)]
        names.sort(key=lambda node: (node.lineno, node.col_offset))
        return list(dict.fromkeys(node.id for node in names))

    def evaluate(
        self, values: Mapping[str, _Value], constant: Callable[[Fraction], _Value]
    ) -> _Value:
        """Return the result for the values of the names."""

        def result(node: Any) -> _Value:
            match node:
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

    over: Integers
    under: Integers

    @classmethod
    def constant(cls, number: Fraction) -> Ratios:
        return cls(number.numerator, number.denominator)

    def __add__(self, other: Ratios) -> Ratios:
        if isinstance(self.under, int) and isinstance(other.under, int):
            under = math.lcm(self.under, other.under)
            mine, others = under // self.under, under // other.under
            return Ratios(plus(times(self.over, mine), times(other.over, others)), under)
        over = plus(times(self.over, other.under), times(other.over, self.under))
        return Ratios(over, times(self.under, other.under))

    def __mul__(self, other: Ratios) -> Ratios:
        return Ratios(times(self.over, other.over), times(self.under, other.under))

    def __truediv__(self, other: Ratios) -> Ratios:
        # what was divided by zero stays undefined
        if isinstance(other.under, int):
            is_defined: Integers = int(other.under != 0)
        else:
            is_defined = np.asarray(other.under != 0, dtype=np.int64)
        under = times(times(self.under, other.over), is_defined)
        return Ratios(times(self.over, other.under), under)


@dataclass(frozen=True, slots=True)
class Affine:
    """``slope * x + intercept``; an ArithmeticError where a result is not of this form."""

    slope: Fraction
    intercept: Fraction | None  # None for any number

    @classmethod
    def constant(cls, number: Fraction) -> Affine:
        return cls(Fraction(0), number)

    def __add__(self, other: Affine) -> Affine:
        is_known = self.intercept is not None and other.intercept is not None
        intercept = self.intercept + other.intercept if is_known else None  # type: ignore[operator]
        return Affine(self.slope + other.slope, intercept)

    def __mul__(self, other: Affine) -> Affine:
        if self.slope and other.slope:
            raise ArithmeticError
        if other.slope:
            return other * self
        if other.intercept is None:
            if self.slope:
                raise ArithmeticError
            return Affine(Fraction(0), None)
        intercept = None if self.intercept is None else self.intercept * other.intercept
        return Affine(self.slope * other.intercept, intercept)

    def __truediv__(self, other: Affine) -> Affine:
        if other.slope:
            raise ArithmeticError
        return self * Affine(other.slope, None if other.intercept is None else 1 / other.intercept)


def _largest(numbers: Integers) -> int:
    if isinstance(numbers, int):
        return max(abs(numbers), 1)
    return max(int(np.abs(numbers).max(initial=0)), 1)


def _is_long(*numbers: Integers) -> bool:
    return any(not isinstance(part, int) and part.dtype == object for part in numbers)


def times(one: Integers, other: Integers) -> Integers:
    """Return products without overflow."""
    if not _is_long(one, other) and _largest(one) * _largest(other) >= _SAFE:
        one, other = as_long(one), as_long(other)
    return one * other


def plus(one: Integers, other: Integers) -> Integers:
    """Return sums without overflow."""
    if not _is_long(one, other) and _largest(one) + _largest(other) >= _SAFE:
        one, other = as_long(one), as_long(other)
    return one + other


def as_long(numbers: Integers) -> Integers:
    return numbers if isinstance(numbers, int) else numbers.astype(object)


def as_array(numbers: Integers, n: int) -> npt.NDArray[Any]:
    """Return integers as an array of `n`."""
    if isinstance(numbers, int):
        return np.full(n, numbers, dtype=np.int64 if abs(numbers) < _SAFE else object)
    return np.broadcast_to(numbers, n)
