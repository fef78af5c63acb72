"""Calibrated selection: of a pool of generated rows, those that together look like the real ones.

Raking (iterative proportional fitting, Deming and Stephan 1940) weights the rows of the pool until
each column's values, and how clearly rows are of their class, are as frequent as among the real
rows of the class. Rows are then drawn by their weights, without replacement.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from counterpoise.columns import Table
from counterpoise.generation._prompts import ValueCounts
from counterpoise.generation._selection import N_STRATA, SelectionClassifier
from counterpoise.grammar._grammar import FloatArray, IntArray

POOL_ROWS_PER_ROW: Final = 3  # generated for each that is drawn; its weight is at most as much
POOL_ROWS_PER_WIDE_ROW: Final = 1.5  # which takes long
_N_ROUNDS: Final = 20
_N_GROUPS: Final = 6  # of equally many real rows, where a column of numbers has rare values
_FREQUENT: Final = 0.05  # share of real rows from which a value is counted by itself
_PRIOR_ROWS: Final = 20  # the pool counts as so many rows beside the real ones of the class


@dataclass(frozen=True, slots=True)
class Raking:
    """Chooses rows of one class."""

    classifier: SelectionClassifier
    label: int
    value_counts: ValueCounts | None  # of the real rows; None where only some of them are like it

    def choose(self, pool: Table, n_rows: int, rng: np.random.Generator) -> IntArray:
        """Return the positions of `n_rows` rows of `pool`, ascending."""
        most = len(pool) / n_rows
        weights = rake([*self._margins(pool)], len(pool), most)
        # systematic sampling: a row is drawn as often as its weight says, at most once
        order = rng.permutation(len(pool))
        cumulated = np.cumsum(weights[order])
        points = (rng.random() + np.arange(n_rows)) * cumulated[-1] / n_rows
        chosen = np.unique(np.searchsorted(cumulated, points, side="right").clip(0, len(pool) - 1))
        others = np.setdiff1d(np.arange(len(pool)), chosen)[: n_rows - len(chosen)]
        return np.sort(order[np.concatenate([chosen, others])])

    def _margins(self, pool: Table) -> Iterator[tuple[IntArray, FloatArray]]:
        """Yield the group of each row of the pool, and the share that each group is to have."""
        yield self.classifier.strata(pool), np.full(N_STRATA, 1 / N_STRATA)
        if self.value_counts is None:
            return
        for position in self.value_counts.features(self.label):
            codes, counts = self.value_counts.values(self.label, position)
            is_numeric = pool.schema[position].is_numeric
            cuts = _cuts(codes, counts, _N_GROUPS if is_numeric else 1)
            groups = np.searchsorted(cuts, pool.codes[:, position], side="right")
            own = np.searchsorted(cuts, codes, side="right")
            n_real = np.bincount(own, weights=counts, minlength=len(cuts) + 1)
            share = np.bincount(groups, minlength=len(cuts) + 1) / len(pool)
            yield groups, (n_real + _PRIOR_ROWS * share) / (counts.sum() + _PRIOR_ROWS)


def _cuts(codes: IntArray, counts: IntArray, n_groups: int) -> IntArray:
    """Return where the codes of a column are cut: about frequent ones, and into groups."""
    frequent = codes[counts >= _FREQUENT * counts.sum()]
    reached = np.searchsorted(np.cumsum(counts), np.arange(1, n_groups) * counts.sum() / n_groups)
    return np.unique(np.concatenate([frequent, frequent + 1, codes[reached]]))


def rake(margins: list[tuple[IntArray, FloatArray]], n_rows: int, most: float) -> FloatArray:
    """Return weights of rows, of mean 1 and at most `most`, with which groups have their shares.

    Each margin has the group of each row, and the share of each group. What no row is in is left
    out, and what the largest weight does not allow is missed.
    """
    weights = np.ones(n_rows)
    for _ in range(_N_ROUNDS):
        for groups, shares in margins:
            now = np.bincount(groups, weights=weights, minlength=len(shares)) / n_rows
            factors = np.divide(shares, now, out=np.ones(len(shares)), where=now > 0)
            weights = weights * factors[groups]
            weights = np.minimum(weights / weights.mean(), most)
    return np.asarray(weights)
