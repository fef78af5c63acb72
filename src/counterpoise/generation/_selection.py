"""Classifiers of the table's own rows: which generated rows are kept, and how rows get a label.

A few classifiers, each trained without a third of the real rows and with all classes weighing the
same, say how likely each class of a generated row is. The recipe chooses the rule by which it is
then selected: `Likeliest`, or calibrated (`_raking.py`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, softmax

from counterpoise._progress import Advance
from counterpoise.columns import ABSENT, MISSING, Schema, Table
from counterpoise.errors import SchemaError, needs_extra
from counterpoise.grammar._grammar import BoolArray, FloatArray, IntArray
from counterpoise.models._language_model import single_thread

N_STRATA = 10  # of equally many real rows, by how far their own class leads
N_CLASSIFIERS = 3  # copies where one classifier is given; each leaves out another third of the rows
# of gradient boosting: trees, one per class and step, about; steps
_MAX_TREES = 1000
_MIN_STEPS, _MAX_STEPS = 10, 100
TIE = 1e-9  # probabilities closer than this are equal: classifiers without a clue select every row


@dataclass(frozen=True, slots=True)
class SelectionClassifier:
    """Fitted classifiers of the codes of the cells, whose probabilities are averaged.

    Categories are ordinal codes, missing cells NaN; free text is left out.
    """

    labels: IntArray  # (n_classes,): codes, ascending; two or more
    columns: tuple[int, ...]  # positions of the features that they look at; one or more
    classifiers: tuple[Any, ...]  # of the classes 0, 1, ...; predict_proba or decision_function
    # (n_classes, N_STRATA - 1): quantiles of the margins of each class's real rows, as classifiers
    # see them that were not trained on them
    quantiles: FloatArray

    @classmethod
    def fit(
        cls,
        table: Table,
        rng: np.random.Generator,
        selection: Any = "classifier",
        *,
        until: float = math.inf,
        clock: Callable[[], float] = time.perf_counter,
        advance: Advance = lambda _: None,
    ) -> SelectionClassifier | None:
        """Train on `table`, label first; None where there is nothing to tell classes apart by.

        ``"classifier"`` is histogram gradient boosting, which stops early where it would not end
        `until` then on the `clock`. A single classifier is trained three times.
        """
        columns = classifier_columns(table.schema)
        labels, classes = np.unique(table.codes[:, 0], return_inverse=True)
        if not columns or len(labels) < 2:
            return None
        X = as_numbers(table, columns)
        given = list(selection) if isinstance(selection, list | tuple) else [selection]
        given *= N_CLASSIFIERS if len(given) == 1 else 1
        seeds = rng.integers(2**31, size=len(given))
        left_out = _thirds(classes, rng)
        fitted = []
        margins = np.full((len(given), len(table)), np.nan)  # of rows new to a classifier
        started = clock()
        with single_thread():
            for which, (classifier, seed) in enumerate(zip(given, seeds, strict=True)):
                is_unseen = left_out == which % 3
                seen = np.flatnonzero(~is_unseen)
                # a classifier takes its share of the time, and what those before it left
                own_end = started + (until - started) * (which + 1) / len(given)
                in_time = partial(_fit_in_time, until=own_end, clock=clock)
                fitted.append(_fit(classifier, X[seen], classes[seen], int(seed), in_time))
                if is_unseen.any():
                    likely = _probabilities(fitted[-1], X[is_unseen])
                    margins[which, is_unseen] = _margin(likely, classes[is_unseen])
                advance(len(table) * (which + 1) // len(given) - len(table) * which // len(given))
        quantiles = [_quantiles(margins[:, classes == class_]) for class_ in range(len(labels))]
        return cls(labels, columns, tuple(fitted), np.array(quantiles))

    def margin(self, table: Table) -> FloatArray:
        """Return by how much each row's own class is likelier than any other, shape (n_rows,)."""
        if not len(table):
            return np.empty(0)
        with single_thread():
            likely = self._mean_probabilities(table)
        return _margin(likely, np.searchsorted(self.labels, table.codes[:, 0])) + TIE

    def strata(self, table: Table) -> IntArray:
        """Return which tenth of the real rows of its class each row would be among, (n_rows,)."""
        X = as_numbers(table, self.columns)
        classes = np.searchsorted(self.labels, table.codes[:, 0])
        strata, n = np.zeros(len(table), dtype=np.int64), len(self.classifiers)
        with single_thread():  # each row is seen by one of the classifiers, as each real row was
            for which, classifier in enumerate(self.classifiers):
                if len(X[which::n]):
                    margin = _margin(_probabilities(classifier, X[which::n]), classes[which::n])
                    reached = margin[:, None] >= self.quantiles[classes[which::n]]
                    strata[which::n] = reached.sum(axis=1)
        return strata

    def label(self, table: Table) -> IntArray:
        """Return the code of the likeliest label of each row, shape (n_rows,)."""
        return np.asarray(self.labels[self._mean_probabilities(table).argmax(axis=1)])

    def _mean_probabilities(self, table: Table) -> FloatArray:
        X = as_numbers(table, self.columns)
        each = [_probabilities(classifier, X) for classifier in self.classifiers]
        return np.asarray(np.mean(each, axis=0, dtype=np.float64))


