"""The scores of ``realism``: how true synthetic rows are, whose rows they are, how they help.

All compare synthetic rows of a class with two halves of its real rows: those that the method was
trained on, and held-out ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict, train_test_split

from benchmarks._protocols import IntArray
from benchmarks._tables import BenchTable, Rows
from counterpoise._table_classifier import TableClassifier, probability_of
from counterpoise.columns import ABSENT, Schema, Table
from counterpoise.constraints._discovery import Relation, discover
from counterpoise.constraints._shares import as_table, rows_held
from counterpoise.metrics._distance import distances, encode

TEST_SHARE = 0.5
N_DRAWS = 4
_N_FOLDS = 5
_MAX_CATEGORIES = 254
"""Histogram gradient boosting takes no more; a column of more is used as ordered codes."""

CLASSIFIERS: dict[str, dict[str, Any]] = {
    "xgboost": {},
    "hist-gradient-boosting": {},
    "random-forest": {"n_estimators": 300},
    "logistic-regression": {},
}
"""What is trained on real and synthetic rows, by name, with its parameters."""


def split_in_halves(
    table: BenchTable, seed: int, *, minority_kept: float, max_train_rows: int, max_test_rows: int
) -> tuple[IntArray, IntArray]:
    """Return the rows of both halves, stratified; 0 for no limit.

    Of the minority's training rows, a share is kept; the test half keeps all of its rows.
    """
    rng = np.random.default_rng(seed)
    y = table.y.to_numpy()
    train, test = train_test_split(
        np.arange(len(y)), test_size=TEST_SHARE, stratify=y, random_state=seed
    )
    if minority_kept < 1:
        is_minor = y[train] == table.positive
        minor = train[is_minor]
        n_kept = max(2, round(minority_kept * len(minor)))
        train = np.concatenate([train[~is_minor], rng.choice(minor, n_kept, replace=False)])
    return _at_most(train, y, max_train_rows, seed), _at_most(test, y, max_test_rows, seed)


def _at_most(rows: IntArray, y: npt.NDArray[Any], n: int, seed: int) -> IntArray:
    if n and len(rows) > n:
        rows, _ = train_test_split(rows, train_size=n, stratify=y[rows], random_state=seed)
    return np.sort(rows)


@dataclass
class RealRows:
    """Both halves of a table, and what all methods are measured with."""

    table: BenchTable
    train: Rows
    test: Rows
    seed: int

    @cached_property
    def minority(self) -> pd.DataFrame:
        """The training rows of the class that is filled."""
        return self._of_class(self.train)

    @cached_property
    def held_out(self) -> pd.DataFrame:
        """The test rows of that class."""
        return self._of_class(self.test)

    def _of_class(self, rows: Rows) -> pd.DataFrame:
        X, y = rows
        return X[(y == self.table.positive).to_numpy()].reset_index(drop=True)

    @cached_property
    def schema(self) -> Schema:
        """The columns, with all values of both halves."""
        whole = pd.concat([self.train[0], self.test[0]], ignore_index=True)
        return Schema.infer(whole, kinds=self.table.column_types)

    @cached_property
    def relations(self) -> list[Relation]:
        """The relations that hold in all training rows, of all classes."""
        found = discover(Table.from_frame(self.train[0], self.schema))
        return [relation for relation in found if not relation.n_exceptions]

    def measure(self, synthetic: pd.DataFrame) -> dict[str, Any]:
        """Return what is said of synthetic rows; of none, what is said of real ones instead.

        These are the training rows for `told_apart`, and the held-out rows for all else.
        """
        is_real = not len(synthetic)
        categorical = self.table.categorical
        rows = self.held_out if is_real else synthetic
        told = told_apart(self.minority if is_real else synthetic, self.held_out, categorical)
        exact, nearer = closeness(rows, self.minority, self.held_out, self.schema, self.seed)
        kept, all_kept = self.relations_kept(rows)
        shares = self._kept_by_row(rows).mean(axis=1)
        texts = [relation.constraint.text for relation in self.relations]
        return {
            "told_apart": told,
            "copies": exact,
            "nearer_to_training": None if is_real else nearer,
            "relations_kept": kept,
            "rows_keeping_all": all_kept,
            "relation_shares": dict(zip(texts, shares.tolist(), strict=True)),
        }

    def relations_kept(self, rows: pd.DataFrame) -> tuple[float | None, float | None]:
        """Return the share of rows that keep a relation, mean over relations, and of all of them.

        A cell that no real row could have breaks its relations. None where there is no relation.
        """
        if not self.relations:
            return None, None
        matrix = self._kept_by_row(rows)
        return float(matrix.mean()), float(matrix.all(axis=0).mean())

    def _kept_by_row(self, rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Return whether each relation holds in each row, (n_relations, n_rows)."""
        seen, asked = (as_table(frame, self.schema) for frame in (self.train[0], rows))
        kept = []
        for relation in self.relations:
            constraint = relation.constraint.copy()
            constraint.observe(seen)
            held, is_told = rows_held(constraint, asked)
            at = [asked.schema.position(name) for name in relation.columns]
            is_possible = (asked.codes[:, at] != ABSENT).all(axis=1)
            kept.append(held & is_told & is_possible)
        return np.array(kept, dtype=bool).reshape(len(kept), len(rows))

    def ranking(self, balanced: Rows, class_weight: str | None) -> dict[str, float]:
        """Return PR-AUC on the test half of each classifier, trained on a balanced table."""
        X, y = self.test
        found = {}
        for name, parameters in CLASSIFIERS.items():
            classifier = TableClassifier(
                name,
                categorical=self.table.categorical,
                class_weight=class_weight,
                parameters=parameters,
                random_state=0,
            )
            likely = probability_of(classifier.fit(*balanced), X, self.table.positive)
            found[name] = float(average_precision_score(y == self.table.positive, likely))
        return found


