"""Relations between columns that hold in all rows of a table, found in it.

The rule that tells them from chance is in ``_evidence``; the searches are in ``_relation_search``
and ``_formula_search``, which say what is not searched. Here a set without redundancy is chosen.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from counterpoise.columns import Table
from counterpoise.constraints import _relation_search as search
from counterpoise.constraints._base import Constraint, column_names, register_constraint
from counterpoise.constraints._evidence import Cells, Found
from counterpoise.constraints._formula_search import find_formulas
from counterpoise.constraints._implication import MissingTogether
from counterpoise.constraints._implication_search import (
    find_implications,
    find_limits,
    leads,
)

N_EXCEPTIONS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation between columns, and how well the rows support it.

    Attributes
    ----------
    constraint : Constraint
        What keeps it.
    kind : str
        ``"formula"``, ``"dependency"``, ``"one-hot"``, ``"combination"``, ``"order"``,
        ``"implication"`` or ``"missing"``.
    columns : tuple of column labels
        The columns that it is between.
    n_rows : int
        Rows that support it.
    log10_chance : float
        log10 of the probability that independent columns satisfy it in all rows, corrected for the
        number of candidates.
    n_exceptions : int
        Rows that break it; one that was found is not kept where there are any.
    exceptions : tuple of int
        Positions in X of the first of these rows.
    is_kept : bool
        Whether every synthetic row satisfies it.
    is_declared : bool
        Whether the user declared it; of its chance, nothing is said (0).

    Examples
    --------
    >>> from counterpoise.constraints import Inequality
    >>> print(Relation(Inequality("start", "<=", "end"), "order", ("start", "end"), 1500, -412.5))
    start <= end (1,500 rows)
    """

    constraint: Constraint
    kind: str
    columns: tuple[Hashable, ...]
    n_rows: int
    log10_chance: float
    n_exceptions: int = 0
    exceptions: tuple[int, ...] = ()
    is_kept: bool = True
    is_declared: bool = False

    def __str__(self) -> str:
        text = self.constraint.text
        if self.n_exceptions:
            n_all = self.n_rows + self.n_exceptions
            return f"{text}, but for {self.n_exceptions:,} of {n_all:,} rows"
        return f"{text} ({self.n_rows:,} rows)"


@register_constraint
class Drop(Constraint):
    """Do not keep the relations found between columns, in ``constraints=["auto", Drop([...])]``.

    Parameters
    ----------
    columns : sequence of str or other column labels
        A relation is dropped where it holds between these columns, whatever others it names:
        ``Drop(["branch", "city"])``. Of a single column, ``Drop(["city"])``, every relation is.
    """

    takes_text = True

    def __init__(self, columns: Sequence[Hashable]) -> None:
        self.columns = columns

    @property
    def related(self) -> tuple[Hashable, ...]:
        return column_names(self, self.columns, fewest=1)


def discover(table: Table) -> list[Relation]:
    """Find relations between columns that hold in all rows, or in nearly all.

    Columns of free text are left out. Of equivalent relations one is returned: each column is
    derived at most once and never, over others, from itself, and what follows from others is left
    out. The same table gives the same relations.

    Candidates are found on `_evidence.N_SAMPLED` rows and verified on all: 100,000 rows of 100
    columns take seconds, and the time grows with the square of the number of columns. Not searched:

    - dependencies on three or more columns, on two beyond the first
      `_relation_search.MAX_DETERMINANTS` columns, and on columns whose generated values need not be
      observed ones (many different numbers, free text);
    - formulas that ``_formula_search`` names;
    - implications whose premise names two columns or is a range (but for amounts above 0), those
      that say that a cell is never missing, and nearly true ones;
    - any relation in which fewer than `_evidence.MIN_TRIED` rows take part.

    Parameters
    ----------
    table : Table of shape (n_rows, n_columns)
        The real rows of all classes, without the label; no cell is ABSENT.

    Returns
    -------
    relations : list of Relation
        Those without exceptions first. The others hold in 99 % of the rows, and are to be shown
        rather than kept: their exceptions are often errors in the data.
    """
    cells = Cells.of(table)
    chosen = _Chosen(cells)
    near: list[Found] = []

    def is_new(one: Found) -> bool:
        return not any(set(one.columns) <= set(other.columns) for other in near)

    formulas = find_formulas(cells)
    chosen.add(formulas)
    near += [one for one in formulas if not one.is_exact]

    dependencies = list(filter(is_new, search.find_dependencies(cells, chosen.sources)))
    # prefer the determinant with the fewest values, then the one that comes first
    key = lambda one: (cells.n_distinct(one.columns[1]), one.columns[::-1])  # noqa: E731
    chosen.add(sorted(dependencies, key=key))
    known = {(one.columns[1], one.columns[0]): one.is_exact for one in dependencies}

    groups = search.find_one_hot(cells, chosen.sources)
    chosen.add(groups)
    used = {*chosen.sources, *itertools.chain(*(one.columns for one in (*formulas, *groups)))}
    pairs = search.find_pairs(cells, used)
    chosen.add(pairs)
    groups += pairs
    near += [one for one in groups if not one.is_exact]
    grouped = {at for group in groups for at in group.columns}
    known |= {pair: True for one in groups for pair in itertools.permutations(one.columns, 2)}

    joint = search.find_joint_dependencies(cells, chosen.sources, grouped, known)
    joint = list(filter(is_new, joint))
    chosen.add(sorted(joint, key=lambda one: one.log10_chance))
    near += _one_each([*dependencies, *joint], {*chosen.sources, *(f.columns[0] for f in near)})

    orders = search.find_orders(cells)
    # of equivalent orders, decoding keeps those between columns that are written
    exact = [one for one in orders if one.is_exact]
    exact.sort(key=lambda one: chosen.sources.keys().isdisjoint(one.pair))
    free = [one.pair for one in orders if chosen.is_free(*one.pair)]
    chosen.add(_reduced(exact, free))
    always = [one.pair for one in exact]
    rarely_broken = _reduced([one for one in orders if not one.is_exact], always)
    near += list(filter(is_new, rarely_broken))

    missing = [one for one in map(chosen.left, search.find_missing_together(cells)) if one]
    chosen.add(missing)
    known |= {pair: True for one in missing for pair in itertools.permutations(one.columns, 2)}
    also_missing = {at for one in missing for at in one.columns[1:]}
    kept = find_implications(cells, chosen.sources, known, also_missing, always)
    chosen.add(kept)
    settled = {*known, *(one.pair for one in orders), *(one.pair for one in kept)}
    chosen.add(find_limits(cells, chosen.sources, settled))
    chosen.add(search.find_exclusive(cells, chosen.sources))
    return [
        Relation(
            one.constraint,
            one.constraint.kind,
            tuple(cells.columns[at].name for at in one.columns),
            one.n_rows - len(one.exceptions),
            one.log10_chance,
            len(one.exceptions),
            tuple(one.exceptions[:N_EXCEPTIONS_SHOWN].tolist()),
            is_kept=one.is_exact,
        )
        for one in (*chosen.found, *near)
    ]


