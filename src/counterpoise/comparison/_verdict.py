"""What a comparison says to do, in plain words, with the interval and the test behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.comparison._contest import Contest
from counterpoise.comparison._statistics import corrected_interval, corrected_p_value, holm
from counterpoise.comparison._strategies import NOTHING
from counterpoise.comparison._trial import Plan
from counterpoise.report._verdict import StrategyResult, Verdict

# Each way to treat imbalance held against doing nothing: differences, intervals, tests.


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


def against_nothing(
    contest: Contest, tables: Mapping[str, pd.DataFrame], sign: int
) -> dict[str, tuple[StrategyResult, ...]]:
    """Hold every way against doing nothing; the p-values adjusted together."""
    gains = {
        (name, str(strategy)): (sign * (table[strategy] - table[NOTHING]))
        .dropna()
        .to_numpy(dtype=float)
        for name, table in tables.items()
        for strategy in table.columns
        if strategy != NOTHING
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
            _tested(contest, name, table, str(strategy), gains.get((name, str(strategy))), p_values)
            for strategy in table.columns
        )
        for name, table in tables.items()
    }


def _tested(
    contest: Contest,
    classifier: str,
    table: pd.DataFrame,
    strategy: str,
    gain: npt.NDArray[np.float64] | None,
    p_values: Mapping[tuple[str, str], float],
) -> StrategyResult:
    runs, ratio = contest.runs, contest.test_to_train
    own = runs[(runs["classifier"] == classifier) & (runs["way"] == strategy)]
    shown = {title: float(own[column].mean()) for title, column in _SHOWN.items()}
    if "cost" in own:
        shown = {"Cost per 1,000 rows": 1000 * float(own["cost"].mean()), **shown}
    return StrategyResult(
        name=strategy,
        scores=shown,
        value=float(table[strategy].mean()),
        difference=None if gain is None else float(gain.mean()),
        interval=None if gain is None or len(gain) < 2 else corrected_interval(gain, ratio),
        p_value=None if gain is None else p_values[classifier, strategy],
        seconds=float(own["seconds"].mean()),
    )


def decide(arms: Sequence[StrategyResult], least: float) -> tuple[str, StrategyResult | None]:
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


# The words of a verdict: its sentence, and what speaks for it.


@dataclass(frozen=True, slots=True)
class Case:
    """What the words are about."""

    contest: Contest
    score: str
    least: float
    classifier: str
    arms: Mapping[str, Sequence[StrategyResult]]
    decision: str
    strategy: StrategyResult | None

    @property
    def own(self) -> Sequence[StrategyResult]:
        """The ways, with the classifier that the verdict is about."""
        return self.arms[self.classifier]

    def sentence(self) -> str:
        """Return the verdict in one sentence."""
        if self.strategy is not None:
            return f"Use {self.strategy.name}: {self._against(self.strategy)}."
        if self.decision == "don't":
            return (
                "Don't resample: tune the threshold instead. No way to balance is better than "
                f"doing nothing by {_number(self.least, self.score)} or more in {self._title}."
            )
        n = f"{self.contest.n_positive:,} rows of the class {self.contest.positive!r}"
        if self.contest.n_splits < 2:
            return f"Can't tell: only {self.contest.n_splits} split was finished in the time given."
        tried = [arm for arm in self.own if arm.difference is not None]
        if not tried:
            return f"Can't tell with {n}: every way to balance failed."
        best = max(tried, key=lambda arm: arm.difference or 0.0)
        return (
            f"Can't tell with {n} whether balancing helps: the best way to balance, "
            f"{best.name}, reaches "
            f"{self._against(best)}. Until you have more rows, tune the threshold, which is cheap."
        )

    def reasons(self) -> tuple[str, ...]:
        """Return what speaks for it, one paragraph each."""
        found = [self._threshold(), *self._others(), self._elsewhere(), self._calibration()]
        found += [
            f"{name} is left out, for it failed: {error}"
            for name, error in self.contest.failures.items()
        ]
        return tuple(reason for reason in found if reason)

    def method(self) -> str:
        """Say how it was found."""
        plan, contest = self.contest.plan, self.contest
        planned = f"{plan.n_repeats} x {plan.n_folds}"
        n_folds = round(1 / contest.test_to_train) + 1
        cut = "" if contest.n_splits >= n_folds * plan.n_repeats else ", the others not in time"
        return (
            f"Repeated stratified cross-validation ({planned} planned), {contest.n_splits} "
            f"done{cut}; class {contest.positive!r} against the rest. Over-samplers, encoders and "
            f"thresholds saw training rows only; the threshold was tuned out of fold "
            f"({plan.n_inner_folds} inner folds, over-sampled anew) for every way. Differences are "
            "paired by split. Intervals and p-values allow for the rows that splits share (Nadeau "
            "and Bengio, 2003: the corrected resampled t-test); p-values are adjusted for the "
            f"number of ways and classifiers (Holm). A difference of "
            f"{_number(self.least, self.score)} or more was taken to matter."
        )

    @property
    def _title(self) -> str:
        return SCORES[self.score].title

    def _against(self, arm: StrategyResult) -> str:
        """Say a way's score against that of doing nothing, with the interval."""
        nothing = self.own[0]
        what = "of the difference" if self.score != "cost" else "of the saving"
        title = {"cost": "a cost per 1,000 rows of "}.get(self.score, f"{self._title} ")
        text = (
            f"{title}{_number(arm.value, self.score)} against {_number(nothing.value, self.score)}"
        )
        if arm.interval is None:
            return text
        low, high = (_signed(end, self.score) for end in arm.interval)
        return f"{text} (95 % interval {what} {low} to {high})"

    def _threshold(self) -> str:
        """Say what the threshold alone brings."""
        is_money = self.score == "cost"
        columns = ("cost_at_half", "cost") if is_money else ("f1", "f1_tuned")
        tables = [self.contest.table(self.classifier, column)[NOTHING] for column in columns]
        scale = 1000 if is_money else 1
        before, after = (float(table.mean()) * scale for table in tables)
        gain = ((tables[1] - tables[0]) * scale * (-1 if is_money else 1)).to_numpy(dtype=float)
        low, high = corrected_interval(gain, self.contest.test_to_train)
        name = "cost per 1,000 rows" if is_money else "F1"
        text = (
            f"Without balancing, tuning the threshold alone takes {name} from "
            f"{_number(before, self.score)} to {_number(after, self.score)}"
        )
        if math.isnan(low):
            return f"{text}."
        what = "saving" if is_money else "gain"
        interval = f"{_signed(low, self.score)} to {_signed(high, self.score)}"
        return f"{text} (95 % interval of the {what} {interval})."

    def _others(self) -> list[str]:
        """Say how the ways relate that are worth it, or harm."""
        found = []
        if self.strategy is not None:
            as_good = [
                arm.name
                for arm in self.own
                if arm.difference is not None
                and arm is not self.strategy
                and arm.difference > (self.strategy.difference or 0.0) - self.least
            ]
            if as_good:
                found.append(
                    f"{', '.join(as_good)} did as well, or better by less than matters; "
                    f"{self.strategy.name} is the simplest of them that is shown to help."
                )
        harmful = [
            arm.name
            for arm in self.own
            if arm.p_value is not None and arm.p_value < LEVEL and (arm.difference or 0.0) < 0
        ]
        if harmful:
            found.append(f"Worse than doing nothing in {self._title}: {', '.join(harmful)}.")
        return found

    def _elsewhere(self) -> str:
        """Say what holds with the other classifiers."""
        if len(self.arms) < 2:
            return ""
        parts = []
        for name, arms in self.arms.items():
            decision, strategy = decide(arms, self.least)
            parts.append(f"{name}: {decision if strategy is None else f'use {strategy.name}'}")
        return (
            f"The verdict is about {self.classifier}, which does best without balancing. "
            f"By classifier: {'; '.join(parts)}."
        )

    def _calibration(self) -> str:
        """Warn of what balancing does to probabilities."""
        runs = self.contest.runs
        own = runs[runs["classifier"] == self.classifier]
        means = own.groupby("way")[["mean_probability", "mean_probability_corrected"]].mean()
        balanced = means.drop(index=NOTHING).sort_values("mean_probability")
        if balanced.empty:
            return ""
        worst = balanced.index[-1]
        true = self.contest.n_positive / self.contest.n_rows
        said, corrected = (float(value) for value in balanced.iloc[-1])
        return (
            f"Balancing distorts probabilities: trained with {worst}, the classifier says "
            f"{said:.0%} on average where {true:.0%} are {self.contest.positive!r}; with the class "
            f"shares put right, {corrected:.0%}. If you use probabilities and not only decisions, "
            "wrap the classifier: counterpoise.calibration.RecalibratedClassifier."
        )


