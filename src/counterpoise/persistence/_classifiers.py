"""The classifiers that say which generated rows are kept.

Histogram gradient boosting, the default, is stored as our own `Trees`: plain arrays that are walked
by NumPy and checked as a whole. skops executes nothing either, but does not look at nodes, and
scikit-learn's compiled code follows a forged child or feature index wherever it leads: of nine
forged forests (skops 0.16, scikit-learn 1.9), six ended the process with SIGSEGV and three never
returned.

Other classifiers are stored by skops, if they are one of `ESTIMATORS`: those that compute with
NumPy alone, and trees, whose nodes are checked before anything is predicted. Support vector
machines, nearest neighbours and boosting of other kinds run compiled code on arrays that nothing
checks, so they are refused.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from sklearn.base import BaseEstimator
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from counterpoise.columns._schema import Schema
from counterpoise.errors import ModelError
from counterpoise.generation._selection import (
    N_CLASSIFIERS,
    SelectionClassifier,
    classifier_columns,
)
from counterpoise.persistence._model import read_tensors
from counterpoise.persistence._trees import Trees

TREES, ESTIMATORS_FILE = "selection.safetensors", "selection.skops"
ESTIMATORS: dict[str, type[BaseEstimator]] = {
    cls.__name__: cls
    for cls in (
        DecisionTreeClassifier,
        DummyClassifier,
        ExtraTreeClassifier,
        ExtraTreesClassifier,
        GaussianNB,
        HistGradientBoostingClassifier,
        LinearDiscriminantAnalysis,
        LinearSVC,
        LogisticRegression,
        MLPClassifier,
        MinMaxScaler,
        Pipeline,
        QuadraticDiscriminantAnalysis,
        RandomForestClassifier,
        RidgeClassifier,
        RobustScaler,
        SimpleImputer,
        StandardScaler,
    )
}
"""By name, what can be saved."""
_TYPES = {
    *(f"{cls.__module__}.{name}" for name, cls in ESTIMATORS.items()),
    *(f"builtins.{name}" for name in ("bool", "dict", "float", "int", "list", "str", "tuple")),
    *(f"numpy.{name}" for name in ("bool", "dtype", "float64", "int32", "int64", "ndarray")),
    "numpy.random.mtrand.RandomState",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.preprocessing._label.LabelBinarizer",
    "sklearn.tree._tree.Tree",
} - {f"{HistGradientBoostingClassifier.__module__}.HistGradientBoostingClassifier"}
"""What a file of skops may name, and how it may be read."""
_NODES = {
    *("DTypeNode", "DictNode", "JsonNode", "ListNode", "NdArrayNode", "ObjectNode"),
    *("RandomStateNode", "TreeNode", "TupleNode", "TypeNode"),
}


def write_selection(selection: SelectionClassifier, folder: Path) -> None:
    """Write a selection classifier to a folder; a ModelError if one of its classifiers is refused.

    ``selection.safetensors`` has ``labels``, ``columns`` and ``NUMBER.NAME`` for the arrays of
    `Trees`; ``selection.skops`` a dict of the other classifiers by number, if there are any.
    """
    tensors = {"labels": selection.labels, "columns": np.array(selection.columns, dtype=np.int64)}
    others = {}
    for number, classifier in enumerate(selection.classifiers):
        if isinstance(classifier, HistGradientBoostingClassifier):
            if classifier.is_categorical_ is not None:
                raise ModelError("selection by trees with categorical_features cannot be saved")
            classifier = Trees.of(classifier)
        if isinstance(classifier, Trees):
            tensors |= {f"{number}.{name}": array for name, array in classifier.to_arrays().items()}
        else:
            others[str(number)] = classifier
    save_file(tensors, folder / TREES)
    if others:
        from skops.io import dump  # takes a third of a second

        dump(others, folder / ESTIMATORS_FILE)
        _read_estimators(folder / ESTIMATORS_FILE, len(selection.columns), len(selection.labels))


def read_selection(
    folder: Path, names: frozenset[str], schema: Schema, selection: Any
) -> SelectionClassifier | None:
    """Read the selection classifier of rows of `schema`, label first; None if there is none.

    `selection` is the parameter of the recipe; it says how many classifiers there are.
    """
    if TREES not in names:
        return None
    tensors = {name: tensor.numpy() for name, tensor in read_tensors(folder / TREES).items()}
    labels, columns = tensors.pop("labels"), tensors.pop("columns")
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
    classifiers: dict[str, Any] = {}
    if ESTIMATORS_FILE in names:
        classifiers |= _read_estimators(folder / ESTIMATORS_FILE, len(features), len(labels))
    for number in {name.partition(".")[0] for name in tensors}:
        prefix = f"{number}."
        own = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        n_outputs = 1 if len(labels) == 2 else len(labels)
        classifiers[number] = Trees.from_arrays(own, len(features), n_outputs)
    given = len(selection) if isinstance(selection, list | tuple) else 1
    expected = [str(number) for number in range(N_CLASSIFIERS if given == 1 else given)]
    if classifiers.keys() != set(expected):
        raise ModelError(f"there are the classifiers {sorted(classifiers)}; expected {expected}")
    return SelectionClassifier(labels, features, tuple(classifiers[n] for n in expected))


def _read_estimators(path: Path, n_features: int, n_classes: int) -> dict[str, Any]:
    """Read fitted classifiers by number; a ModelError if they are not what they should be."""
    try:
        return _checked_estimators(path, n_features, n_classes)
    except ModelError:
        raise
    except Exception as error:  # other libraries read the file, and raise anything
        raise ModelError(f"{path.name} is malformed ({type(error).__name__}: {error})") from error


def _checked_estimators(path: Path, n_features: int, n_classes: int) -> dict[str, Any]:
    from skops.io import load

    with zipfile.ZipFile(path) as archive:
        is_compressed = any(i.compress_type != zipfile.ZIP_STORED for i in archive.infolist())
        description = json.loads(archive.read("schema.json"))
    types = set(_named_types(description))
    if is_compressed or not types <= _TYPES:
        raise ModelError(
            f"a selection classifier cannot be saved or loaded: {sorted(types - _TYPES)} are not "
            f"among what can be checked. Use one of {sorted(ESTIMATORS)}, or pipelines of them"
        )
    classifiers = load(path, trusted=sorted(types))
    for part in _parts(classifiers, set()):
        if hasattr(part, "tree_") and not _is_sound(part):
            raise ModelError(f"{path.name} holds a tree whose nodes are malformed")
        if getattr(part, "n_classes_", n_classes) != n_classes:
            raise ModelError(f"{path.name} holds a classifier of another number of classes")
    for classifier in classifiers.values():
        score = getattr(classifier, "predict_proba", None) or classifier.decision_function
        scores = score(np.zeros((2, n_features)))
        if scores.shape not in ((2,), (2, n_classes)) or not np.isfinite(scores).all():
            raise ModelError(f"{path.name} holds a classifier of another table")
    return dict(classifiers)


def _named_types(node: Any) -> Iterator[str]:
    """Yield the full name of every type in the description of a skops file."""
    if isinstance(node, dict):
        if "__loader__" in node:
            is_known = node["__loader__"] in _NODES
            yield f"{node['__module__']}.{node['__class__']}" if is_known else node["__loader__"]
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from _named_types(item)


def _parts(value: Any, seen: set[int]) -> Iterator[Any]:
    """Yield `value` and what it is made of."""
    if id(value) in seen:
        return
    seen.add(id(value))
    yield value
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.values()
    elif isinstance(value, list | tuple):
        inner = value
    elif isinstance(value, np.ndarray) and value.dtype == object:
        inner = value.flat
    elif isinstance(value, BaseEstimator):
        inner = vars(value).values()
    for one in inner:
        yield from _parts(one, seen)


def _is_sound(estimator: Any) -> bool:
    """Whether every walk through a tree stays within its nodes and features, and ends."""
    tree = estimator.tree_
    # `node_count` nodes are read below, and memory was taken for `capacity`
    if type(tree).__name__ != "Tree" or not 0 < tree.node_count == tree.capacity:
        return False
    left, right, here = tree.children_left, tree.children_right, np.arange(tree.node_count)
    inner = left != -1
    children = np.concatenate([left[inner], right[inner]])
    return bool(
        type(estimator.n_features_in_) is int
        and estimator.n_features_in_ == tree.n_features
        and tree.n_outputs == estimator.n_outputs_ == 1
        and (children > np.tile(here[inner], 2)).all()
        and (children < tree.node_count).all()
        and ((tree.feature[inner] >= 0) & (tree.feature[inner] < tree.n_features)).all()
        and np.isfinite(tree.value).all()
    )
