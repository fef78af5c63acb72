"""The selection classifier as tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

from counterpoise.columns._schema import Schema
from counterpoise.errors import ModelError
from counterpoise.generation._selection import (
    N_CLASSIFIERS,
    SelectionClassifier,
    Trees,
    classifier_columns,
)

Tensors = Mapping[str, npt.NDArray[Any]]


def _tensors(selection: SelectionClassifier) -> dict[str, npt.NDArray[Any]]:
    """Return ``labels``, ``columns``, and ``NUMBER.NAME`` for the arrays of each classifier."""
    tensors: dict[str, npt.NDArray[Any]] = {
        "labels": selection.labels,
        "columns": np.array(selection.columns, dtype=np.int64),
    }
    for number, classifier in enumerate(selection.classifiers):
        trees = classifier if isinstance(classifier, Trees) else Trees.of(classifier)
        tensors |= {f"{number}.{name}": array for name, array in trees.to_arrays().items()}
    return tensors


def write_selection_classifier(selection: SelectionClassifier, path: Path) -> None:
    save_file(_tensors(selection), path)


def read_selection_classifier(tensors: Tensors, schema: Schema) -> SelectionClassifier:
    """Read the selection classifier of rows of `schema`, label first; ModelError if it is none."""
    labels, columns = tensors["labels"], tensors["columns"]
    features = classifier_columns(schema)
    is_right = (
        labels.dtype == columns.dtype == np.int64
        and labels.ndim == 1
        and len(labels) > 1
        and bool((np.diff(labels) > 0).all())
        and bool(schema[0].contains(labels).all())
        and columns.tolist() == list(features)
    )
    if not is_right:
        raise ModelError("the selection classifier is of another table")
    n_outputs = 1 if len(labels) == 2 else len(labels)
    classifiers = []
    for number in range(N_CLASSIFIERS):
        prefix = f"{number}."
        own = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        classifiers.append(Trees.from_arrays(own, len(columns), n_outputs))
    selection = SelectionClassifier(labels, features, tuple(classifiers))
    if _tensors(selection).keys() != tensors.keys():
        raise ModelError("the selection classifier has unknown parts")
    return selection
