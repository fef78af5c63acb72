"""Search for formulas: sums, differences, products, ratios, affine functions, dates and years.

Candidates fit some 24 rows within rounding; they are fitted on the sample of rows, their constants
written with as few digits as hold, and then verified on all rows. Not searched: sums of more than
three terms, of three terms in tables of more than `MAX_OF_THREE` columns of numbers, products and
ratios of more than two columns, products beside further terms, and results that are not rounded to
the nearest (truncated numbers, whole days of a time span); but whole years between dates are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, TypeAlias

import numpy as np

from counterpoise.constraints._evidence import (
    MAX_LOG10_CHANCE,
    MIN_EXPECTED,
    MIN_SHARE,
    MIN_TRIED,
    N_SAMPLED,
    BoolArray,
    Cells,
    FloatArray,
    Found,
    IntArray,
    corrected,
    log10_choose,
)
from counterpoise.constraints._expression import add_years, quote, whole_years
from counterpoise.constraints._formula import Formula

MAX_OF_THREE: Final = 60
"""Most columns of numbers among which sums of three terms are searched."""

_MIN_VALUES: Final = (5, 5, 8, 12)  # of a derived column by number of terms
_MIN_SOURCE_VALUES: Final = 3
_N_SCREENED: Final = 24  # rows that candidates are searched on
_MIN_COMPLETE: Final = 48  # sampled rows in which all columns of a search are present
_MAX_DIGITS: Final = 6  # decimals of a constant
_MAX_TRIED: Final = 200  # candidates that are fitted per search
_LEAST_POSSIBLE: Final = 0.5  # share of results in range of a ratio that is preferred
_ROUNDED: Final = 0.05  # least error of results that were rounded, in grid units
_SLACK: Final = 0.5 + 1e-6  # grid units that a rounded result may be off; ties go either way


_Candidate: TypeAlias = tuple[str, int, tuple[int, ...]]
"""The shape, "linear", "product", "ratio" or "years"; the column that is computed; its sources."""


@dataclass(frozen=True, slots=True)
class _Fit:
    shape: str
    target: int
    sources: tuple[int, ...]
    constants: tuple[Fraction, ...]  # linear: factors, constant; years: the end; else the factor
    share: float  # of the sampled rows in which it holds
    error: float  # root mean square of the rounding errors in these, in grid units


def find_formulas(cells: Cells) -> list[Found]:
    """Find formulas for columns with a scale: those that hold, and those that nearly do."""
    search = _Search(cells)
    for n_terms in (1, 2, 3):
        for columns, rows in search.blocks():
            search.keep(_linear(cells, columns, rows, n_terms))
            if n_terms == 1:
                search.keep(_years(cells, columns, rows))
            if n_terms == 2:
                search.keep(_products(cells, columns, rows))
    near = [one for one in search.near if one.columns[0] not in search.sources]
    return search.exact + near


class _Search:
    """The formulas found so far, and the columns that are left."""

    def __init__(self, cells: Cells) -> None:
        self.cells = cells
        self.columns = [
            at
            for at in cells.searched
            if cells.scales[at] and cells.n_distinct(at) >= _MIN_SOURCE_VALUES
        ]
        self.exact: list[Found] = []
        self.near: list[Found] = []
        self.sources: dict[int, tuple[int, ...]] = {}  # by derived column

    def blocks(self) -> Iterator[tuple[list[int], IntArray]]:
        """Yield columns and the sampled rows in which all of them are present.

        The first block has the columns that are rarely missing, each further one starts with the
        column that is missing most often among those that were in no block yet.
        """
        columns = [at for at in self.columns if at not in self.sources]
        left = list(columns)
        for _ in range(4):
            if not left:
                return
            known = {at: ~self.cells.missing(at)[self.cells.sample] for at in columns}
            seed = [] if left == columns else [min(left, key=lambda at: known[at].sum())]
            rows = np.ones(len(self.cells.sample), dtype=bool)
            for at in seed:
                rows &= known[at]
            chosen = list(seed)
            for at in sorted(columns, key=lambda at: -int((known[at] & rows).sum())):
                if at not in chosen and (rows & known[at]).sum() >= _MIN_COMPLETE:
                    rows &= known[at]
                    chosen.append(at)
            left = [at for at in left if at not in chosen and at not in seed]
            if len(chosen) > 1 and rows.sum() >= _MIN_COMPLETE:
                yield sorted(chosen), self.cells.sample[rows]

    def keep(self, candidates: tuple[list[_Fit], float]) -> None:
        """Keep of the fits, best first, those that hold on all rows and are not chance."""
        fits, n_candidates = candidates
        for fit in sorted(fits, key=self._rank):
            if fit.target in self.sources or fit.target in self._origins(fit.sources):
                continue
            columns = {fit.target, *fit.sources}
            if fit.share < 1 and any(columns >= set(one.columns) for one in self.near):
                continue
            found = _verified(self.cells, fit, n_candidates)
            if found is not None and found.is_exact:
                self.exact.append(found)
                self.sources[fit.target] = fit.sources
            elif found is not None:
                self.near.append(found)

    def _origins(self, columns: Sequence[int]) -> set[int]:
        """Return the columns with all those that they are derived from."""
        own = [self._origins(self.sources.get(at, ())) for at in columns]
        return set(columns).union(*own)

    def _rank(self, fit: _Fit) -> tuple[Any, ...]:
        """Prefer what loses nothing, then what was rounded, then what gives an order for free.

        Where y = 2.5 * x, x is 0.4 * y rounded, but then any y would do. And where whole a and b
        with decimals have the sum c, a is c - b rounded, but then the decimals of c would be any.

        A percentage of few decimals is rounded; the part can be computed from it, but with another
        part it would not be the percentage. Sums of parts that are nowhere negative give an order.
        """
        lows = [float(np.nanmin(self.cells.levels[at])) for at in fit.sources]
        is_sum = fit.shape == "linear" and min(*map(float, fit.constants), *lows) >= 0
        n_digits = sum(len(_text(constant)) for constant in fit.constants)
        return (
            fit.share < 1,
            self._is_rarely_possible(fit),
            self._is_lossy(fit),
            -round(fit.error, 1),
            not is_sum,
            fit.shape == "ratio",
            n_digits // 6,  # 0.27 * minutes rather than 3.7 * charge, if that comes later
            -fit.target,
            n_digits,
            fit.sources,
        )

    def _is_rarely_possible(self, fit: _Fit) -> bool:
        """Whether a ratio of independent cells is seldom within the range of the target.

        The product that gives the numerator may hold as well, and rejects no rows.
        """
        if fit.shape != "ratio":
            return False
        trial = _Trial(self.cells, fit.shape, fit.target, fit.sources, self.cells.sample)
        rng = np.random.default_rng(0)
        results = trial.result(fit.constants, [rng.permutation(each) for each in trial.sources])
        levels = self.cells.levels[fit.target]
        is_known = np.isfinite(results)
        is_inside = (np.nanmin(levels) <= results) & (results <= np.nanmax(levels))
        return bool(is_inside[is_known].sum() < _LEAST_POSSIBLE * is_known.sum())

    def _is_lossy(self, fit: _Fit) -> bool:
        """Whether the formula would round other values of the sources as it rounds no real row."""
        if fit.shape != "linear":
            return False
        grids = np.array([self.cells.grid(at) for at in fit.sources])
        steps = np.abs(np.array(fit.constants[:-1], dtype=float)) * grids
        steps /= self.cells.grid(fit.target)
        is_rounded = bool((np.abs(steps - steps.round()) > 1e-6).any())
        return is_rounded and (fit.error < _ROUNDED or (len(steps) == 1 and steps[0] < 1))


# Candidates


def _linear(
    cells: Cells, columns: list[int], rows: IntArray, n_terms: int
) -> tuple[list[_Fit], float]:
    """Return the sums of so many terms that fit the sampled rows, and how many were tried."""
    if n_terms == 3:
        columns = [at for at in columns if cells.scales[at] == "number"]
    if len(columns) <= n_terms or (n_terms == 3 and len(columns) > MAX_OF_THREE):
        return [], 1
    chosen = _screened(cells, columns, rows)
    values = np.column_stack([cells.numbers(at, chosen) for at in columns])
    values -= values.mean(axis=0)
    size_2 = (values**2).sum(axis=0)
    more_rows = rows[:: max(1, len(rows) // 100)]
    checked = np.column_stack([cells.numbers(at, more_rows) for at in columns])
    checked -= checked.mean(axis=0)
    grids = np.array([cells.grid(at) for at in columns])
    is_target = np.array([cells.n_distinct(at) >= _MIN_VALUES[n_terms] for at in columns])
    n_candidates = math.comb(len(columns), n_terms) * (len(columns) - n_terms)
    candidates: list[_Candidate] = []
    subsets = np.array(list(itertools.combinations(range(len(columns)), n_terms)))
    for part in np.array_split(subsets, len(subsets) // 1000 + 1):
        part = part[_may_fit(values, part, len(values) * (0.5 * grids) ** 2)]
        terms = values.T[part].transpose(0, 2, 1)  # (n_subsets, n_rows, n_terms)
        basis, upper = np.linalg.qr(terms)
        sizes = np.abs(np.diagonal(upper, axis1=1, axis2=2))
        is_full = (sizes > 1e-6 * np.linalg.norm(terms, axis=1)).all(axis=1)
        # rounding errors are at most half a grid unit, also where many results end in 5
        rest_2 = size_2 - ((basis.transpose(0, 2, 1) @ values) ** 2).sum(axis=1)
        fits = rest_2 <= len(values) * (0.5 * grids) ** 2 + 1e-9 * size_2
        fits &= is_target & is_full[:, None]
        subset, at = np.nonzero(fits)
        own, of_target = basis[subset], values.T[at][:, :, None]
        rest = (of_target - own @ (own.transpose(0, 2, 1) @ of_target))[:, :, 0]
        fits_all = np.abs(rest).max(axis=1, initial=0.0) <= grids[at]
        fits_all &= np.sqrt((rest**2).mean(axis=1)) <= 0.5 * grids[at]
        subset, at = subset[fits_all], at[fits_all]
        factors = np.linalg.pinv(upper[subset]) @ (
            basis[subset].transpose(0, 2, 1) @ values.T[at][:, :, None]
        )
        more = (checked.T[part[subset]].transpose(0, 2, 1) @ factors)[:, :, 0]
        off = checked.T[at] - more  # (n_candidates, n_checked)
        off -= np.median(off, axis=1, keepdims=True)
        holds = (np.abs(off) <= 2.5 * grids[at][:, None]).mean(axis=1) >= 0.9
        for own, target in zip(part[subset[holds]].tolist(), at[holds].tolist(), strict=True):
            sources = tuple(columns[source] for source in own)
            if columns[target] not in sources and _fits_scales(cells, columns[target], sources):
                candidates.append(("linear", columns[target], sources))
    return _fits(cells, candidates, rows), n_candidates


def _may_fit(values: FloatArray, subsets: IntArray, most: FloatArray) -> BoolArray:
    """Whether sums of the columns of each subset may leave some column a rest of `most`, squared.

    A quick test that lets through some more: by products of columns, and the nearly dependent.
    """
    products = values.T @ values
    size_2, cross = np.diagonal(products), products[subsets]  # (n_subsets, n_terms, n_columns)
    rest_2, every = np.tile(size_2, (len(subsets), 1)), np.arange(len(subsets))
    is_near = np.zeros(len(subsets), dtype=bool)
    with np.errstate(all="ignore"):
        for term, at in enumerate(subsets.T):
            own_2 = cross[every, term, at]
            is_near |= ~(own_2 > 1e-4 * size_2[at])
            step = cross[:, term] / own_2[:, None]
            rest_2 -= step * cross[:, term]
            cross[:, term + 1 :] -= cross[every, term + 1 :, at][:, :, None] * step[:, None]
        rest_2[every[:, None], subsets] = np.inf  # a column is the sum of itself
        return is_near | (rest_2 <= most + 1e-8 * size_2).any(axis=1)


def _fits_scales(cells: Cells, target: int, sources: tuple[int, ...]) -> bool:
    """Whether a linear formula with these columns means something."""
    own, scales = cells.scales[target], sorted(cells.scales[at] for at in sources)
    if own == "number":
        return set(scales) == {"number"} or scales in (["date"] * 2, ["zoned date"] * 2)
    if own == "duration":
        return set(scales) == {"duration"} or scales in (["date"] * 2, ["zoned date"] * 2)
    others = [scale for scale in scales if scale != own]
    return len(scales) - len(others) == 1 and others in ([], ["number"], ["duration"])


def _products(cells: Cells, columns: list[int], rows: IntArray) -> tuple[list[_Fit], float]:
    """Return the products and ratios that fit the sampled rows, and how many were tried."""
    columns = [at for at in columns if cells.scales[at] == "number"]
    if len(columns) < 3:
        return [], 1
    chosen = _screened(cells, columns, rows)
    values = np.column_stack([cells.numbers(at, chosen) for at in columns])
    grids = np.array([cells.grid(at) for at in columns])
    is_target = np.array([cells.n_distinct(at) >= _MIN_VALUES[2] for at in columns])
    largest = np.abs(values).argmax(axis=0)  # the row that says most of the factor
    candidates: list[_Candidate] = []
    for at, (shape, operation) in itertools.product(
        range(len(columns)), (("product", np.multiply), ("ratio", np.divide))
    ):
        with np.errstate(all="ignore"):
            results = operation(values[:, at, None], values)  # (n_rows, n_others)
            factors = values[largest, np.arange(len(columns))] / results[largest].T
            off = np.abs(values[0] - factors * results[0, :, None])
            others, targets = np.nonzero(off <= 1.01 * grids)
            is_open = (factors[others, targets] != 0) & is_target[targets]
            if shape == "product":
                is_open &= others >= at
            others, targets = others[is_open], targets[is_open]
            for row in range(1, len(chosen)):
                fitted = factors[others, targets] * results[row, others]
                fits = np.abs(values[row, targets] - fitted) <= 1.01 * grids[targets]
                others, targets = others[fits], targets[fits]
        for other, target in zip(others.tolist(), targets.tolist(), strict=True):
            if len({at, other, target}) == 3:
                sources = (columns[at], columns[other])
                candidates.append((shape, columns[target], sources))
    return _fits(cells, candidates, rows), 3 * math.comb(len(columns), 3) * 3


def _years(cells: Cells, columns: list[int], rows: IntArray) -> tuple[list[_Fit], float]:
    """Return the whole years between two dates, or from one on to any, that fit the rows."""
    dates = [at for at in columns if cells.scales[at] in ("date", "zoned date")]
    targets = [
        at
        for at in columns
        if cells.scales[at] == "number" and cells.grid(at) == 1
        if cells.n_distinct(at) >= _MIN_VALUES[1]
    ]
    sources = [*itertools.product(dates), *itertools.permutations(dates, 2)]
    sources = [own for own in sources if len({cells.scales[at] for at in own}) == 1]
    candidates: list[_Candidate] = []
    for target, own in itertools.product(targets, sources):
        trial = _Trial(cells, "years", target, own, rows[:: max(1, len(rows) // 100)])
        if any(trial.holds(constants).mean() >= 0.9 for constants in trial.constants()):
            candidates.append(("years", target, own))
    fits: list[_Fit] = []
    for candidate in candidates:  # only birthdays on the very day tell to which one was counted
        _, target, own = candidate
        is_missing = np.any([cells.missing(at) for at in (target, *own)], axis=0)
        fits += _fits(cells, [candidate], np.flatnonzero(~is_missing))
    n_ends = 365 * 100  # that one date can be counted to
    return fits, len(targets) * (len(sources) + len(dates) * n_ends)


def _screened(cells: Cells, columns: list[int], rows: IntArray) -> IntArray:
    """Return some of the rows, in half of which many columns have a value that is not usual."""
    some = rows[:: max(1, len(rows) // 500)]
    rarity = np.zeros(len(some))
    for at in columns:
        ranks = cells.ranks[some, at]
        is_unusual = ranks != np.bincount(ranks).argmax()
        rarity += is_unusual / max(1, is_unusual.sum())
    unusual = np.argsort(-rarity, kind="stable")[: _N_SCREENED // 2]
    others = np.setdiff1d(np.arange(len(some)), unusual)
    others = others[:: max(1, len(others) // (_N_SCREENED // 2))]
    chosen: IntArray = some[np.concatenate([unusual, others])[:_N_SCREENED]]
    return chosen


# Constants


def _fits(cells: Cells, candidates: list[_Candidate], rows: IntArray) -> list[_Fit]:
    """Return the candidates, with their constants, that hold in the rows or nearly."""
    found = []
    if len(candidates) > _MAX_TRIED / 10 and len(rows) > N_SAMPLED / 2:
        rows = rows[::2]
    for candidate in candidates[:_MAX_TRIED]:
        trial = _Trial(cells, *candidate, rows)
        share = 0.0
        best: tuple[Fraction, ...] = ()
        for constants in trial.constants():
            own = float(trial.holds(constants).mean())
            if own > share:
                share, best = own, constants
            if own == 1:
                break
        if share >= MIN_SHARE:
            errors = (trial.target - trial.result(best))[trial.holds(best)] / trial.grid
            found.append(_Fit(*candidate, best, share, float(np.sqrt((errors**2).mean()))))
    return found


class _Trial:
    """A formula of one shape, with any constants, on some rows."""

    def __init__(
        self, cells: Cells, shape: str, target: int, sources: tuple[int, ...], rows: IntArray
    ) -> None:
        self.shape = shape
        self.scales = [cells.scales[at] for at in (target, *sources)]
        self.grid = cells.grid(target)
        self.target, *self.sources = (cells.numbers(at, rows) for at in (target, *sources))

    def result(
        self, constants: tuple[Fraction, ...], sources: Sequence[FloatArray] | None = None
    ) -> FloatArray:
        """Return the results before they are rounded, of other numbers if `sources` are given."""
        sources = sources or self.sources
        if self.shape == "years":
            end = np.full(len(self.target), float(constants[0])) if constants else sources[1]
            start, end = (np.floor(days).astype(np.int64) for days in (sources[0], end))
            return whole_years(start, end).astype(float)
        if self.shape != "linear":
            operation = np.multiply if self.shape == "product" else np.divide
            with np.errstate(all="ignore"):
                return np.asarray(operation(*sources) * float(constants[0]))
        *factors, constant = map(float, constants)
        total = np.full(len(self.target), constant)
        for factor, source in zip(factors, sources, strict=True):
            total += factor * source
        return total

    def holds(
        self, constants: tuple[Fraction, ...], sources: Sequence[FloatArray] | None = None
    ) -> BoolArray:
        """Return in which rows the rounded result is the cell."""
        sizes = np.abs(self.target) + sum(np.abs(each) for each in sources or self.sources)
        off = np.abs(self.target - self.result(constants, sources))
        with np.errstate(invalid="ignore"):
            return np.asarray(off <= _SLACK * self.grid + 1e-13 * sizes)

    def all_matter(self, constants: tuple[Fraction, ...], least: float) -> bool:
        """Whether the formula fails in as many rows if any one source is held at its median."""
        for at, source in enumerate(self.sources):
            held = list(self.sources)
            held[at] = np.full(len(source), np.median(source))
            if np.count_nonzero(~self.holds(constants, held)) < least:
                return False
        return True

    def constants(self) -> Iterator[tuple[Fraction, ...]]:
        """Yield constants to try, those with few digits first."""
        if self.shape == "years":
            yield () if len(self.sources) == 2 else (Fraction(self._end()),)
            return
        if self.shape != "linear":
            with np.errstate(all="ignore"):
                ratios = self.target / self.result((Fraction(1),))
            # large results say most of the factor
            sizes = np.abs(self.target)
            ratios = ratios[np.isfinite(ratios) & (sizes >= np.quantile(sizes, 0.9))]
            if len(ratios):
                yield from ((factor,) for factor in _short(float(np.median(ratios))))
            return
        for factors in zip(*map(_short, self._least_squares()), strict=True):
            if any(factor == 0 for factor in factors) or not self._has_factors(factors):
                continue
            rest = self.target - self.result((*factors, Fraction(0)))
            inside = rest[np.abs(rest - np.median(rest)) <= self.grid]
            if len(inside) < MIN_SHARE * len(rest):
                continue
            for constant in _short((float(inside.min()) + float(inside.max())) / 2):
                if constant and self.scales[0] == "duration":
                    break
                yield (*factors, constant)

    def _end(self) -> int:
        """Return the day to which most rows have their years."""
        start, years = np.floor(self.sources[0]).astype(np.int64), self.target.astype(np.int64)
        first = np.sort(add_years(start, years))
        last = np.sort(add_years(start, years + 1))  # the first day on which it is no more
        n_right = np.searchsorted(first, first, "right") - np.searchsorted(last, first, "right")
        return int(first[n_right.argmax()])

    def _least_squares(self) -> list[float]:
        """Return the factors by least squares; a second fit leaves out rows that are far off."""
        matrix = np.column_stack(self.sources)
        rows = np.ones(len(matrix), dtype=bool)
        for _ in range(4):
            centred = matrix[rows] - matrix[rows].mean(axis=0)
            own = self.target[rows] - self.target[rows].mean()
            factors = np.linalg.lstsq(centred, own, rcond=None)[0]
            rest = self.target - matrix @ factors
            off = np.abs(rest - np.median(rest))
            kept = off <= max(self.grid, 4 * float(np.quantile(off, 0.9)))
            if (kept == rows).all():
                break
            rows = kept
        return [float(factor) for factor in factors]

    def _has_factors(self, factors: tuple[Fraction, ...]) -> bool:
        """Whether the factors of dates are such that their zero does not matter."""
        own, *scales = self.scales
        of_dates = [f for f, scale in zip(factors, scales, strict=True) if "date" in scale]
        if not of_dates:
            return True
        return sum(of_dates) == ("date" in own) and (own != "duration" or abs(of_dates[0]) == 1)


def _short(number: float) -> list[Fraction]:
    """Return numbers near to one, those that are short to write first."""
    exact = Fraction(number)
    decimal = [Fraction(Decimal(f"{number:.{digits}f}")) for digits in range(_MAX_DIGITS + 1)]
    small, medium, large = (exact.limit_denominator(most) for most in (12, 100, 1000))
    return [*decimal[:2], small, *decimal[2:5], medium, *decimal[5:], large]


# Verification


def _verified(cells: Cells, fit: _Fit, n_candidates: float) -> Found | None:
    """Return the formula if it holds in all rows, or nearly, and is not chance."""
    missing = np.zeros(len(cells), dtype=bool)
    for at in fit.sources:
        missing |= cells.missing(at)
    if (missing != cells.missing(fit.target)).any():
        return None
    known = np.flatnonzero(~missing)
    trial = _Trial(cells, fit.shape, fit.target, fit.sources, known)
    holds = trial.holds(fit.constants)
    n_known, broken = len(known), np.flatnonzero(~holds)
    if n_known < MIN_TRIED or len(broken) > (1 - MIN_SHARE) * n_known:
        return None
    # where there are exceptions, the formula must be simple: each source says a lot
    if not trial.all_matter(fit.constants, max(MIN_EXPECTED, 0.1 * n_known if len(broken) else 0)):
        return None
    ranks = cells.ranks[known, fit.target]
    frequency = np.bincount(ranks) / n_known
    # rows with equal sources are one piece of evidence: think of years and a series by year
    tried = cells.ranks[known[holds]][:, fit.sources]
    first = np.unique(tried, axis=0, return_index=True)[1]
    logs = np.sort(np.log10(frequency[ranks[holds][first]]))
    log10 = float(logs[len(fit.sources) + 1 :].sum()) + log10_choose(n_known, len(broken))
    # each rounding of the constants that was tried is a candidate
    chance = corrected(log10, n_candidates * 10.0 ** len(fit.constants))
    expected = n_known * (1 - float((frequency**2).sum()))
    if chance >= MAX_LOG10_CHANCE or expected < max(MIN_EXPECTED, 5 * len(broken)):
        return None
    constraint = Formula(cells.columns[fit.target].name, _expression(cells, fit))
    linear = tuple(map(float, fit.constants)) if fit.shape == "linear" else ()
    columns = (fit.target, *fit.sources)
    return Found(constraint, columns, n_known, chance, known[broken], linear)


# Writing


def _expression(cells: Cells, fit: _Fit) -> str:
    names = [quote(cells.columns[at].name) for at in fit.sources]
    if fit.shape == "years":
        names += [f"'{np.datetime64(int(end), 'D')}'" for end in fit.constants]
        return f"years({', '.join(names)})"
    if fit.shape != "linear":
        operator = "*" if fit.shape == "product" else "/"
        factor = fit.constants[0]
        text = f"{names[0]} {operator} {names[1]}"
        return text if factor == 1 else f"{_text(factor)} * {text}"
    *factors, constant = fit.constants
    if len(names) == 2 and factors[0] == -factors[1] and abs(factors[0]) != 1:
        first, second = names if factors[0] > 0 else names[::-1]
        terms = [(abs(factors[0]), f"({first} - {second})")]
    else:
        terms = sorted(zip(factors, names, strict=True), key=lambda term: term[0] < 0)
    text = ""
    for factor, name in terms:
        size = name if abs(factor) == 1 else f"{_text(abs(factor))} * {name}"
        if abs(factor).numerator == 1 and "/" in size:
            size = f"{name} / {abs(factor).denominator}"
        text += (" + " if factor > 0 else " - ") + size
    if constant:
        text += (" + " if constant > 0 else " - ") + _text(abs(constant))
    return text[3:] if text.startswith(" + ") else f"-{text[3:]}"


def _text(number: Fraction) -> str:
    """Write a number as a decimal where that is short, else as a fraction."""
    scaled = number * 10**_MAX_DIGITS
    if scaled.denominator == 1:
        text = f"{Decimal(scaled.numerator).scaleb(-_MAX_DIGITS):f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{number.numerator} / {number.denominator}"
