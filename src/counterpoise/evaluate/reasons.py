"""The words of a verdict: its sentence, and what speaks for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from counterpoise.evaluate.contest import Contest
from counterpoise.evaluate.statistics import corrected_interval
from counterpoise.evaluate.tested import LEVEL, SCORES, JudgedWay, decide
from counterpoise.evaluate.ways import NOTHING

__all__ = ["Case"]


@dataclass(frozen=True, slots=True)
class Case:
    """What the words are about."""

    contest: Contest
    score: str
    least: float
    classifier: str
    arms: Mapping[str, Sequence[JudgedWay]]
    decision: str
    way: JudgedWay | None

    @property
    def own(self) -> Sequence[JudgedWay]:
        """The ways, with the classifier that the verdict is about."""
        return self.arms[self.classifier]

    def sentence(self) -> str:
        """Return the verdict in one sentence."""
        if self.way is not None:
            return f"Use {self.way.name}: {self._against(self.way)}."
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

    def _against(self, arm: JudgedWay) -> str:
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
        if self.way is not None:
            as_good = [
                arm.name
                for arm in self.own
                if arm.difference is not None
                and arm is not self.way
                and arm.difference > (self.way.difference or 0.0) - self.least
            ]
            if as_good:
                found.append(
                    f"{', '.join(as_good)} did as well, or better by less than matters; "
                    f"{self.way.name} is the simplest of them that is shown to help."
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
            decision, way = decide(arms, self.least)
            parts.append(f"{name}: {decision if way is None else f'use {way.name}'}")
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
            "wrap the classifier: counterpoise.evaluate.recalibration.RecalibratedClassifier."
        )


def _number(value: float, score: str) -> str:
    return f"{value:,.2f}" if score == "cost" else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def _signed(value: float, score: str) -> str:
    return f"{value:+,.2f}" if score == "cost" else f"{value:+.3f}"
