"""Classifiers of the table's own rows: which generated rows are kept, and how rows get a label.

A row generated for a class can lie where the real rows are of another one. A few classifiers, each
trained without a third of the real rows and with all classes weighing the same, say how likely
each class is; a row is selected where they find no other class likelier than its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax

from counterpoise.columns import ABSENT, MISSING, Schema, Table
from counterpoise.errors import SchemaError, needs_extra
from counterpoise.grammar._grammar import FloatArray, IntArray
from counterpoise.models._language_model import single_thread

N_CLASSIFIERS = 3  # copies where one classifier is given; each leaves out another third of the rows
TIE = 1e-9  # probabilities closer than this are equal: classifiers without a clue select every row


@dataclass(frozen=True, slots=True)
class SelectionClassifier:
    """Fitted classifiers of the codes of the cells, whose probabilities are averaged.

    Categories are ordinal codes, missing cells NaN; free text is left out.
    """

    labels: IntArray  # (n_classes,): codes, ascending; two or more
    columns: tuple[int, ...]  # positions of the features that they look at; one or more
    classifiers: tuple[Any, ...]  # of the classes 0, 1, ...; predict_proba or decision_function

    @classmethod
    def fit(
        cls, table: Table, rng: np.random.Generator, selection: Any = "classifier"
    ) -> SelectionClassifier | None:
        """Train on `table`, label first; None where there is nothing to tell classes apart by.

        ``"classifier"`` is histogram gradient boosting. A single classifier is trained three times,
        each of several once; none of them sees a third of the rows.
        """
        columns = classifier_columns(table.schema)
        labels, classes = np.unique(table.codes[:, 0], return_inverse=True)
        if not columns or len(labels) < 2:
            return None
        X = as_numbers(table, columns)
        given = list(selection) if isinstance(selection, list | tuple) else [selection]
        given *= N_CLASSIFIERS if len(given) == 1 else 1
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
        with single_thread():
            likely = self._probabilities(table)
        rows, own = np.arange(len(table)), np.searchsorted(self.labels, table.codes[:, 0])
        of_own = likely[rows, own]
        likely[rows, own] = -np.inf
        margin: FloatArray = of_own - likely.max(axis=1) + TIE
        return margin

    def label(self, table: Table) -> IntArray:
        """Return the code of the likeliest label of each row, shape (n_rows,)."""
        labels: IntArray = self.labels[self._probabilities(table).argmax(axis=1)]
        return labels

    def _probabilities(self, table: Table) -> FloatArray:
        """Return the mean probability of each class, (n_rows, n_classes)."""
        X, each = as_numbers(table, self.columns), []
        for classifier in self.classifiers:
            if hasattr(classifier, "predict_proba"):
                each.append(classifier.predict_proba(X))
                continue
            scores = classifier.decision_function(X)
            if scores.ndim == 1:
                each.append(np.column_stack([1 - expit(scores), expit(scores)]))
            else:
                each.append(softmax(scores, axis=1))
        mean: FloatArray = np.mean(each, axis=0, dtype=np.float64)
        return mean


def _parts(classes: npt.NDArray[Any], rng: np.random.Generator, n_parts: int) -> Iterator[IntArray]:
    """Yield the rows of each training: all but a third of every class that has 3 rows or more."""
    left_out = np.full(len(classes), -1)
    for class_ in np.unique(classes):
        of_class = np.flatnonzero(classes == class_)
        if len(of_class) >= 3:
            left_out[rng.permutation(of_class)] = np.arange(len(of_class)) % 3
    for part in range(n_parts):
        yield np.flatnonzero(left_out != part % 3)


def _fit(classifier: Any, X: FloatArray, classes: IntArray, seed: int) -> Any:
    """Return a copy of `classifier` fitted with balanced classes, where it can be told to."""
    from sklearn.base import clone
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.utils.class_weight import compute_sample_weight

    if isinstance(classifier, str):
        classifier = HistGradientBoostingClassifier(early_stopping=False)
    own = clone(classifier)
    unset = [name for name, value in own.get_params().items() if value is None]
    own.set_params(**{n: seed for n in unset if n.rpartition("__")[2] == "random_state"})
    weight_name = _sample_weight_name(own)
    if not _takes_missing(own):
        own = make_pipeline(SimpleImputer(keep_empty_features=True), own)
        weight_name = weight_name and f"{own.steps[-1][0]}__{weight_name}"
    weights = {weight_name: compute_sample_weight("balanced", classes)} if weight_name else {}
    X = np.where(np.isnan(X).all(axis=0), 0.0, X)  # scikit-learn cannot bin an empty column
    return own.fit(X, classes, **weights)


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
    return tuple(at for at, column in enumerate(schema) if at > 0 and not column.is_text)


def as_numbers(table: Table, columns: tuple[int, ...]) -> FloatArray:
    """Return the codes of some columns, NaN where there is none, (n_rows, n_columns)."""
    codes = table.codes[:, columns]
    unknown = (codes == MISSING) | (codes == ABSENT)
    return np.where(unknown, np.nan, codes.astype(np.float64))


def fit_labeller(table: Table, rng: np.random.Generator) -> SelectionClassifier:
    """Train XGBoost with its defaults on every row of `table`, label first, to label rows.

    A SchemaError is raised if every feature is free text.
    """
    columns = classifier_columns(table.schema)
    if not columns:
        raise SchemaError(
            "every feature is free text, which XGBoost cannot label rows by; use a recipe "
            "whose prompt holds the label, such as recipe='imbllm'"
        )
    with needs_extra(
        "xgboost",
        "rows without a label are labelled by XGBoost, which is not installed; run "
        "`pip install 'counterpoise[xgboost]'`",
    ):
        from xgboost import XGBClassifier
    labels, classes = np.unique(table.codes[:, 0], return_inverse=True)
    classifier = XGBClassifier(random_state=int(rng.integers(2**31)))
    classifier.fit(as_numbers(table, columns), classes)
    return SelectionClassifier(labels, columns, (classifier,))
