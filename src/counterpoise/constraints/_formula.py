"""Columns that are computed from numbers and dates."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterpoise.columns import (
    ABSENT,
    MISSING,
    Codes,
    Column,
    DatetimeColumn,
    DurationColumn,
    NumericColumn,
    Schema,
    Table,
)
from counterpoise.constraints._base import (
    BoolArray,
    Constraint,
    Order,
    Restriction,
    Sum,
    feature_position,
    register_constraint,
    units_per_one,
)
from counterpoise.constraints._expression import Expression, Ratios, affine, quote
from counterpoise.constraints._intervals import Computed
from counterpoise.errors import SchemaError
from counterpoise.grammar._grammar import CodeSet
from counterpoise.grammar._ranges import plain_text

_ROUNDINGS = ("half-even", "half-up")
_MANY_DIGITS = 10**5
"""Numbers that are not on a decimal grid are kept to six digits: their codes reach this far."""
_SAFE = 2**60
"""Numbers below it are computed as int64, larger ones as Python's ints."""
_MAX_SOLUTIONS = 100_000
"""Values of a source that may give the same result, where a condition is solved."""
_MAX_LISTED = 50_000
"""Values of a source that are all tried, where the formula is not linear in it."""
_MAX_TRIED = 2000
"""Values of a second source that are tried for that."""
_MAX_FEW_CODES = 200
"""Values of each of two sources of which decoding keeps what they can be together."""
_MAX_CODES = 10**6
"""Range of codes of a column of which decoding keeps those that it can have."""
_LEAST_POSSIBLE = 0.05
"""Share of rows of independent cells whose result is in range, of a formula that can be kept."""
_N_SHUFFLED = 1000
"""Rows of values drawn independently of each other that tell how often a result is in range."""


_parsed = lru_cache(maxsize=256)(Expression)


