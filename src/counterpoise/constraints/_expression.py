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
from typing import Any

import numpy as np

_LONGEST = 1000  # characters
_MAX_OPERATIONS = 100
_QUOTED = re.compile(r"`((?:[^`]|``)+)`")
_NODES = (
    *(ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.Load),
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

    def evaluate(self, values: Mapping[str, Any], constant: Callable[[Fraction], Any]) -> Any:
        """Return the result for the values of the names: fractions, `Ratios` or other numbers."""

        def result(node: Any) -> Any:
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
        if isinstance(self.under, int) and isinstance(other.under, int):
            under = math.lcm(self.under, other.under)
            mine, others = under // self.under, under // other.under
            return Ratios(self.over * mine + other.over * others, under)
        over = self.over * other.under + other.over * self.under
        return Ratios(over, self.under * other.under)

    def __mul__(self, other: Ratios) -> Ratios:
        return Ratios(self.over * other.over, self.under * other.under)

    def __truediv__(self, other: Ratios) -> Ratios:
        # what was divided by zero stays undefined
        is_defined = np.where(other.under == 0, 0, 1) if np.ndim(other.under) else 1
        return Ratios(self.over * other.under, self.under * other.over * is_defined)


def affine(function: Callable[[Fraction], Fraction]) -> tuple[Fraction, Fraction]:
    """Return slope and intercept of a function, an ArithmeticError if it has none.

    It has them if three points that have nothing to do with it are on one line.
    """
    points = [Fraction(7919, 13), Fraction(-104_729, 17), Fraction(1_299_709, 19)]
    first, second, third = map(function, points)
    slope = (second - first) / (points[1] - points[0])
    if third - first != slope * (points[2] - points[0]):
        raise ArithmeticError
    return slope, first - slope * points[0]
