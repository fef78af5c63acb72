"""Boosted trees as plain arrays, which can be saved without pickling.

NOTE[DIFF] scikit-learn offers no other way to store its classifiers than to pickle them, and a
pickle can execute anything. What its histogram gradient boosting has learned is read from the
private `_predictors` and `_baseline_prediction`; a test compares every score with its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from counterpoise.errors import ModelError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
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
