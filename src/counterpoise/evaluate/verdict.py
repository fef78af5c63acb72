"""What a comparison says to do, in plain words, with the interval and the test behind it."""

from __future__ import annotations

from dataclasses import dataclass

from counterpoise.evaluate.contest import Contest
from counterpoise.evaluate.reasons import Case
from counterpoise.evaluate.tested import SCORES, JudgedWay, against_nothing, decide
from counterpoise.evaluate.trial import Plan
from counterpoise.evaluate.ways import NOTHING

__all__ = ["Verdict", "choose_score", "judge"]

_SHARE_OF_COST = 0.01
"""Of what doing nothing costs: the saving that is worth having, unless another is given."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do, and the evidence for it.

    Attributes
    ----------
    decision
        ``"use"``, ``"don't"`` or ``"can't tell"``.
    way
        The way to use; None unless the decision is to use one.
    sentence
        The verdict in one sentence.
    reasons
        What speaks for it, in plain words; one paragraph each.
    score
        Name of the score that the verdict is about.
    smallest_difference
        The difference in that score that is worth having.
    arms
        By classifier; the verdict is about the first.
    method
        How it was found: splits, tests, intervals.
    """

    decision: str
    way: str | None
    sentence: str
    reasons: tuple[str, ...]
    score: str
    smallest_difference: float
    arms: dict[str, tuple[JudgedWay, ...]]
    method: str


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
    decision, way = decide(arms[order[0]], least)
    case = Case(contest, score, least, order[0], arms, decision, way)
    return Verdict(
        decision=decision,
        way=None if way is None else way.name,
        sentence=case.sentence(),
        reasons=case.reasons(),
        score=SCORES[score].title if score != "cost" else "saving per 1,000 rows",
        smallest_difference=least,
        arms=arms,
        method=case.method(),
    )
