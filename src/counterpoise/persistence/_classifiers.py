"""A judge as tensors: what it has learned, and none of the rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from counterpoise.columns._schema import Schema
from counterpoise.errors import ModelError
from counterpoise.generation._selection import (
    N_CLASSIFIERS,
    SelectionClassifier,
    Trees,
    classifier_columns,
)

Tensors = Mapping[str, npt.NDArray[Any]]


def selection_tensors(selection_classifier: SelectionClassifier) -> dict[str, npt.NDArray[Any]]:
    """Return ``labels``, ``columns``, and ``number.name`` for the arrays of each classifier."""
    tensors: dict[str, npt.NDArray[Any]] = {
        "labels": selection_classifier.labels,
        "columns": np.array(selection_classifier.columns, dtype=np.int64),
    }
    for number, scorer in enumerate(selection_classifier.classifiers):
        trees = scorer if isinstance(scorer, Trees) else Trees.of(scorer)
        tensors |= {f"{number}.{name}": array for name, array in trees.to_arrays().items()}
    return tensors


def read_selection_classifier(tensors: Tensors, schema: Schema) -> SelectionClassifier:
    """Read the judge of rows of `schema`, label first.

    Raises
    ------
    ModelError
        If it is none, or one of another table.
    """
    labels, columns = tensors["labels"], tensors["columns"]
    features = classifier_columns(schema)
    of_class = schema[0]
    is_right = (
        labels.dtype == columns.dtype == np.int64
        and labels.ndim == 1
        and len(labels) > 1
        and bool((np.diff(labels) > 0).all())
        and bool(of_class.contains(labels).all())
        and columns.tolist() == list(features)
    )
    if not is_right:
        raise ModelError("the classifier that judges rows is of another table")
    n_outputs = 1 if len(labels) == 2 else len(labels)
    scorers = []
    for number in range(N_CLASSIFIERS):
        prefix = f"{number}."
        own = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        scorers.append(Trees.from_arrays(own, len(columns), n_outputs))
    selection_classifier = SelectionClassifier(labels, features, tuple(scorers))
    if selection_tensors(selection_classifier).keys() != tensors.keys():
        raise ModelError("the classifier that judges rows has unknown parts")
    return selection_classifier
