"""Who says whether a written row is of its class: classifiers of the table's own rows.

A row written for a class can lie where the real rows are of another one. Three classifiers, each
trained without a third of the real rows and with all classes weighing the same, say how likely
each class is; a row is agreed on where they find no other class likelier than its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax

from counterpoise.language.grammar import IntArray
from counterpoise.table import ABSENT, MISSING, Schema, Table, TextColumn

FloatArray = npt.NDArray[np.float64]

N_CLASSIFIERS = 3
"""Each is trained without one of as many parts of the rows."""

TIE = 1e-9
"""Probabilities closer than this are equal: classifiers that know nothing agree with every row."""


class Scorer(Protocol):
    """A classifier as the judge needs it."""

    def decision_function(self, X: FloatArray) -> FloatArray:
        """Return log-odds of the second of two classes, (n_rows,), or a score for each class."""
        ...


@dataclass(frozen=True, slots=True)
class Judge:
    """Histogram gradient boosting on the codes of the cells, as scikit-learn has it.

    Categories are ordinal codes, missing cells missing; free text is left out.

    Attributes
    ----------
    labels : ndarray of shape (n_classes,), int64
        Codes of the labels, ascending; two or more.
    columns : tuple of int
        Positions of the features that it looks at; one or more.
    scorers : tuple of Scorer
        Their probabilities are averaged.
    """

    labels: IntArray
    columns: tuple[int, ...]
    scorers: tuple[Scorer, ...]

    @classmethod
    def fit(cls, table: Table, rng: np.random.Generator) -> Judge | None:
        """Train on `table`, label first; None where there is nothing to judge by."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        columns = judged_columns(table.schema)
        labels, classes = np.unique(table.codes[:, 0], return_inverse=True)
        if not columns or len(labels) < 2:
            return None
        X = as_numbers(table, columns)
        scorers = tuple(
            HistGradientBoostingClassifier(
                class_weight="balanced", early_stopping=False, random_state=int(seed)
            ).fit(_without_empty(X[part]), classes[part])
            for part, seed in zip(
                _parts(classes, rng), rng.integers(2**31, size=N_CLASSIFIERS), strict=True
            )
        )
        return cls(labels, columns, scorers)

    def margin(self, table: Table) -> FloatArray:
        """Return by how much each row's own class is likelier than any other, shape (n_rows,).

        A row is agreed on from zero up.
        """
        if not len(table):
            return np.empty(0)
        X = as_numbers(table, self.columns)
        likely = np.mean([_probabilities(one.decision_function(X)) for one in self.scorers], axis=0)
        rows, own = np.arange(len(table)), np.searchsorted(self.labels, table.codes[:, 0])
        of_own = likely[rows, own]
        likely[rows, own] = -np.inf
        margin: FloatArray = of_own - likely.max(axis=1) + TIE
        return margin


def _without_empty(X: FloatArray) -> FloatArray:
    """Give the columns of `X` that are missing in every row one value, which tells nothing.

    scikit-learn cannot sort a column without any value into bins.
    """
    return np.where(np.isnan(X).all(axis=0), 0.0, X)


def _parts(classes: npt.NDArray[Any], rng: np.random.Generator) -> Iterator[IntArray]:
    """Yield the rows of each training: all but a third of every class that has a row for each."""
    left_out = np.full(len(classes), -1)
    for class_ in np.unique(classes):
        of_class = np.flatnonzero(classes == class_)
        if len(of_class) >= N_CLASSIFIERS:
            left_out[rng.permutation(of_class)] = np.arange(len(of_class)) % N_CLASSIFIERS
    for part in range(N_CLASSIFIERS):
        yield np.flatnonzero(left_out != part)


def judged_columns(schema: Schema) -> tuple[int, ...]:
    """Return the positions of the features that trees can look at: all but free text."""
    return tuple(
        position
        for position, column in enumerate(schema)
        if position > 0 and not isinstance(column, TextColumn)
    )


def as_numbers(table: Table, columns: tuple[int, ...]) -> FloatArray:
    """Return the codes of some columns, NaN where there is none, (n_rows, n_columns)."""
    codes = table.codes[:, columns]
    unknown = (codes == MISSING) | (codes == ABSENT)
    return np.where(unknown, np.nan, codes.astype(np.float64))


def _probabilities(scores: FloatArray) -> FloatArray:
    if scores.ndim == 1:
        second = expit(scores)
        return np.column_stack([1 - second, second])
    probabilities: FloatArray = softmax(scores, axis=1)
    return probabilities
