"""Histogram gradient boosting as plain arrays, which are checked as a whole and walked by NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from counterpoise.errors import ModelError
from counterpoise.grammar._grammar import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Trees:
    """The nodes of all trees, one tree after the other, each node before its left and right part.

    The left child of a node is thus the next node, and no arrays can describe a walk that leaves
    its tree or never ends. The trees of the outputs (one for two classes, else one per class) take
    turns.
    """

    baseline: FloatArray  # (n_outputs,): what every score starts from
    feature: IntArray  # (n_nodes,): -1 for a leaf
    number: (
        FloatArray  # (n_nodes,): what a leaf adds to the score; else the threshold, which is left
    )
    missing_left: BoolArray  # (n_nodes,): where missing numbers go

    @classmethod
    def of(cls, classifier: Any) -> Trees:
        """Take over a fitted `HistGradientBoostingClassifier` of numbers."""
        trees = [tree.nodes for turn in classifier._predictors for tree in turn]
        nodes = np.concatenate(trees)
        assert not nodes["is_categorical"].any()
        is_leaf = nodes["is_leaf"].astype(bool)
        here = np.concatenate([np.arange(len(tree)) for tree in trees])
        assert (nodes["left"] == here + 1)[~is_leaf].all()
        return cls(
            baseline=np.ravel(classifier._baseline_prediction).astype(np.float64),
            feature=np.where(is_leaf, -1, nodes["feature_idx"]).astype(np.int64),
            number=np.where(is_leaf, nodes["value"], nodes["num_threshold"]).astype(np.float64),
            missing_left=nodes["missing_go_to_left"].astype(bool),
        )

    def decision_function(self, X: FloatArray) -> FloatArray:
        """Return the scores of the rows of `X`, as the classifier itself does, bit for bit."""
        roots, right = self._links
        scores = np.zeros((len(X), len(self.baseline))) + self.baseline
        for turn, root in enumerate(roots):
            node = np.full(len(X), root)
            inside = np.flatnonzero(self.feature[node] >= 0)
            while len(inside):
                at = node[inside]
                x = X[inside, self.feature[at]]
                goes_left = (x <= self.number[at]) | (np.isnan(x) & self.missing_left[at])
                node[inside] = np.where(goes_left, at + 1, right[at])
                inside = inside[self.feature[node[inside]] >= 0]
            scores[:, turn % len(self.baseline)] += self.number[node]
        return scores[:, 0] if len(self.baseline) == 1 else scores

    @cached_property
    def _links(self) -> tuple[list[int], IntArray]:
        """First node of each tree, and the right child of each node; IndexError if malformed."""
        right = np.zeros_like(self.feature)
        parts: list[int] = []  # first nodes of the parts behind a node, the nearest one last
        for node in reversed(range(len(right))):
            if self.feature[node] >= 0:
                parts.pop()  # the left part begins with the next node
                right[node] = parts.pop()
            parts.append(node)
        return parts[::-1], right

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that there is, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, npt.NDArray[Any]], n_features: int, n_outputs: int
    ) -> Trees:
        """Read what `to_arrays` returned, from wherever it comes; ModelError if malformed."""
        names = [field.name for field in fields(cls)]
        if sorted(arrays) != sorted(names):
            raise ModelError(f"trees are stored as {sorted(names)}; got {sorted(arrays)}")
        trees = cls(**arrays)
        if not trees._is_sound(n_features, n_outputs):
            raise ModelError("the trees of the selection classifier are malformed")
        return trees

    def _is_sound(self, n_features: int, n_outputs: int) -> bool:
        dtypes = {"feature": np.int64, "missing_left": np.bool_}
        for name, array in self.to_arrays().items():
            n = n_outputs if name == "baseline" else len(self.feature)
            if array.dtype != dtypes.get(name, np.float64) or array.shape != (n,):
                return False
        is_leaf = self.feature == -1
        try:
            n_trees = len(self._links[0])
        except IndexError:
            return False
        return bool(
            n_trees % n_outputs == 0
            and ((self.feature >= -1) & (self.feature < n_features)).all()
            and np.isfinite(np.concatenate([self.baseline, self.number[is_leaf]])).all()
            and not np.isnan(self.number).any()  # a threshold can be infinite
        )