class Likeliest:
    """Selects the rows of which no other class is likelier; else those closest to it."""

    draws_per_row = 8
    draws_expected = 2  # measured: 1.1 to 8 (docs/log.md)

    def __init__(self, classifier: SelectionClassifier) -> None:
        self._classifier = classifier

    def __call__(self, table: Table) -> tuple[BoolArray, FloatArray]:
        """Return which rows are selected, and how good they are as a substitute."""
        margin = self._classifier.margin(table)
        return margin >= 0, margin


def _probabilities(classifier: Any, X: FloatArray) -> FloatArray:
    """Return the probability of each class, (n_rows, n_classes)."""
    if hasattr(classifier, "predict_proba"):
        return np.asarray(classifier.predict_proba(X), dtype=np.float64)
    scores = classifier.decision_function(X)
    if scores.ndim == 1:
        return np.column_stack([1 - expit(scores), expit(scores)])
    return np.asarray(softmax(scores, axis=1))


def _margin(likely: FloatArray, classes: IntArray) -> FloatArray:
    """Return by how much the given class of each row is likelier than any other, (n_rows,)."""
    rows, others = np.arange(len(likely)), likely.copy()
    others[rows, classes] = -np.inf
    return np.asarray(likely[rows, classes] - others.max(axis=1))


def _quantiles(margins: FloatArray) -> FloatArray:
    """Return the quantiles of the margins that there are; all 0 where there are none."""
    known = margins[~np.isnan(margins)]
    if not len(known):
        return np.zeros(N_STRATA - 1)
    return np.asarray(np.quantile(known, np.arange(1, N_STRATA) / N_STRATA))


def _thirds(classes: npt.NDArray[Any], rng: np.random.Generator) -> IntArray:
    """Return which third of its class each row is in; -1 in a class of fewer than 3 rows."""
    thirds = np.full(len(classes), -1)
    for class_ in np.unique(classes):
        of_class = np.flatnonzero(classes == class_)
        if len(of_class) >= 3:
            thirds[rng.permutation(of_class)] = np.arange(len(of_class)) % 3
    return thirds


def _fit(
    classifier: Any, X: FloatArray, classes: IntArray, seed: int, in_time: Callable[..., Any]
) -> Any:
    """Return a copy of `classifier` fitted with balanced classes, where it can be told to.

    Of many classes, the one by default takes fewer and longer steps: a tree is per class and step.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.utils.class_weight import compute_sample_weight

    from counterpoise._table_classifier import seeded, weight_argument

    is_default = isinstance(classifier, str)
    if is_default:
        n_steps = int(np.clip(_MAX_TREES // len(np.unique(classes)), _MIN_STEPS, _MAX_STEPS))
        rate = min(0.1 * _MAX_STEPS / n_steps, 0.3)
        classifier = HistGradientBoostingClassifier(
            early_stopping=False, max_iter=n_steps, learning_rate=rate
        )
    own = seeded(classifier, seed)
    if not _takes_missing(own):
        own = make_pipeline(SimpleImputer(keep_empty_features=True), own)
    weight_name = weight_argument(own)
    weights = {weight_name: compute_sample_weight("balanced", classes)} if weight_name else {}
    X = np.where(np.isnan(X).all(axis=0), 0.0, X)  # scikit-learn cannot bin an empty column
    return in_time(own, X, classes, **weights) if is_default else own.fit(X, classes, **weights)


def _fit_in_time(
    classifier: Any, X: FloatArray, classes: IntArray, *, until: float, clock: Any, **weights: Any
) -> Any:
    """Fit gradient boosting, with so many steps only that it is done `until` then."""
    if until == math.inf:
        return classifier.fit(X, classes, **weights)
    n_steps = classifier.max_iter
    classifier.set_params(warm_start=True, max_iter=1)
    while True:
        before = clock()
        classifier.fit(X, classes, **weights)
        now = clock()
        # twice as many steps take about twice as long as the last ones
        if classifier.max_iter == n_steps or now + 2 * (now - before) > until:
            return classifier.set_params(warm_start=False)
        classifier.set_params(max_iter=min(2 * classifier.max_iter, n_steps))


def _takes_missing(classifier: Any) -> bool:
    """Whether a classifier, or the first steps of a pipeline, can do with NaN."""
    from sklearn.utils import get_tags

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
    """Train XGBoost with its defaults to label rows; SchemaError if every feature is free text."""
    columns = classifier_columns(table.schema)
    if not columns:
        raise SchemaError(
            "every feature is free text, which XGBoost cannot label rows by; use a recipe "
            "whose prompt holds the label, such as recipe='imbllm'"
        )
    with needs_extra(
        "xgboost",
        "rows without a label are labelled by XGBoost, which is not installed; run "
        "`pip install xgboost`",
    ):
        from xgboost import XGBClassifier
    labels, classes = np.unique(table.codes[:, 0], return_inverse=True)
    classifier = XGBClassifier(random_state=int(rng.integers(2**31)))
    classifier.fit(as_numbers(table, columns), classes)
    no_quantiles = np.zeros((len(labels), N_STRATA - 1))  # every row gets a label
    return SelectionClassifier(labels, columns, (classifier,), no_quantiles)