def told_apart(
    rows: pd.DataFrame, others: pd.DataFrame, categorical: Sequence[str], n_draws: int = N_DRAWS
) -> float | None:
    """Return how well gradient boosting tells rows from others: area under the ROC curve.

    Out of fold, on equally many of both; the mean over draws. 0.5 is ideal. None with fewer rows
    than folds.
    """
    n = min(len(rows), len(others))
    if n < _N_FOLDS:
        return None
    return float(np.mean([_told_apart(rows, others, categorical, n, i) for i in range(n_draws)]))


def _told_apart(
    rows: pd.DataFrame, others: pd.DataFrame, categorical: Sequence[str], n: int, seed: int
) -> float:
    parts = [part.sample(n, random_state=seed) for part in (rows, others)]
    both = pd.concat(parts, ignore_index=True)
    X = np.empty(both.shape)
    is_category = np.zeros(both.shape[1], dtype=bool)
    for at, name in enumerate(both):
        if name in categorical:
            codes, values = pd.factorize(both[name])
            X[:, at] = np.where(codes < 0, np.nan, codes)
            is_category[at] = len(values) <= _MAX_CATEGORIES
        else:
            X[:, at] = both[name].to_numpy(dtype=float, na_value=np.nan)
    truth = np.repeat([0, 1], n)
    model = HistGradientBoostingClassifier(
        categorical_features=is_category, min_samples_leaf=10, random_state=0
    )
    folds = StratifiedKFold(_N_FOLDS, shuffle=True, random_state=0)
    found = cross_val_predict(model, X, truth, cv=folds, method="predict_proba")[:, 1]
    return float(roc_auc_score(truth, found))


def closeness(
    rows: pd.DataFrame,
    minority: pd.DataFrame,
    held_out: pd.DataFrame,
    schema: Schema,
    seed: int,
    n_draws: int = N_DRAWS,
) -> tuple[float, float]:
    """Return the share of exact copies of training rows, and of rows nearer to them than to others.

    The second is of equally many training and held-out rows, drawn at random, a tie counting as
    half: 0.5 is ideal. The distance is `counterpoise.metrics`'.
    """
    encoded = encode(schema, [minority, held_out], [rows])
    known = set(encoded[0].keys())
    copies = float(np.mean([key in known for key in encoded[2].keys()]))  # noqa: SIM118
    to_train, to_held = (distances(encoded[2], part) for part in encoded[:2])
    rng = np.random.default_rng(seed)
    n = min(len(minority), len(held_out))
    shares = []
    for _ in range(n_draws):
        one, other = (
            matrix[:, rng.permutation(matrix.shape[1])[:n]].min(axis=1)
            for matrix in (to_train, to_held)
        )
        shares.append(((one < other) + 0.5 * (one == other)).mean())
    return copies, float(np.mean(shares))