@register_constraint
class Formula(Constraint):
    """Compute a column from others, as in ``Formula("total", "price * quantity + shipping")``.

    The model does not learn the column. The result is computed exactly and rounded to the decimals
    of the column. While a row is generated, each cell leaves the result in range; rows in which it
    is not, all the same, are generated again. The column is missing where one of the others is, or
    where the formula divides by zero, and nowhere else. A SchemaError shows real rows in which that
    is not so.

    Parameters
    ----------
    column : str or other column label
        A column of numbers, dates or durations.
    expression : str
        Names of other such columns, numbers, ``+ - * /`` and parentheses. A name that is no
        identifier stands in backticks: ``"`unit price` * quantity"``. A difference of dates, and a
        duration, is a number of days of 24 hours: ``"end - start"``, ``"start + n_days"``.
        ``"years(birth, visit)"`` are the whole years between two dates, one of which can be given:
        ``"years(birth, '2024-12-31')"``. Nothing else is read, and nothing is executed.
    rounding : {"auto", "half-even", "half-up"}, default="auto"
        What becomes of a result halfway between two values of the column: the even one, or the one
        farther from zero. Both are right in real rows; ``"auto"`` is what more of them have.
    """

    kind = "formula"
    is_computing = True

    def __init__(self, column: Hashable, expression: str, rounding: str = "auto") -> None:
        self.column = column
        self.expression = expression
        self.rounding = rounding

    def validate(self, schema: Schema) -> None:
        if self.rounding not in ("auto", *_ROUNDINGS):
            raise self._error(f"has a rounding other than 'auto', {', '.join(_ROUNDINGS)}")
        positions = self._sources(schema)
        if not positions:
            raise self._error("names no column to compute from")
        columns = [schema[position] for position in self.positions(schema)]
        for column in columns:
            if not isinstance(column, NumericColumn | DatetimeColumn | DurationColumn):
                raise self._error(
                    f"names the column {column.name!r}, which is {column.kind}: it takes numbers, "
                    "dates and durations"
                )
        for name in self._read().dates:
            if not isinstance(schema[positions[name]], DatetimeColumn):
                raise self._error(f"asks for years, and {name!r} is no date")
        dates = [column for column in columns if isinstance(column, DatetimeColumn)]
        if any(date.common_scales(dates[0]) is None for date in dates):
            raise self._error("names dates with a time zone and dates without one")
        try:
            n_dates, other = (self._n_dates(schema, at) for at in (2, 3))
        except ArithmeticError:
            n_dates, other = Fraction(0), Fraction(1)
        if n_dates != other:  # it depends on the numbers beside the dates
            raise self._error("multiplies dates, or divides by zero")
        if n_dates != isinstance(columns[0], DatetimeColumn):
            given = {0: "a number", 1: "a date"}.get(int(n_dates), "a sum of dates")
            raise self._error(f"gives {given}, and {self.column!r} is {columns[0].kind}")

    def _n_dates(self, schema: Schema, first: int) -> Fraction:
        """Return by how much the result grows if all dates do, beside arbitrary numbers."""
        arbitrary = {name: Fraction(first + at, 7) for at, name in enumerate(self._read().names)}
        dates = [
            name
            for name, at in self._sources(schema).items()
            if isinstance(schema[at], DatetimeColumn)
        ]

        def moved(x: Fraction) -> Fraction:
            values = arbitrary | {name: arbitrary[name] + x for name in dates}
            return self._value(values, lambda *_: Fraction(0))

        return affine(moved)[0]

    def positions(self, schema: Schema) -> tuple[int, ...]:
        return (feature_position(schema, self.column), *self._sources(schema).values())

    def observe(self, table: Table) -> None:
        """Choose the rounding that real rows have."""
        if self.rounding == "auto":
            cells, results = table.codes[:, self.positions(table.schema)[0]], self._results(table)
            n_even, n_up = (int((results.rounded(way) == cells).sum()) for way in _ROUNDINGS)
            if n_even != n_up:
                self.rounding = _ROUNDINGS[n_up > n_even]

    def derive(self, table: Table) -> Codes:
        codes = self._results(table).rounded(self.rounding)
        codes[~table.schema[self.positions(table.schema)[0]].contains(codes)] = ABSENT
        return codes

    def restrictions(self, schema: Schema) -> list[Restriction | Order]:
        """Return of two columns with few values which can be together: the result is in range."""
        sources = self.sources(schema)
        every = [_codes_of(schema[at], _MAX_FEW_CODES) for at in sources]
        if len(sources) != 2 or not all(map(len, every)):
            return []
        first, second = every
        pairs = np.full((len(first) * len(second), len(schema)), ABSENT, dtype=np.int64)
        pairs[:, sources[0]] = np.repeat(first, len(second))
        pairs[:, sources[1]] = np.tile(second, len(first))
        is_right = (self.derive(Table(schema, pairs)) != ABSENT).reshape(len(first), len(second))
        found: list[Restriction | Order] = []
        for allowed in np.unique(is_right, axis=0):
            if not allowed.all():
                own = CodeSet.of(first[(is_right == allowed).all(axis=1)].tolist())
                others = CodeSet.of(second[allowed].tolist())
                found.append(Restriction(sources[0], own, sources[1], others))
        return found

    def computed(self, schema: Schema, numbers: Mapping[int, Computed]) -> Computed | None:
        """Return the result, in its range; None for years, or if a division by zero is possible."""
        column, expression = schema[self.positions(schema)[0]], self._read()
        if expression.dates:
            return None
        values = {name: numbers[at] for name, at in self._sources(schema).items()}
        size, (low, high) = units_per_one(column), column.code_range or (0, -1)
        result: Computed = expression.evaluate(values, Computed.constant)
        if column.has_missing and result.may_divide_by_zero:
            return None
        return result.within(low / size, high / size, 0.5 / size)

    def exact_sum(self, schema: Schema) -> Sum | None:
        """Return a sum that is not rounded, of a column that can't have all codes of its range."""
        at, sum_ = self.positions(schema)[0], self._slopes()
        low, high = schema[at].code_range or (0, -1)
        if sum_ is None or schema[at].n_values > high - low or high - low > _MAX_CODES:
            return None
        size, sources = units_per_one(schema[at]), self.sources(schema)
        sizes = [units_per_one(schema[source]) for source in sources]
        factors = [slope * size / own for slope, own in zip(sum_[0], sizes, strict=True)]
        added, most = (
            sum_[1] * size,
            [max(map(abs, schema[at].code_range or (0,))) for at in sources],
        )
        largest = abs(added) + sum(abs(f) * code for f, code in zip(factors, most, strict=True))
        if any(one.denominator > 1 for one in (*factors, added)) or largest > _SAFE:
            return None
        codes = np.arange(low, high + 1)
        own = CodeSet.of(codes[schema[at].contains(codes)].tolist())
        return Sum(dict(zip(sources, map(int, factors), strict=True)), int(added), own)

    def agrees(self, table: Table) -> BoolArray:
        """Return whether the cells are right, whichever way halves were rounded.

        Numbers that are not on a decimal grid were rounded when they were read: as much is allowed.
        """
        at, sources = self.positions(table.schema)[0], self.sources(table.schema)
        cells, results = table.codes[:, at], self._results(table)
        agreeing: BoolArray = (table.codes[:, [at, *sources]] == ABSENT).any(axis=1)
        agreeing |= (results.rounded("auto") == cells) | results.are_ties(cells)
        slack = np.full(len(table), float(_may_be_rounded(table.schema[at])))
        for source in filter(lambda source: _may_be_rounded(table.schema[source]), sources):
            codes = table.codes.copy()
            codes[codes[:, source] > ABSENT, source] += 1
            moved = self._results(Table(table.schema, codes, table.texts))
            slack += np.abs(moved.floats() - results.floats())
        is_near = np.abs(results.floats() - cells) <= 0.5 + slack
        return agreeing | ((slack > 0) & ~results.is_missing & (cells > ABSENT) & is_near)

    def oriented(self, table: Table) -> Formula:
        """Return the formula solved for the column that is in range most often.

        Of ``n_days = end - start``, it is better to compute the end: few dates that are generated
        without each other have a difference in range.
        """
        every = [self, *self._alternatives(table.schema)]
        if len(every) == 1:
            return self
        n_right = _numbers_in_range(every, table)
        return self if n_right[0] >= 0.9 * max(n_right) else every[int(np.argmax(n_right))]

    def is_rarely_possible(self, table: Table) -> bool:
        """Whether few rows of independent cells have a result in range: most would be rejected."""
        every = [self, *self._alternatives(table.schema)]
        return max(_numbers_in_range(every, table)) < _LEAST_POSSIBLE * min(len(table), _N_SHUFFLED)

    def _slopes(self) -> tuple[list[Fraction], Fraction] | None:
        """Return the factors of a sum by name, and what is added; None if it is no sum."""
        names = self._read().names

        def slope_of(one: str, others: Fraction) -> Fraction:
            return affine(lambda x: self._value(dict.fromkeys(names, others) | {one: x}))[0]

        try:  # of a sum, the slopes are the same whatever the other columns are
            slopes = [slope_of(one, Fraction(0)) for one in names]
            if slopes != [slope_of(one, Fraction(2, 7)) for one in names]:
                return None
            return slopes, self._value(dict.fromkeys(names, Fraction(0)))
        except ArithmeticError:
            return None

    def _alternatives(self, schema: Schema) -> list[Formula]:
        """Return the formula solved for others of its columns, where nothing is rounded then."""
        names, sum_ = self._read().names, self._slopes()
        columns = [schema[at] for at in self.positions(schema)]
        if sum_ is None:
            return []
        slopes, added = sum_
        if {abs(slope) for slope in slopes} != {1} or any(one.has_missing for one in columns):
            return []
        every = [units_per_one(column) for column in columns]
        units = every[0]
        if units != max(every) or any(units % own for own in every) or units * added % 1:
            return []
        found = []
        for at, (column, slope) in enumerate(zip(columns[1:], slopes, strict=True)):
            if every[at + 1] != units:
                continue
            terms = [(-slope * own, quote(name)) for own, name in zip(slopes, names, strict=True)]
            terms = [(slope, quote(self.column)), *terms[:at], *terms[at + 1 :]]
            if added:
                terms.append((-slope * added, _decimal(abs(added))))
            terms.sort(key=lambda term: term[0] < 0)
            text = "".join(f" {'-' if factor < 0 else '+'} {name}" for factor, name in terms)
            found.append(Formula(column.name, text.removeprefix(" + ").strip(), self.rounding))
        return found

    def solve(self, schema: Schema, code: int, fixed: Mapping[int, int]) -> Codes:
        sources = self.sources(schema)
        unknown = [position for position in sources if position not in fixed]
        unknown.sort(key=lambda position: schema[position].n_values)
        known = [dict(fixed)]
        if len(unknown) == 2 and code != MISSING:
            tried = _codes_of(schema[unknown[0]], _MAX_TRIED).tolist()
            known = [{**fixed, unknown[0]: one} for one in tried if one != MISSING]
        if len(unknown) > 1 and (len(known[0] if known else ()) == len(fixed)):
            names = [schema[position].name for position in sources]
            raise ValueError(
                f"condition: column {self.column!r} is computed from {names}; name values of all "
                "of these but one as well, or leave it out"
            )
        parts = []
        for values in known:
            cells: Any = [ABSENT]
            if unknown:
                cells = self._candidates(schema, code, values, unknown[-1], len(known))
            rows = np.full((len(cells), len(schema)), ABSENT, dtype=np.int64)
            rows[:, list(values)] = list(values.values())
            if unknown:
                rows[:, unknown[-1]] = cells
            parts.append(rows)
        rows = np.concatenate(parts)
        solutions: Codes = rows[self.derive(Table(schema, rows)) == code][:, sources]
        return solutions

    def _candidates(
        self, schema: Schema, code: int, fixed: Mapping[int, int], unknown: int, n_fixed: int
    ) -> Codes:
        """Return the codes of the source at `unknown` that can give `code`.

        All that there are, if that is hard to say and the others have one value, not `n_fixed`.
        """
        column: Any = schema[unknown]
        if code == MISSING:
            return np.array([MISSING] * column.has_missing, dtype=np.int64)
        positions = self._sources(schema)
        values = {
            name: Fraction(fixed.get(at, 0), units_per_one(schema[at]))
            for name, at in positions.items()
        }
        own = next(name for name, at in positions.items() if at == unknown)
        sizes = [units_per_one(schema[at]) for at in (unknown, self.positions(schema)[0])]
        (low, high), most = column.code_range, _MAX_SOLUTIONS
        try:
            slope, rest = affine(lambda x: self._value(values | {own: x / sizes[0]}) * sizes[1])
            if slope:
                ends = [(code + half - rest) / slope for half in (Fraction(-1, 2), Fraction(1, 2))]
                low, high = max(low, ceil(min(ends))), min(high, floor(max(ends)))
            elif abs(rest - code) > Fraction(1, 2):
                high = low - 1
        except ZeroDivisionError:
            high = low - 1
        except ArithmeticError:
            most = _MAX_LISTED if n_fixed == 1 else 0
        if high - low >= most:
            raise ValueError(
                f"condition: column {self.column!r} is computed as {self.expression!r}, which "
                f"can't be solved for {column.name!r}; name values of the columns in it instead"
            )
        codes: Codes = np.arange(low, high + 1)
        possible: Codes = codes[column.contains(codes)]
        return possible

    @property
    def text(self) -> str:
        return f"{self.column} = {self.expression}"

    @property
    def reason(self) -> str:
        return f"{self.text} is out of range"

    def advice(self, label: int) -> str:  # noqa: ARG002
        return f"give the column {self.column!r} a wider Range, or leave out {self!r}"

    def _error(self, problem: str) -> SchemaError:
        return SchemaError(f"{self!r} {problem}.", column=self.column)

    def _read(self) -> Expression:
        try:
            return _parsed(self.expression)
        except (TypeError, ValueError) as error:
            raise self._error(
                f"can't be read ({error}); an expression has names of columns (in backticks where "
                "they are no identifiers), numbers, + - * /, parentheses and years(start, end)"
            ) from None

    def _sources(self, schema: Schema) -> dict[str, int]:
        """Return the position of each column that the expression names, by how it is written."""
        known: dict[str, Hashable] = {}
        for column in reversed(schema.columns[1:]):
            known[str(column.name)] = column.name
        known |= {column.name: column.name for column in schema if isinstance(column.name, str)}
        return {
            name: feature_position(schema, known.get(name, name)) for name in self._read().names
        }

    def _value(self, values: Mapping[str, Fraction], *years: Callable[..., Fraction]) -> Fraction:
        result: Fraction = self._read().evaluate(values, Fraction, *years)
        return result

    def _results(self, table: Table) -> _Results:
        at, *sources = self.positions(table.schema)
        codes = table.codes[:, sources]
        known, own = (np.where(part <= ABSENT, 0, part) for part in (codes, table.codes[:, at]))
        units = [units_per_one(table.schema[source]) for source in sources]
        size, expression = units_per_one(table.schema[at]), self._read()

        def evaluate(cells: Sequence[Any], *functions: Callable[..., Ratios]) -> Ratios:
            values = zip(expression.names, map(Ratios, cells, units), strict=True)
            result: Ratios = expression.evaluate(dict(values), *functions)
            return result

        sizes = np.abs(known).max(axis=0, initial=1).tolist()
        most = evaluate(sizes, Ratios.size, lambda *_: Ratios(10_000, 1))
        largest = max(most.over * size, most.under * int(np.abs(own).max(initial=1)))
        known = known.astype(np.int64 if 4 * largest < _SAFE else object)
        result = evaluate(list(known.T), Ratios.constant, Ratios.years)
        under = np.broadcast_to(np.asarray(result.under, dtype=known.dtype), len(table))
        is_missing = (codes == MISSING).any(axis=1) | np.asarray(under == 0, dtype=bool)
        sign = np.where(np.asarray(under < 0, dtype=bool), -1, 1)
        return _Results(
            np.where(is_missing, 0, result.over * size * sign),
            np.where(is_missing, 1, under * sign),
            is_missing,
            (codes == ABSENT).any(axis=1),
        )


