"""Over-samplers that are not language models: imbalanced-learn's, CTGAN and TVAE."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from imblearn.over_sampling import ADASYN, SMOTE, SMOTEN, RandomOverSampler
from imblearn.over_sampling.base import BaseOverSampler
from sklearn.utils._param_validation import StrOptions

from counterpoise.comparison._smotenc import TableCodes, TableSMOTENC
from counterpoise.errors import MissingDependencyError

BASELINES = ("none", "random", "smote", "smotenc", "smoten", "adasyn", "ctgan", "tvae")
"""Names of the methods."""


class BaselineOverSampler(TableSMOTENC):
    """Over-sample a table with a method that is not a language model.

    Parameters
    ----------
    method : str, default="smotenc"
        ``"none"`` returns the rows as they are. ``"random"`` repeats rows. ``"smote"`` and
        ``"adasyn"`` interpolate the codes of categories too. ``"smotenc"`` interpolates numbers and
        votes on categories. ``"smoten"`` votes on everything, a number counting as a category.
        ``"ctgan"`` and ``"tvae"`` train a network per class (package ctgan, which is under the
        Business Source License and never imported unless asked for).
    sampling_strategy, k_neighbors, categorical, random_state
        As for `TableSMOTENC`. ADASYN may generate a few rows more or fewer.
    parameters : dict, default=None
        Further arguments of the library's class, such as ``{"epochs": 300}`` for CTGAN.

    Examples
    --------
    >>> X = pd.DataFrame({"age": range(20, 40), "plan": ["basic", "plus"] * 10})
    >>> y = pd.Series(["stays"] * 14 + ["leaves"] * 6)
    >>> X_balanced, y_balanced = BaselineOverSampler("smotenc", random_state=0).fit_resample(X, y)
    >>> y_balanced.value_counts().to_dict()
    {'stays': 14, 'leaves': 14}
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseOverSampler._parameter_constraints,
        "method": [StrOptions(set(BASELINES))],
    }

    def __init__(
        self,
        method: str = "smotenc",
        *,
        sampling_strategy: Any = "auto",
        k_neighbors: int = 5,
        categorical: Sequence[Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            sampling_strategy=sampling_strategy,
            k_neighbors=k_neighbors,
            categorical=categorical,
            random_state=random_state,
        )
        self.method = method
        self.parameters = parameters

    def _fit_resample(self, X: pd.DataFrame, y: Any) -> tuple[pd.DataFrame, npt.NDArray[Any]]:
        labels = np.asarray(y)
        if self.method == "none":
            return X, labels
        if self.method == "random":
            sampler = RandomOverSampler(
                sampling_strategy=self.sampling_strategy, random_state=self.random_state
            )
            X_balanced, y_balanced = sampler.fit_resample(X, labels)
            return X_balanced, y_balanced
        if self.method in ("ctgan", "tvae"):
            return self._train(X, labels)
        return super()._fit_resample(X, y)

    def _number_sampler(self, is_categorical: npt.NDArray[np.bool_]) -> Any:
        if self.method == "smotenc":
            sampler = super()._number_sampler(is_categorical)
        elif self.method == "adasyn":
            sampler = ADASYN(n_neighbors=self.k_neighbors_)
        else:
            kind = SMOTE if self.method == "smote" else SMOTEN
            sampler = kind(k_neighbors=self.k_neighbors_)
        return sampler.set_params(**(self.parameters or {}))

    def _train(
        self, X: pd.DataFrame, labels: npt.NDArray[Any]
    ) -> tuple[pd.DataFrame, npt.NDArray[Any]]:
        """Train a network on each class by itself, as the ImbLLM paper does, and sample it."""
        try:
            library = importlib.import_module("ctgan")
        except ImportError as error:
            raise MissingDependencyError(
                f"{self.method} needs the package ctgan (Business Source License): "
                "pip install 'counterpoise[ctgan]'.",
                extra="ctgan",
            ) from error
        kind = library.CTGAN if self.method == "ctgan" else library.TVAE
        seed = np.random.RandomState(self.random_state).randint(2**31)
        codes = TableCodes.fit(X, self.categorical)
        parts, part_labels = [X], [labels]
        for class_, n in self.sampling_strategy_.items():
            if n == 0:
                continue
            # categories as text (ctgan takes codes for numbers), and nothing missing
            rows = pd.DataFrame(codes.encode(X[labels == class_]))
            rows.columns = [f"column_{i}" for i in range(rows.shape[1])]
            discrete = list(rows.columns[codes.is_categorical])
            rows[discrete] = rows[discrete].astype(int).astype(str)
            network = kind(**(self.parameters or {}))
            network.set_random_state(seed)
            network.fit(rows, discrete)
            parts.append(codes.decode(network.sample(n).astype(float).to_numpy()))
            part_labels.append(np.full(n, class_, dtype=labels.dtype))
        X_balanced = pd.concat(parts, ignore_index=True).astype(X.dtypes)
        return X_balanced, np.concatenate(part_labels)
