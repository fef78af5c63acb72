"""Who labels rows that were written without a label: a classifier of the table's own rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from counterpoise.errors import MissingDependencyError, SchemaError
from counterpoise.language.grammar import IntArray
from counterpoise.oversample.judge import as_numbers, judged_columns
from counterpoise.table import Table


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
        columns = judged_columns(table.schema)
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
