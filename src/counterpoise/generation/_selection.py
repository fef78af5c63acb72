"""Classifiers of the table's own rows: which generated rows are kept, and how rows get a label.

A row generated for a class can lie where the real rows are of another one. A few classifiers, each
trained without a third of the real rows and with all classes weighing the same, say how likely
each class is; a row is selected where they find no other class likelier than its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax

from counterpoise.columns._base import ABSENT, MISSING
from counterpoise.columns._schema import Schema
from counterpoise.columns._table import Table
from counterpoise.errors import MissingDependencyError, ModelError, SchemaError
from counterpoise.grammar._grammar import IntArray
from counterpoise.models._device import single_thread

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

N_CLASSIFIERS = 3
"""Where a single kind of classifier is given; each is trained without another third of the rows."""
TIE = 1e-9
"""Probabilities closer than this are equal: classifiers that know nothing select every row."""


@dataclass(frozen=True, slots=True)
class SelectionClassifier:
    """Fitted classifiers of the codes of the cells, whose probabilities are averaged.

    Categories are ordinal codes, missing cells NaN; free text is left out.

    Attributes
    ----------
    labels : ndarray of shape (n_classes,), int64
        Codes of the labels, ascending; two or more.
    columns : tuple of int
        Positions of the features that they look at; one or more.
    classifiers : tuple
        With ``predict_proba`` or ``decision_function``, of the classes 0, 1, ...
    """

    labels: IntArray
    columns: tuple[int, ...]
    classifiers: tuple[Any, ...]

    @classmethod
    def fit(
        cls, table: Table, rng: np.random.Generator, selection: Any = "classifier"
    ) -> SelectionClassifier | None:
        """Train on `table`, label first; None where there is nothing to tell classes apart by.

        Parameters
        ----------
        selection : "classifier", classifier or sequence of classifiers
            ``"classifier"``: histogram gradient boosting. A single one is trained three times,
            each of several once; none of them sees a third of the rows.
        """
        columns = classifier_columns(table.schema)
        labels, classes = np.unique(table.codes[:, 0], return_inverse=True)
        if not columns or len(labels) < 2:
            return None
        X = as_numbers(table, columns)
        given = list(selection) if isinstance(selection, list | tuple) else [selection]
        if len(given) == 1:
            given *= N_CLASSIFIERS
        seeds = rng.integers(2**31, size=len(given))
        parts = _parts(classes, rng, len(given))
        with single_thread():
            fitted = tuple(
                _fit(classifier, X[part], classes[part], int(seed))
                for classifier, part, seed in zip(given, parts, seeds, strict=True)
            )
        return cls(labels, columns, fitted)

    def margin(self, table: Table) -> FloatArray:
        """Return by how much each row's own class is likelier than any other, shape (n_rows,)."""
        if not len(table):
            return np.empty(0)
        X = as_numbers(table, self.columns)
        with single_thread():
            likely = np.mean([_probabilities(one, X) for one in self.classifiers], axis=0)
        rows, own = np.arange(len(table)), np.searchsorted(self.labels, table.codes[:, 0])
        of_own = likely[rows, own]
        likely[rows, own] = -np.inf
        margin: FloatArray = of_own - likely.max(axis=1) + TIE
        return margin


def _parts(classes: npt.NDArray[Any], rng: np.random.Generator, n_parts: int) -> Iterator[IntArray]:
    """Yield the rows of each training: all but a third of every class that has 3 rows or more."""
    n_thirds = 3
    left_out = np.full(len(classes), -1)
    for class_ in np.unique(classes):
        of_class = np.flatnonzero(classes == class_)
        if len(of_class) >= n_thirds:
            left_out[rng.permutation(of_class)] = np.arange(len(of_class)) % n_thirds
    for part in range(n_parts):
        yield np.flatnonzero(left_out != part % n_thirds)


def _fit(classifier: Any, X: FloatArray, classes: IntArray, seed: int) -> Any:
    """Return a copy of `classifier` fitted with balanced classes, where it can be told to."""
    from sklearn.base import clone
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.utils.class_weight import compute_sample_weight

    if isinstance(classifier, str):
        default = HistGradientBoostingClassifier(
            class_weight="balanced", early_stopping=False, random_state=seed
        )
        return default.fit(_without_empty(X), classes)
    own = clone(classifier)
    seeds = {n: seed for n, value in own.get_params().items() if value is None and _is_seed(n)}
    own.set_params(**seeds)
    weight_name = _sample_weight_name(own)
    if not _takes_missing(own):
        own = make_pipeline(SimpleImputer(keep_empty_features=True), own)
        weight_name = weight_name and f"{own.steps[-1][0]}__{weight_name}"
    weights = {weight_name: compute_sample_weight("balanced", classes)} if weight_name else {}
    return own.fit(_without_empty(X), classes, **weights)


def _without_empty(X: FloatArray) -> FloatArray:
    """Give the columns of `X` that are missing in every row one value, which tells nothing.

    scikit-learn cannot sort a column without any value into bins.
    """
    return np.where(np.isnan(X).all(axis=0), 0.0, X)


def _is_seed(parameter: str) -> bool:
    return parameter.rpartition("__")[2] == "random_state"


def _sample_weight_name(classifier: Any) -> str:
    """Return the name of the argument of `fit` that takes sample weights; "" without one."""
    from sklearn.utils.validation import has_fit_parameter

    name, last = "", classifier
    while hasattr(last, "steps"):  # a pipeline
        step, last = last.steps[-1]
        name += f"{step}__"
    return f"{name}sample_weight" if has_fit_parameter(last, "sample_weight") else ""


def _takes_missing(classifier: Any) -> bool:
    """Whether a classifier, or the first steps of a pipeline, can do with NaN."""
    from sklearn_compat.utils import get_tags

    for _, step in getattr(classifier, "steps", [("", classifier)]):
        if not get_tags(step).input_tags.allow_nan:
            return False
        if type(step).__name__.endswith("Imputer"):
            return True
    return True


def classifier_columns(schema: Schema) -> tuple[int, ...]:
    """Return the positions of the features that classifiers can look at: all but free text."""
    return tuple(
        position for position, column in enumerate(schema) if position > 0 and not column.is_text
    )


def as_numbers(table: Table, columns: tuple[int, ...]) -> FloatArray:
    """Return the codes of some columns, NaN where there is none, (n_rows, n_columns)."""
    codes = table.codes[:, columns]
    unknown = (codes == MISSING) | (codes == ABSENT)
    return np.where(unknown, np.nan, codes.astype(np.float64))


def _probabilities(classifier: Any, X: FloatArray) -> FloatArray:
    """Return the probability of each class, (n_rows, n_classes)."""
    if hasattr(classifier, "predict_proba"):
        return np.asarray(classifier.predict_proba(X), dtype=np.float64)
    scores = classifier.decision_function(X)
    if scores.ndim == 1:
        second = expit(scores)
        return np.column_stack([1 - second, second])
    return np.asarray(softmax(scores, axis=1))


@dataclass(frozen=True, slots=True)
class XGBoostLabeller:
    """XGBoost with its defaults, trained on every row of the imbalanced table, labels rows.

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
        """Train on `table`, label first; SchemaError if every feature is free text."""
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

    baseline: FloatArray
    roots: IntArray
    feature: IntArray
    threshold: FloatArray
    missing_left: BoolArray
    left: IntArray
    right: IntArray
    value: FloatArray

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

    def decision_function(self, X: FloatArray) -> FloatArray:
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