def _number(value: float, score: str) -> str:
    return f"{value:,.2f}" if score == "cost" else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def _signed(value: float, score: str) -> str:
    return f"{value:+,.2f}" if score == "cost" else f"{value:+.3f}"


_SHARE_OF_COST = 0.01
"""Of what doing nothing costs: the saving that is worth having, unless another is given."""


def choose_score(score: str | None, plan: Plan) -> str:
    """Return what to judge by; ValueError if there is no such score, or no costs to judge by."""
    score = score or ("pr_auc" if plan.costs is None else "cost")
    if score not in SCORES:
        raise ValueError(f"score must be one of {', '.join(SCORES)}; got {score!r}")
    if score == "cost" and plan.costs is None:
        raise ValueError("there are no costs to judge by: give cost_fn and cost_fp")
    return score


def judge(
    contest: Contest, score: str | None = None, *, smallest_difference: float | None = None
) -> Verdict:
    """Say which way to take, or that none is worth it, or that it can't be told.

    A way is worth it if it is better than doing nothing by at least `smallest_difference` on
    average, and by more than chance explains: the corrected resampled t-test of Nadeau and Bengio,
    adjusted by Holm over all ways and classifiers, at the level 0.05. Of the ways that are, the
    simplest is taken that is less than `smallest_difference` behind the best. If there is none,
    and every interval ends below `smallest_difference`, the verdict is *don't*; else, *can't tell*.

    It is about the classifier that does best without any treatment.

    Parameters
    ----------
    contest : Contest
        What came of trying.
    score : {"pr_auc", "roc_auc", "f1", "balanced_accuracy", "cost"}, default=None
        What to judge by; ``"cost"`` where costs were given, else ``"pr_auc"``.
    smallest_difference : float, default=None
        The difference that is worth having, in units of the score, costs per 1,000 rows. 0.01 by
        default; of costs, a hundredth of what doing nothing costs.

    Returns
    -------
    Verdict

    Raises
    ------
    ValueError
        If there is no such score, or no costs were given to judge by.
    """
    score = choose_score(score, contest.plan)
    tables = {
        name: contest.table(name, SCORES[score].column) * (1000 if score == "cost" else 1)
        for name in dict.fromkeys(contest.runs["classifier"])
    }
    sign = -1 if score == "cost" else 1
    order = sorted(tables, key=lambda name: -sign * tables[name][NOTHING].mean())
    least = smallest_difference
    if least is None:
        least = SCORES[score].smallest_difference
        if score == "cost":
            least = _SHARE_OF_COST * float(tables[order[0]][NOTHING].mean())
    arms = against_nothing(contest, {name: tables[name] for name in order}, sign)
    decision, strategy = decide(arms[order[0]], least)
    case = Case(contest, score, least, order[0], arms, decision, strategy)
    return Verdict(
        decision=decision,
        strategy=None if strategy is None else strategy.name,
        sentence=case.sentence(),
        reasons=case.reasons(),
        score=SCORES[score].title if score != "cost" else "saving per 1,000 rows",
        smallest_difference=least,
        results=arms,
        method=case.method(),
    )