class _Results(NamedTuple):
    """What a formula gives for each row, in units of the codes of its column."""

    over: npt.NDArray[Any]
    under: npt.NDArray[Any]  # 1 or more
    is_missing: BoolArray
    is_absent: BoolArray  # a source is

    def rounded(self, rounding: str) -> Codes:
        """Return the codes; ABSENT where a source is, or the number is too large for one."""
        below = self.over // self.under
        twice = 2 * (self.over - below * self.under)
        goes_up = below % 2 == 1 if rounding in ("auto", "half-even") else self.over > 0
        is_up = (twice > self.under) | ((twice == self.under) & goes_up)
        codes = below + np.asarray(is_up, dtype=np.int64)
        is_outside = (codes <= ABSENT) | (codes > np.iinfo(np.int64).max)
        is_absent = self.is_absent | np.asarray(is_outside, dtype=bool)
        known = np.where(is_absent, ABSENT, codes).astype(np.int64)
        return np.where(self.is_missing & ~self.is_absent, MISSING, known)

    def are_ties(self, cells: Codes) -> BoolArray:
        """Return for which rows the number is halfway between a cell and another."""
        known = np.where(cells <= ABSENT, 0, cells)
        twice = 2 * (self.over - known * self.under)
        is_tie = np.asarray(abs(twice) == self.under, dtype=bool)
        ties: BoolArray = is_tie & ~self.is_missing & (cells > ABSENT)
        return ties

    def floats(self) -> npt.NDArray[np.float64]:
        """Return the numbers; NaN for those far too large for a code."""
        is_huge = np.asarray(abs(self.over) // self.under > 2**63, dtype=bool)
        numbers = np.asarray(np.where(is_huge, 0, self.over) / self.under, dtype=np.float64)
        return np.where(is_huge, np.nan, numbers)


def _decimal(number: Fraction) -> str:
    """Write a decimal number exactly."""
    decimals = next(n for n in itertools.count() if (number * 10**n).denominator == 1)
    return plain_text(int(number * 10**decimals), decimals)


def _numbers_in_range(formulas: Sequence[Formula], table: Table) -> list[int]:
    """Return of how many rows of independent cells each formula has a result in range."""
    rng = np.random.default_rng(0)
    rows = table.take(rng.choice(len(table), min(len(table), _N_SHUFFLED), replace=False))
    shuffled = Table(table.schema, rng.permuted(rows.codes, axis=0), rows.texts)
    return [int((formula.derive(shuffled) != ABSENT).sum()) for formula in formulas]


def _codes_of(column: Column, most: int) -> Codes:
    """Return the codes of a column that has few, missing among them, else none."""
    low, high = column.code_range or (0, -1)
    if column.n_values > most or high - low > _MAX_SOLUTIONS:
        return np.empty(0, dtype=np.int64)
    codes = np.arange(low, high + 1)
    missing = np.array([MISSING] * column.has_missing, dtype=np.int64)
    return np.concatenate([missing, codes[column.contains(codes)]])


def _may_be_rounded(column: Column) -> bool:
    """Whether real numbers may have more digits than the column keeps."""
    if not isinstance(column, NumericColumn) or column.kind != "decimal":
        return False
    return max(abs(column.low), abs(column.high)) >= _MANY_DIGITS
