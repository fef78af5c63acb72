"""Who says whether a written row is of its class: classifiers of the table's own rows.

A row written for a class can lie where the real rows are of another one. Three classifiers, each
trained without a third of the real rows and with all classes weighing the same, say how likely
each class is; a row is agreed on where they find no other class likelier than its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax

from counterpoise.columns._base import ABSENT, MISSING
from counterpoise.columns._schema import Schema
from counterpoise.columns._table import Table
from counterpoise.errors import MissingDependencyError, ModelError, SchemaError
from counterpoise.grammar._grammar import IntArray

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
class SelectionClassifier:
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
    def fit(cls, table: Table, rng: np.random.Generator) -> SelectionClassifier | None:
        """Train on `table`, label first; None where there is nothing to judge by."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        columns = classifier_columns(table.schema)
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


def classifier_columns(schema: Schema) -> tuple[int, ...]:
    """Return the positions of the features that trees can look at: all but free text."""
    return tuple(
        position for position, column in enumerate(schema) if position > 0 and not column.is_text
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


# Who labels rows that were written without a label: a classifier of the table's own rows.


@dataclass(frozen=True, slots=True)
class XGBoostLabeller:
    """XGBoost as it comes, trained on every row of the imbalanced table.

    Cells are ordinal codes, missing ones missing; free text is left out.

    Attributes
    ----------
    labels : ndarray of shape (n_classes,), int64
        Codes of the labels.
    columns : tuple of int
        Positions of the features it looks at.
    classifier : xgboost.XGBClassifier
    """

    labels: IntArray
    columns: tuple[int, ...]
    classifier: Any

    @classmethod
    def fit(cls, table: Table, rng: np.random.Generator) -> XGBoostLabeller:
        """Train on `table`, label first.

        Raises
        ------
        MissingDependencyError
            If xgboost is not installed.
        SchemaError
            If every feature is free text.
        """
        columns = classifier_columns(table.schema)
        if not columns:
            raise SchemaError(
                "every feature is free text, which XGBoost cannot label rows by; use a recipe "
                "whose prompt holds the label, such as recipe='imbllm'"
            )
        labels, classes = np.unique(table.codes[:, 0], return_inverse=True)
        classifier = _xgboost().XGBClassifier(random_state=int(rng.integers(2**31)))
        classifier.fit(as_numbers(table, columns), classes)
        return cls(labels, columns, classifier)

    def label(self, table: Table) -> IntArray:
        """Return the code of the label of each row; shape (n_rows,)."""
        predicted = self.classifier.predict(as_numbers(table, self.columns))
        labels: IntArray = self.labels[np.asarray(predicted, dtype=np.int64)]
        return labels


def _xgboost() -> Any:
    try:
        import xgboost
    except ImportError as error:
        raise MissingDependencyError(
            "rows without a label are labelled by XGBoost, which is not installed; run "
            "`pip install 'counterpoise[xgboost]'`",
            extra="xgboost",
        ) from error
    return xgboost


# Boosted trees as plain arrays, which can be saved without pickling.
#
# NOTE[DIFF] scikit-learn offers no other way to store its classifiers than to pickle them, and a
# pickle can execute anything. What its histogram gradient boosting has learned is read from the
# private `_predictors` and `_baseline_prediction`; a test compares every score with its own.


_Floats = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Trees:
    """What histogram gradient boosting has learned.

    Attributes
    ----------
    baseline : ndarray of shape (n_outputs,), float64
        What every score starts from; one output for two classes, one a class for more.
    roots : ndarray of shape (n_trees,), int64
        First node of each tree, ascending; the trees of the outputs take turns.
    feature : ndarray of shape (n_nodes,), int64
        What a node looks at; -1 for a leaf.
    threshold : ndarray of shape (n_nodes,), float64
        Numbers up to this one go left.
    missing_left : ndarray of shape (n_nodes,), bool
        Whether missing ones do.
    left, right : ndarray of shape (n_nodes,), int64
        Where to go; beyond the node itself.
    value : ndarray of shape (n_nodes,), float64
        What a leaf adds to the score.
    """

    baseline: _Floats
    roots: IntArray
    feature: IntArray
    threshold: _Floats
    missing_left: BoolArray
    left: IntArray
    right: IntArray
    value: _Floats

    @classmethod
    def of(cls, classifier: Any) -> Trees:
        """Take over a fitted `HistGradientBoostingClassifier` of numbers."""
        trees = [tree.nodes for turn in classifier._predictors for tree in turn]
        sizes = np.array([len(nodes) for nodes in trees], dtype=np.int64)
        roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        nodes = np.concatenate(trees)
        assert not nodes["is_categorical"].any()
        is_leaf, offset = nodes["is_leaf"].astype(bool), np.repeat(roots, sizes)
        here = np.arange(len(nodes))
        return cls(
            np.ravel(classifier._baseline_prediction).astype(np.float64),
            roots,
            np.where(is_leaf, -1, nodes["feature_idx"]).astype(np.int64),
            np.where(is_leaf, 0.0, nodes["num_threshold"]).astype(np.float64),
            nodes["missing_go_to_left"].astype(bool) & ~is_leaf,
            np.where(is_leaf, here, nodes["left"] + offset).astype(np.int64),
            np.where(is_leaf, here, nodes["right"] + offset).astype(np.int64),
            np.where(is_leaf, nodes["value"], 0.0).astype(np.float64),
        )

    def decision_function(self, X: _Floats) -> _Floats:
        """Return the scores of the rows of `X`, as the classifier itself does, bit for bit."""
        scores = np.zeros((len(X), len(self.baseline))) + self.baseline
        for turn, root in enumerate(self.roots):
            node = np.full(len(X), root)
            inside = np.flatnonzero(self.feature[node] >= 0)
            while len(inside):
                at = node[inside]
                number = X[inside, self.feature[at]]
                goes_left = (number <= self.threshold[at]) | (
                    np.isnan(number) & self.missing_left[at]
                )
                node[inside] = np.where(goes_left, self.left[at], self.right[at])
                inside = inside[self.feature[node[inside]] >= 0]
            scores[:, turn % len(self.baseline)] += self.value[node]
        return scores[:, 0] if len(self.baseline) == 1 else scores

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that there is, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, npt.NDArray[Any]], n_features: int, n_outputs: int
    ) -> Trees:
        """Read what `to_arrays` returned, from wherever it comes.

        Raises
        ------
        ModelError
            If these are no trees: a walk could leave the arrays, or never end.
        """
        names = [field.name for field in fields(cls)]
        if sorted(arrays) != sorted(names):
            raise ModelError(f"trees are stored as {sorted(names)}; got {sorted(arrays)}")
        trees = cls(**arrays)
        if not trees._is_sound(n_features, n_outputs):
            raise ModelError("the trees of the classifier that judges rows are malformed")
        return trees

    def _is_sound(self, n_features: int, n_outputs: int) -> bool:
        dtypes = {
            **dict.fromkeys(("baseline", "threshold", "value"), np.float64),
            **dict.fromkeys(("roots", "feature", "left", "right"), np.int64),
            "missing_left": np.bool_,
        }
        if any(getattr(self, name).dtype != dtype for name, dtype in dtypes.items()):
            return False
        if any(getattr(self, field.name).ndim != 1 for field in fields(self)):
            return False
        n_nodes, here = len(self.feature), np.arange(len(self.feature))
        nodes = (self.threshold, self.missing_left, self.left, self.right, self.value)
        if any(len(array) != n_nodes for array in nodes) or len(self.baseline) != n_outputs:
            return False
        is_leaf = self.feature == -1
        ends = np.append(self.roots, n_nodes)
        return bool(
            len(self.roots) % n_outputs == 0
            and (len(self.roots) == 0) == (n_nodes == 0)
            and ends[0] == 0
            and (np.diff(ends) > 0).all()
            and np.isfinite(np.concatenate([self.baseline, self.value])).all()
            and not np.isnan(self.threshold).any()
            and ((self.feature >= -1) & (self.feature < n_features)).all()
            and self._are_children(self.left, here, is_leaf, ends)
            and self._are_children(self.right, here, is_leaf, ends)
            and self._have_one_parent(is_leaf)
            and (self.threshold[is_leaf] == 0).all()
            and not self.missing_left[is_leaf].any()
            and (self.value[~is_leaf] == 0).all()
        )

    def _are_children(
        self, child: IntArray, here: IntArray, is_leaf: BoolArray, ends: IntArray
    ) -> bool:
        """Whether children lie behind their parents in the same tree, and leaves have none."""
        end = np.repeat(ends[1:], np.diff(ends))
        behind = (child > here) & (child < end)
        return bool(np.where(is_leaf, child == here, behind).all())

    def _have_one_parent(self, is_leaf: BoolArray) -> bool:
        """Whether every node but the roots is the child of one node."""
        children = np.concatenate([self.left[~is_leaf], self.right[~is_leaf]])
        n_parents = np.bincount(children, minlength=len(is_leaf))
        expected = np.ones(len(is_leaf), dtype=np.int64)
        expected[self.roots] = 0
        return bool((n_parents == expected).all())
