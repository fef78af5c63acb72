"""Whether rows keep a relation: asked of frames, without the code that keeps it.

Numbers with a fraction are compared to five digits (columns keep six of them where there are many),
results of formulas to the decimals of the real column.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.constraints import (
    Constraint,
    FixedCombinations,
    Formula,
    FunctionalDependency,
    Implication,
    Inequality,
    MissingTogether,
    OneHot,
)

BoolArray = npt.NDArray[np.bool_]

_MOST_DECIMALS = 9
_DAY = np.timedelta64(1, "D")


def kept_in(
    constraint: Constraint, rows: pd.DataFrame, real: pd.DataFrame
) -> tuple[BoolArray, BoolArray]:
    """Return which rows keep a relation, and which it says something about, (n_rows,) each.

    `real` rows tell what a dependency maps to, and the decimals of a result.
    """
    match constraint:
        case Formula():
            return _keeps_formula(constraint, rows, real), np.ones(len(rows), dtype=bool)
        case FunctionalDependency():
            return _keeps_dependency(constraint, rows, real), np.ones(len(rows), dtype=bool)
        case OneHot():
            cells = rows[list(constraint.columns)]
            n_set = cells.astype("Float64").sum(axis=1).to_numpy(dtype=float)
            kept = (n_set == 1) | (constraint.at_most_one & (n_set == 0))
            is_present = cells.notna().all(axis=1).to_numpy()
            return kept | ~is_present, is_present
        case FixedCombinations():
            names = list(constraint.columns)
            observed = set(_keys(real[names]))
            kept = np.array([key in observed for key in _keys(rows[names])], dtype=bool)
            return kept, np.ones(len(rows), dtype=bool)
        case Inequality():
            left, right = rows[constraint.left], rows[constraint.right]
            is_known = (left.notna() & right.notna()).to_numpy()
            if constraint.gap and "<" in constraint.operator:
                left = left + constraint.gap
            elif constraint.gap:
                right = right + constraint.gap
            compare = {"<": left.lt, "<=": left.le, ">": left.gt, ">=": left.ge}
            kept = compare[constraint.operator](right).fillna(False).to_numpy(dtype=bool)
            return kept | ~is_known, is_known
        case Implication():
            is_tried = _is_among(rows[constraint.column], constraint.values)
            return ~is_tried | _is_among(rows[constraint.then], constraint.allowed), is_tried
        case MissingTogether():
            n_missing = rows[list(constraint.columns)].isna().sum(axis=1).to_numpy()
            kept = np.isin(n_missing, [0, len(constraint.columns)])
            return kept, np.ones(len(rows), dtype=bool)
    raise TypeError(f"no relation: {constraint!r}")


def _key(cell: Any) -> Hashable:
    """Return what equal cells have in common; None for a missing one."""
    if pd.isna(cell):
        return None
    if isinstance(cell, bool | np.bool_ | int | np.integer | float | np.floating):
        return f"{float(cell):.9g}" if float(cell).is_integer() else f"{float(cell):.5g}"
    return str(cell)


def _keys(frame: pd.DataFrame) -> list[tuple[Hashable, ...]]:
    columns = [[_key(cell) for cell in frame[name].astype(object)] for name in frame]
    return list(zip(*columns, strict=True))


def _keeps_dependency(
    dependency: FunctionalDependency, rows: pd.DataFrame, real: pd.DataFrame
) -> BoolArray:
    """Return which rows have the cell that most real rows have where the determinants are equal."""
    names = [*dependency.determinants, dependency.dependent]
    usual: dict[tuple[Hashable, ...], Hashable] = {}
    for (*source, cell), _ in Counter(_keys(real[names])).most_common():
        usual.setdefault(tuple(source), cell)
    kept = [usual.get(tuple(source), ...) == cell for *source, cell in _keys(rows[names])]
    return np.array(kept, dtype=bool)


def _is_among(cells: pd.Series[Any], values: Sequence[Any]) -> BoolArray:
    """Return which cells are among the values of an `Implication`."""
    if isinstance(values, tuple) and values[:1] == ("range",):
        low, high = values[1:]
        is_inside = cells.notna()
        if low is not None:
            is_inside &= cells.ge(low).fillna(False).astype(bool)
        if high is not None:
            is_inside &= cells.le(high).fillna(False).astype(bool)
        return is_inside.to_numpy(dtype=bool)
    known = {_key(value) for value in values}
    return np.array([_key(cell) in known for cell in cells.astype(object)], dtype=bool)


def _keeps_formula(formula: Formula, rows: pd.DataFrame, real: pd.DataFrame) -> BoolArray:
    if found := re.fullmatch(r"years\((\w+), (?:(\w+)|'([-0-9]+)')\)", formula.expression):
        start, end, day = found.groups()
        ends = rows[end] if end else [pd.Timestamp(day)] * len(rows)
        made = _numbers(rows[formula.column])
        years = [_whole_years(*pair) for pair in zip(rows[start], ends, strict=True)]
        return np.array((made == years) | (np.isnan(made) & np.isnan(years)), dtype=bool)
    names: list[Hashable] = []

    def variable(match: re.Match[str]) -> str:
        text = match.group(1) or match.group(0)
        names.append(next(name for name in rows if str(name) == text))
        return f"v{len(names) - 1}"

    text = re.sub(r"`([^`]*)`|(?<![\w.])[A-Za-z_]\w*", variable, formula.expression)
    cells = {f"v{at}": _numbers(rows[name]) for at, name in enumerate(names)}
    with np.errstate(all="ignore"):
        value = pd.eval(text, local_dict=cells, engine="python")
        result = np.broadcast_to(np.asarray(value, dtype=float), len(rows))
    made, model = _numbers(rows[formula.column]), _numbers(real[formula.column])
    is_computed = np.isfinite(result)
    with np.errstate(all="ignore"):
        is_near = np.abs(result - made) <= _tolerance(model)
    kept: BoolArray = np.where(is_computed, is_near, np.isnan(made))
    return kept


def _whole_years(start: Any, end: Any) -> float:
    if pd.isna(start) or pd.isna(end):
        return float("nan")
    has_birthday = (end.month, end.day) >= (start.month, start.day)
    return float(end.year - start.year - (not has_birthday))


def _numbers(cells: pd.Series[Any]) -> npt.NDArray[np.float64]:
    """Return cells as numbers, times in days; NaN where they are missing."""
    if pd.api.types.is_datetime64_any_dtype(cells):
        cells = cells - pd.Timestamp(0, tz=getattr(cells.dtype, "tz", None))
    if pd.api.types.is_timedelta64_dtype(cells):
        days: npt.NDArray[np.float64] = cells.to_numpy(dtype="timedelta64[ns]") / _DAY
        return days
    return pd.to_numeric(cells).to_numpy(dtype=float, na_value=np.nan)


def _tolerance(cells: npt.NDArray[np.float64]) -> float:
    """Return half a unit of the last decimal; of numbers with many decimals, of the sixth digit."""
    known = cells[np.isfinite(cells)]
    largest = float(np.abs(known).max(initial=0.0))
    slack = 1e-9 * largest
    for decimals in range(_MOST_DECIMALS):
        if np.allclose(known, known.round(decimals), rtol=1e-12, atol=1e-12):
            return 0.5 * 10.0**-decimals + slack + 1e-9
    return 1e-5 * largest
