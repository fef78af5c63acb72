"""Ways to treat imbalance, behind one interface: those that a comparison tries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from imblearn.over_sampling import RandomOverSampler
from sklearn.base import clone

from counterpoise.comparison._smotenc import TableSMOTENC
from counterpoise.comparison._utility import Resample

NOTHING = "nothing"
"""Name of the way that the others are held against."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to treat imbalance.

    Attributes
    ----------
    name
        What is done.
    resample
        Balances training rows; None leaves them as they are.
    class_weight
        Of the classifier: ``"balanced"`` or None.
    """

    name: str
    resample: Resample | None = None
    class_weight: str | None = None


def default_strategies(sampler: Any) -> tuple[Strategy, ...]:
    """Return nothing, class weights, random repetition, SMOTENC and `sampler`, simplest first.

    A tuned threshold is not among them: every way gets one.
    """
    return (
        Strategy(NOTHING),
        Strategy("class weights", class_weight="balanced"),
        Strategy("random", resample_with(RandomOverSampler())),
        Strategy("SMOTENC", resample_with(TableSMOTENC())),
        Strategy("counterpoise", resample_with(sampler)),
    )


def resample_with(sampler: Any) -> Resample:
    """Return what balances rows with a clone of `sampler`, its seed varying with the call."""

    def resample(
        X: pd.DataFrame, y: pd.Series[Any], seed: int
    ) -> tuple[pd.DataFrame, pd.Series[Any]]:
        own = clone(sampler)
        if "random_state" in own.get_params(deep=False):
            own.set_params(random_state=seed)
        X_balanced, y_balanced = own.fit_resample(X, y)
        labels = pd.Series(np.asarray(y_balanced), name=y.name)
        return X_balanced.reset_index(drop=True), labels

    return resample
