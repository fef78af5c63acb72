"""The strategies that `compare` tries: add one to `default_strategies`, and it is in the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from imblearn.over_sampling import RandomOverSampler
from sklearn.base import clone

from counterpoise.comparison._out_of_fold import XY, Resample
from counterpoise.comparison._smotenc import TableSMOTENC

NOTHING = "nothing"
"""Name of the strategy that the others are compared with."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to treat class imbalance: over-sampled training rows, or class weights."""

    name: str
    resample: Resample | None = None
    class_weight: str | None = None


def default_strategies(sampler: Any) -> tuple[Strategy, ...]:
    """Return the strategies, simplest first: of equally good ones, the verdict takes the first.

    Tuning the threshold is not one of them: it is done for all.
    """
    return (
        Strategy(NOTHING),
        Strategy("class weights", class_weight="balanced"),
        Strategy("random over-sampling", resample_with(RandomOverSampler())),
        Strategy("SMOTENC", resample_with(TableSMOTENC())),
        Strategy("counterpoise", resample_with(sampler)),
    )


def resample_with(sampler: Any) -> Resample:
    """Return what over-samples with a clone of `sampler`, seeded anew for each call."""

    def resample(X: pd.DataFrame, y: pd.Series[Any], seed: int) -> XY:
        seeded = clone(sampler)
        if "random_state" in seeded.get_params(deep=False):
            seeded.set_params(random_state=seed)
        X_balanced, y_balanced = seeded.fit_resample(X, y)
        return X_balanced.reset_index(drop=True), pd.Series(np.asarray(y_balanced), name=y.name)

    return resample