class _Chosen:
    """The relations chosen so far, and from which columns each derived one comes."""

    def __init__(self, cells: Cells) -> None:
        self.cells = cells
        self.found: list[Found] = []
        self.sources: dict[int, tuple[int, ...]] = {}
        self.linear: dict[int, tuple[float, ...]] = {}  # factors of the sources, the constant

    def add(self, found: Iterable[Found]) -> None:
        """Add those without exceptions that derive no column for the second time or in a circle."""
        for one in found:
            if not one.is_exact:
                continue
            if one.constraint.is_computing:
                target, *sources = one.columns
                if target in self.sources or target in self.origins(sources):
                    continue
                self.sources[target] = tuple(sources)
                if one.linear:
                    self.linear[target] = one.linear
            self.found.append(one)

    def origins(self, columns: Iterable[int]) -> set[int]:
        """Return the columns with all those that they come from."""
        columns = set(columns)
        return columns.union(*(self.origins(self.sources.get(at, ())) for at in columns))

    def left(self, one: Found) -> Found | None:
        """Return a group without derived columns; None if fewer than two are left."""
        columns = tuple(at for at in one.columns if at not in self.sources)
        if len(columns) < 2:
            return None
        names = [self.cells.columns[at].name for at in columns]
        return replace(one, columns=columns, constraint=MissingTogether(names))

    def is_free(self, low: int, high: int) -> bool:
        """Whether formulas and dependencies give the order of two columns in any row."""
        roots = [self.origins([at]) - set(self.sources) for at in (low, high)]
        if not {low, high} & set(self.sources):
            return False
        for at, other in ((low, high), (high, low)):
            if other in self.sources.get(at, ()) and at not in self.linear:
                return True  # a ratio or product and its part
        if roots[0] == roots[1] and len(roots[0]) == 1:
            return True  # both are functions of one column, whose values were all observed
        factors: dict[int, float] = {}
        least = self._add(high, 1.0, factors) + self._add(low, -1.0, factors)
        for at, factor in factors.items():
            if abs(factor) > 1e-9:
                levels = self.cells.levels[at]
                least += min(factor * np.nanmin(levels), factor * np.nanmax(levels))
        return bool(least >= -1e-9)

    def _add(self, at: int, factor: float, factors: dict[int, float]) -> float:
        """Add a column as a linear function of those it comes from; return the constant."""
        if at not in self.linear:
            factors[at] = factors.get(at, 0.0) + factor
            return 0.0
        *own, constant = self.linear[at]
        return factor * constant + sum(
            self._add(source, factor * each, factors)
            for source, each in zip(self.sources[at], own, strict=True)
        )


def _one_each(found: Iterable[Found], settled: set[int]) -> list[Found]:
    """Return of dependencies that nearly hold the best of each column that is not settled."""
    best: dict[int, Found] = {}
    for one in sorted(found, key=lambda one: (len(one.columns), len(one.exceptions))):
        if not one.is_exact and one.columns[0] not in settled:
            best.setdefault(one.columns[0], one)
    return list(best.values())


def _reduced(orders: Sequence[Found], free: Sequence[tuple[int, int]]) -> list[Found]:
    """Leave out the orders that follow from others, or from those that are free."""
    kept = [one for one in orders if one.pair not in free]
    for one in list(kept):
        others = [other.pair for other in kept if other is not one]
        if leads([*free, *others], *one.pair):
            kept.remove(one)
    return kept
