"""Over-samplers without a language model, on tables: imbalanced-learn's, and mixed cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from imblearn.over_sampling import ADASYN, SMOTE, SMOTEN, RandomOverSampler
from imblearn.over_sampling.base import BaseOverSampler
from sklearn.utils._param_validation import StrOptions

from benchmarks._mixed_cells import MIXED_CELLS
from counterpoise._table_classifier import categorical_columns
from counterpoise.comparison._cross_validation import TableSMOTENC

BASELINES = ("none", "random", "smote", "smotenc", "smoten", "adasyn", *MIXED_CELLS)


class BaselineOverSampler(TableSMOTENC):
    """Over-sample a table with a method that is not a language model.

    Parameters
    ----------
    method : str, default="smotenc"
        ``"none"`` returns the rows as they are. ``"random"`` repeats rows. ``"smote"`` and
        ``"adasyn"`` interpolate the codes of categories too. ``"smotenc"`` interpolates numbers and
        votes on categories. ``"smoten"`` votes on everything, a number counting as a category.
        ``"shuffled"``, ``"shuffled-selected"`` and ``"munge"`` are those of `_mixed_cells`.
    sampling_strategy, k_neighbors, categorical, random_state
        As for `TableSMOTENC`. ADASYN may generate a few rows more or fewer.
    parameters : dict, default=None
        Further arguments of the library's class, or of `munge`.

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
        if self.method in MIXED_CELLS:
            return self._mix_cells(X, labels)
        return super()._fit_resample(X, y)

    def _mix_cells(
        self, X: pd.DataFrame, labels: npt.NDArray[Any]
    ) -> tuple[pd.DataFrame, npt.NDArray[Any]]:
        given = self.categorical
        options = {
            "categorical": categorical_columns(X, with_dates=True) if given is None else given,
            **(self.parameters or {}),
        }
        rng = np.random.default_rng(self.random_state)
        rows, classes = [X], [labels]
        for class_, n in self.sampling_strategy_.items():
            if n:
                rows.append(MIXED_CELLS[self.method](X, labels, class_, int(n), rng, **options))
                classes.append(np.full(int(n), class_, dtype=labels.dtype))
        whole = pd.concat(rows, ignore_index=True).astype(X.dtypes)
        return whole, np.concatenate(classes)

    def _number_sampler(self, is_categorical: npt.NDArray[np.bool_]) -> Any:
        if self.method == "smotenc":
            sampler = super()._number_sampler(is_categorical)
        elif self.method == "adasyn":
            sampler = ADASYN(n_neighbors=self.k_neighbors_)
        else:
            kind = SMOTE if self.method == "smote" else SMOTEN
            sampler = kind(k_neighbors=self.k_neighbors_)
        return sampler.set_params(**(self.parameters or {}))
