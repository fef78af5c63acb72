"""The classifiers that say which generated rows are kept.

Histogram gradient boosting, the default, is stored as our own `Trees`: plain arrays that are walked
by NumPy and checked as a whole. skops executes nothing either, but does not look at nodes, and
scikit-learn's compiled code follows a forged child or feature index wherever it leads. So of other
classifiers only a few are stored (by skops): trees, whose nodes are checked before anything is
predicted, and what computes with NumPy alone.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from counterpoise.columns import Schema
from counterpoise.errors import ModelError
from counterpoise.generation._selection import (
    N_CLASSIFIERS,
    N_STRATA,
    SelectionClassifier,
    classifier_columns,
)
from counterpoise.grammar._grammar import BoolArray, FloatArray, IntArray
from counterpoise.persistence._folder import read_arrays, refuse_malformed

TREES, ESTIMATORS_FILE = "selection.safetensors", "selection.skops"
ESTIMATORS: dict[str, type[BaseEstimator]] = {  # by name, what can be saved
    cls.__name__: cls
    for cls in (
        DecisionTreeClassifier,
        ExtraTreeClassifier,
        ExtraTreesClassifier,
        HistGradientBoostingClassifier,
        LogisticRegression,
        Pipeline,
        RandomForestClassifier,
        SimpleImputer,
        StandardScaler,
    )
}
_TYPES = {  # what a file of skops may name, and how it may be read
    *(f"{cls.__module__}.{name}" for name, cls in ESTIMATORS.items()),
    *(f"builtins.{name}" for name in ("bool", "dict", "float", "int", "list", "str", "tuple")),
    *(f"numpy.{name}" for name in ("bool", "dtype", "float64", "int32", "int64", "ndarray")),
    "numpy.random.mtrand.RandomState",
    "sklearn.tree._tree.Tree",
} - {f"{HistGradientBoostingClassifier.__module__}.HistGradientBoostingClassifier"}
_NODES = {
    *("DTypeNode", "DictNode", "JsonNode", "ListNode", "NdArrayNode", "ObjectNode"),
    *("RandomStateNode", "TreeNode", "TupleNode", "TypeNode"),
}


def write_selection(selection: SelectionClassifier, folder: Path) -> None:
    """Write a selection classifier to a folder; a ModelError if one of its classifiers is refused.

    Arrays of `Trees` are called ``NUMBER.NAME``; the other classifiers are in a dict by number.
    """
    arrays = {"labels": selection.labels, "quantiles": selection.quantiles}
    others = {}
    for number, classifier in enumerate(selection.classifiers):
        if isinstance(classifier, HistGradientBoostingClassifier):
            classifier = Trees.of(classifier)
        if isinstance(classifier, Trees):
            arrays |= {f"{number}.{name}": array for name, array in asdict(classifier).items()}
        else:
            others[str(number)] = classifier
    save_file(arrays, folder / TREES)
    if others:
        from skops.io import dump  # takes a third of a second

        with refuse_malformed(folder):
            dump(others, folder / ESTIMATORS_FILE)
            n_features, n_classes = len(selection.columns), len(selection.labels)
            _read_estimators(folder / ESTIMATORS_FILE, n_features, n_classes)


def read_selection(
    folder: Path, names: frozenset[str], schema: Schema, selection: Any
) -> SelectionClassifier | None:
    """Read the selection classifier of rows of `schema`, label first; None if there is none.

    `selection` is the parameter of the recipe; it says how many classifiers there are.
    """
    if TREES not in names:
        return None
    arrays = read_arrays(folder / TREES)
    labels, quantiles = arrays.pop("labels"), arrays.pop("quantiles")
    is_right = (
        labels.dtype == np.int64
        and labels.ndim == 1
        and len(labels) > 1
        and bool((np.diff(labels) > 0).all())
        and bool(schema[0].contains(labels).all())
        and quantiles.dtype == np.float64
        and quantiles.shape == (len(labels), N_STRATA - 1)
        and bool(np.isfinite(quantiles).all() and (np.diff(quantiles) >= 0).all())
    )
    if not is_right:
        raise ModelError("the selection classifier is of another table")
    columns, n_outputs = classifier_columns(schema), 1 if len(labels) == 2 else len(labels)
    classifiers: dict[str, Any] = {}
    if ESTIMATORS_FILE in names:
        classifiers |= _read_estimators(folder / ESTIMATORS_FILE, len(columns), len(labels))
    for number in {name.partition(".")[0] for name in arrays}:
        prefix = f"{number}."
        own = {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
        classifiers[number] = Trees.from_arrays(own, len(columns), n_outputs)
    given = len(selection) if isinstance(selection, list | tuple) else 1
    expected = [str(number) for number in range(N_CLASSIFIERS if given == 1 else given)]
    if classifiers.keys() != set(expected):
        raise ModelError(f"there are the classifiers {sorted(classifiers)}; expected {expected}")
    return SelectionClassifier(labels, columns, tuple(classifiers[n] for n in expected), quantiles)


def _read_estimators(path: Path, n_features: int, n_classes: int) -> dict[str, Any]:
    """Read fitted classifiers by number; a malformed file raises anything."""
    from skops.io import load

    with zipfile.ZipFile(path) as archive:
        is_compressed = any(i.compress_type != zipfile.ZIP_STORED for i in archive.infolist())
        types = set(_named_types(json.loads(archive.read("schema.json"))))
    if is_compressed or not types <= _TYPES:
        known = f"Use one of {sorted(ESTIMATORS)}, or pipelines of them"
        unknown = f"{sorted(types - _TYPES)} cannot be checked"
        raise ModelError(f"a selection classifier cannot be saved or loaded: {unknown}. {known}")
    classifiers: dict[str, Any] = load(path, trusted=sorted(types))
    for part in _parts(classifiers, set()):
        if hasattr(part, "tree_") and not _is_sound(part):
            raise ModelError(f"{path.name} holds a tree whose nodes are malformed")
        if getattr(part, "n_classes_", n_classes) != n_classes:
            raise ModelError(f"{path.name} holds a classifier of another number of classes")
    for classifier in classifiers.values():
        scores = classifier.predict_proba(np.zeros((2, n_features)))
        if scores.shape != (2, n_classes) or not np.isfinite(scores).all():
            raise ModelError(f"{path.name} holds a classifier of another table")
    return classifiers


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
    inner: Any = value if isinstance(value, list | tuple) else ()
    if isinstance(value, dict):
        inner = value.values()
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
    return bool(
        type(estimator.n_features_in_) is int
        and estimator.n_features_in_ == tree.n_features
        and tree.n_outputs == estimator.n_outputs_ == 1
        and _walks_end(tree.children_left, tree.children_right, tree.feature, tree.n_features)
        and np.isfinite(tree.value).all()
    )


def _walks_end(left: IntArray, right: IntArray, feature: IntArray, n_features: int) -> bool:
    """Whether both children of every node follow it, up to leaves, and it looks at a feature."""
    inner = np.flatnonzero(left != -1)
    children = np.stack([left[inner], right[inner]])
    return bool(
        (children > inner).all()
        and (children < len(left)).all()
        and ((feature[inner] >= 0) & (feature[inner] < n_features)).all()
    )


@dataclass(frozen=True)
class Trees:
    """Histogram gradient boosting: the nodes of all trees, each before its children.

    The trees of the outputs (one for two classes, else one per class) take turns.
    """

    baseline: FloatArray  # (n_outputs,): what every score starts from
    feature: IntArray  # (n_nodes,): -1 for a leaf
    number: FloatArray  # (n_nodes,): the threshold, which goes left; what a leaf adds to the score
    missing_left: BoolArray  # (n_nodes,): where missing numbers go
    left: IntArray  # (n_nodes,): children; -1 for a leaf
    right: IntArray

    @classmethod
    def of(cls, classifier: Any) -> Trees:
        """Take over a fitted `HistGradientBoostingClassifier`; a ModelError for categories."""
        if classifier.is_categorical_ is not None:
            raise ModelError("selection by trees with categorical_features cannot be saved")
        trees = [tree.nodes for turn in classifier._predictors for tree in turn]
        nodes = np.concatenate(trees)
        is_leaf = nodes["is_leaf"].astype(bool)
        sizes = [len(tree) for tree in trees]
        root = np.repeat(np.cumsum([0, *sizes[:-1]]), sizes)  # of each node
        return cls(
            baseline=np.ravel(classifier._baseline_prediction).astype(np.float64),
            feature=np.where(is_leaf, -1, nodes["feature_idx"]).astype(np.int64),
            number=np.where(is_leaf, nodes["value"], nodes["num_threshold"]).astype(np.float64),
            missing_left=nodes["missing_go_to_left"].astype(bool),
            left=np.where(is_leaf, -1, root + nodes["left"]),
            right=np.where(is_leaf, -1, root + nodes["right"]),
        )

    def decision_function(self, X: FloatArray) -> FloatArray:
        """Return the scores of the rows of `X`, as the classifier itself does, bit for bit."""
        scores = np.zeros((len(X), len(self.baseline))) + self.baseline
        for turn, root in enumerate(self._roots):
            node = np.full(len(X), root)
            inside = np.flatnonzero(self.left[node] >= 0)
            while len(inside):
                at = node[inside]
                x = X[inside, self.feature[at]]
                goes_left = (x <= self.number[at]) | (np.isnan(x) & self.missing_left[at])
                node[inside] = np.where(goes_left, self.left[at], self.right[at])
                inside = inside[self.left[node[inside]] >= 0]
            scores[:, turn % len(self.baseline)] += self.number[node]
        return scores[:, 0] if len(self.baseline) == 1 else scores

    @property
    def _roots(self) -> list[int]:
        """The first node of each tree: those that are no child."""
        children = np.concatenate([self.left, self.right])
        roots: list[int] = np.setdiff1d(np.arange(len(self.left)), children).tolist()
        return roots

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, npt.NDArray[Any]], n_features: int, n_outputs: int
    ) -> Trees:
        """Return the trees that arrays by name are of; ModelError if malformed."""
        names = {field.name for field in fields(cls)}
        if arrays.keys() != names or not cls(**arrays)._is_sound(n_features, n_outputs):
            raise ModelError("the trees of the selection classifier are malformed")
        return cls(**arrays)

    def _is_sound(self, n_features: int, n_outputs: int) -> bool:
        dtypes = {"number": np.float64, "baseline": np.float64, "missing_left": np.bool_}
        for name, array in asdict(self).items():
            n = n_outputs if name == "baseline" else len(self.left)
            if array.dtype != dtypes.get(name, np.int64) or array.shape != (n,):
                return False
        return bool(
            _walks_end(self.left, self.right, self.feature, n_features)
            and len(self._roots) % n_outputs == 0
            and np.isfinite(np.concatenate([self.baseline, self.number[self.left == -1]])).all()
            and not np.isnan(self.number).any()  # a threshold can be infinite
        )
