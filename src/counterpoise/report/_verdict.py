"""The outcome of a comparison as a report shows it; `counterpoise.comparison` fills it in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StrategyResult:
    """Scores of one strategy with one classifier.

    Attributes
    ----------
    name
        The strategy.
    scores
        Mean of each score over the splits, by name.
    value
        Mean of the score that the verdict is about.
    difference, interval
        Of that score from doing nothing, and its 95 % interval; of a cost, what is saved. None for
        doing nothing itself; there is no interval with fewer than two splits.
    p_value
        Of no difference, adjusted for the number of strategies and classifiers.
    seconds
        Mean time to balance, train and tune the threshold.
    """

    name: str
    scores: dict[str, float]
    value: float
    difference: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do, and the evidence for it.

    Attributes
    ----------
    decision
        ``"use"``, ``"don't"`` or ``"can't tell"``.
    strategy
        The strategy to use; None unless the decision is to use one.
    sentence
        The verdict in one sentence.
    reasons
        The evidence in plain words, one paragraph each.
    score
        Name of the score that the verdict is about.
    smallest_difference
        The smallest difference in that score that matters.
    results
        By classifier; the verdict is about the first.
    method
        How it was found: splits, tests, intervals.
    """

    decision: str
    strategy: str | None
    sentence: str
    reasons: tuple[str, ...]
    score: str
    smallest_difference: float
    results: dict[str, tuple[StrategyResult, ...]]
    method: str
