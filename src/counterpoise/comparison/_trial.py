"""One way to treat imbalance, tried with one classifier on one split."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.calibration import shift_priors
from counterpoise.comparison._classifiers import TableClassifier
from counterpoise.comparison._scores import Costs, best_threshold, scores
from counterpoise.comparison._strategies import Strategy
from counterpoise.comparison._utility import out_of_fold_probability

Labelled = tuple[pd.DataFrame, "pd.Series[Any]"]
"""Features and labels."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How ways are tried.

    Attributes
    ----------
    n_folds, n_repeats
        Of the cross-validation; never more folds than the positive class has rows.
    n_inner_folds
        Of the training rows, for the threshold.
    costs
        Of mistakes; None if there is no talk of money.
    max_time_s
        No split is begun that would, by the time the ones before took, end later than this.
    random_state
        Seed of splits, over-samplers and classifiers.
    """

    n_folds: int = 5
    n_repeats: int = 2
    n_inner_folds: int = 3
    costs: Costs | None = None
    max_time_s: float | None = None
    random_state: int = 0

    def __post_init__(self) -> None:
        for name in ("n_folds", "n_inner_folds"):
            if getattr(self, name) < 2:
                raise ValueError(f"{name} must be 2 or more; got {getattr(self, name)}")
        if self.n_repeats < 1:
            raise ValueError(f"n_repeats must be 1 or more; got {self.n_repeats}")
        if self.max_time_s is not None and self.max_time_s <= 0:
            raise ValueError(f"max_time_s must be above 0; got {self.max_time_s}")


@dataclass(frozen=True, slots=True)
class Trial:
    """One split, on which every way is tried."""

    train: Labelled
    test: Labelled
    positive: Any
    plan: Plan
    seed: int

    def run(
        self, strategy: Strategy, name: str, classifier: Any, resample: Memory | None
    ) -> dict[str, Any]:
        """Train and score one classifier with rows balanced one way."""
        model = TableClassifier(
            classifier, class_weight=strategy.class_weight, random_state=int(self.seed)
        )
        balanced = self.train if resample is None else resample(*self.train, int(self.seed))
        out_of_fold = out_of_fold_probability(
            model,
            *self.train,
            positive=self.positive,
            resample=resample,
            n_folds=self.plan.n_inner_folds,
            random_state=int(self.seed),
        )
        probability = model.fit(*balanced).probability_of(self.test[0], self.positive)
        threshold = best_threshold(self.train[1], out_of_fold, positive=self.positive)
        tuned = scores(self.test[1], probability, threshold, positive=self.positive)
        return {
            "classifier": name,
            "way": strategy.name,
            **scores(self.test[1], probability, positive=self.positive),
            **{f"{score}_tuned": value for score, value in tuned.items()},
            **self._calibration(probability, balanced[1], strategy),
            **self._costs(probability, out_of_fold),
        }

    def _calibration(
        self, probability: npt.NDArray[np.float64], trained_on: pd.Series[Any], strategy: Strategy
    ) -> dict[str, float]:
        """Return how far probabilities are off, before and after the shift of class shares."""
        true = float((self.train[1] == self.positive).mean())
        # weights change the shares as repeated rows would
        before = 0.5 if strategy.class_weight else float((trained_on == self.positive).mean())
        if strategy.class_weight and self.train[1].nunique() > 2:
            before = 1 / self.train[1].nunique()
        both = np.column_stack([1 - probability, probability])
        corrected = shift_priors(both, [1 - before, before], [1 - true, true])[:, 1]
        of_corrected = scores(self.test[1], corrected, positive=self.positive)
        return {
            "brier_corrected": of_corrected["brier"],
            "mean_probability": float(probability.mean()),
            "mean_probability_corrected": float(corrected.mean()),
        }

    def _costs(
        self, probability: npt.NDArray[np.float64], out_of_fold: npt.NDArray[np.float64]
    ) -> dict[str, float]:
        costs, positive = self.plan.costs, self.positive
        if costs is None:
            return {}
        threshold = costs.best_threshold(self.train[1], out_of_fold, positive=positive)
        return {
            "cost": costs.of(self.test[1], probability, threshold, positive=positive),
            "cost_at_half": costs.of(self.test[1], probability, 0.5, positive=positive),
        }


class Memory:
    """Balances rows, and remembers them: every classifier is trained on the same ones."""

    def __init__(self, resample: Callable[..., Labelled]) -> None:
        self._resample = resample
        self._known: dict[tuple[int, int], Labelled] = {}
        self.seconds = 0.0

    def __call__(self, X: pd.DataFrame, y: pd.Series[Any], seed: int) -> Labelled:
        """Return the rows balanced with this seed."""
        key = (seed, len(X))
        if key not in self._known:
            started = time.perf_counter()
            self._known[key] = self._resample(X, y, seed)
            self.seconds += time.perf_counter() - started
        return self._known[key]
