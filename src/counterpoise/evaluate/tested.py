"""Each way to treat imbalance held against doing nothing: differences, intervals, tests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.evaluate.contest import Contest
from counterpoise.evaluate.statistics import corrected_interval, corrected_p_value, holm
from counterpoise.evaluate.ways import NOTHING

__all__ = ["LEVEL", "SCORES", "JudgedWay", "against_nothing", "decide"]

LEVEL: Final = 0.05
"""Chance of calling a way better that is not, over all ways and classifiers."""


@dataclass(frozen=True, slots=True)
class _Score:
    """What a verdict can be about."""

    title: str
    column: str
    smallest_difference: float


SCORES: Final = {
    "pr_auc": _Score("PR-AUC", "pr_auc", 0.01),
    "roc_auc": _Score("ROC-AUC", "roc_auc", 0.01),
    "f1": _Score("F1 at the tuned threshold", "f1_tuned", 0.01),
    "balanced_accuracy": _Score(
        "balanced accuracy at the tuned threshold", "balanced_accuracy_tuned", 0.01
    ),
    "cost": _Score("cost per 1,000 rows", "cost", float("nan")),
}
"""Scores that a verdict can be about, and the difference in each that is worth having."""

_SHOWN: Final = {
    "PR-AUC": "pr_auc",
    "ROC-AUC": "roc_auc",
    "F1 at 0.5": "f1",
    "F1, tuned threshold": "f1_tuned",
    "Brier score": "brier",
    "Brier, shares put right": "brier_corrected",
}


@dataclass(frozen=True, slots=True)
class JudgedWay:
    """One way to treat imbalance, as it did in the comparison.

    Attributes
    ----------
    name
        What was done.
    scores
        Mean of each score over the splits, by name.
    value
        Mean of the score that the verdict is about.
    difference, interval
        Of that score from doing nothing, and its 95 % interval; of a cost, what is saved. None
        for doing nothing itself; there is no interval with fewer than two splits.
    p_value
        Of no difference, adjusted for the number of ways and classifiers.
    seconds
        Mean time to balance, train and tune the threshold, in seconds.
    """

    name: str
    scores: dict[str, float]
    value: float
    difference: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    seconds: float


def against_nothing(
    contest: Contest, tables: Mapping[str, pd.DataFrame], sign: int
) -> dict[str, tuple[JudgedWay, ...]]:
    """Hold every way against doing nothing; the p-values adjusted together."""
    gains = {
        (name, str(way)): (sign * (table[way] - table[NOTHING])).dropna().to_numpy(dtype=float)
        for name, table in tables.items()
        for way in table.columns
        if way != NOTHING
    }
    ratio = contest.test_to_train
    raw = [corrected_p_value(gain, ratio) for gain in gains.values()]
    known = [p for p in raw if not math.isnan(p)]
    adjusted = iter(holm(known) if known else [])
    p_values = {
        key: float("nan") if math.isnan(p) else next(adjusted)
        for key, p in zip(gains, raw, strict=True)
    }
    return {
        name: tuple(
            _tested(contest, name, table, str(way), gains.get((name, str(way))), p_values)
            for way in table.columns
        )
        for name, table in tables.items()
    }


def _tested(
    contest: Contest,
    classifier: str,
    table: pd.DataFrame,
    way: str,
    gain: npt.NDArray[np.float64] | None,
    p_values: Mapping[tuple[str, str], float],
) -> JudgedWay:
    runs, ratio = contest.runs, contest.test_to_train
    own = runs[(runs["classifier"] == classifier) & (runs["way"] == way)]
    shown = {title: float(own[column].mean()) for title, column in _SHOWN.items()}
    if "cost" in own:
        shown = {"Cost per 1,000 rows": 1000 * float(own["cost"].mean()), **shown}
    return JudgedWay(
        name=way,
        scores=shown,
        value=float(table[way].mean()),
        difference=None if gain is None else float(gain.mean()),
        interval=None if gain is None or len(gain) < 2 else corrected_interval(gain, ratio),
        p_value=None if gain is None else p_values[classifier, way],
        seconds=float(own["seconds"].mean()),
    )


def decide(arms: Sequence[JudgedWay], least: float) -> tuple[str, JudgedWay | None]:
    """Return ``"use"`` and what, ``"don't"`` or ``"can't tell"``; see `judge` for the rule."""
    tried = [arm for arm in arms if arm.difference is not None and arm.interval is not None]
    worth_it = [
        arm
        for arm in tried
        if arm.difference is not None
        and arm.p_value is not None
        and arm.difference >= least
        and arm.p_value < LEVEL
    ]
    if worth_it:
        best = max(arm.difference or 0.0 for arm in worth_it)
        # in the order in which they were tried: the simplest first
        return "use", next(arm for arm in worth_it if (arm.difference or 0.0) > best - least)
    ends = [arm.interval[1] for arm in tried if arm.interval is not None]
    if ends and all(end < least for end in ends):
        return "don't", None
    return "can't tell", None
