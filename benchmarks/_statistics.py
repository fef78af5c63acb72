"""Methods compared over tables: Wilcoxon tests with Holm's correction, mean ranks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from counterpoise.comparison._scores import corrected_interval, holm

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`method` minus `reference` over `n` tables.

    Attributes
    ----------
    interval
        Student's 95 % interval of the mean difference.
    effect_size
        Matched-pairs rank-biserial correlation, in [-1, 1]: the sum of the ranks in favour minus
        that against, over the sum of all. 0 where all differences are zero.
    p_value
        Two-sided Wilcoxon signed-rank test; 1 where all differences are zero.
    p_adjusted
        The same after Holm's correction over the comparisons made together.
    """

    method: str
    reference: str
    n: int
    mean_difference: float
    interval: tuple[float, float]
    effect_size: float
    p_value: float
    p_adjusted: float
    n_won: int
    n_lost: int


def compare(scores: pd.DataFrame, reference: str) -> list[Comparison]:
    """Compare every method with `reference`, paired by table.

    `scores` has a row per table and a column per method. Tables that lack one of the two scores
    are left out of that comparison.
    """
    if reference not in scores:
        raise ValueError(f"no scores of {reference!r}; there are {', '.join(map(str, scores))}")
    differences: dict[str, FloatArray] = {
        str(name): (scores[name] - scores[reference]).dropna().to_numpy(dtype=float)
        for name in scores.columns.drop(reference)
    }
    p_values = [float(stats.wilcoxon(d).pvalue) if d.any() else 1.0 for d in differences.values()]
    return [
        Comparison(
            method=name,
            reference=reference,
            n=len(difference),
            mean_difference=float(difference.mean()) if len(difference) else float("nan"),
            interval=corrected_interval(difference, 0.0),
            effect_size=_rank_biserial(difference),
            p_value=p_value,
            p_adjusted=p_adjusted,
            n_won=int((difference > 0).sum()),
            n_lost=int((difference < 0).sum()),
        )
        for (name, difference), p_value, p_adjusted in zip(
            differences.items(), p_values, holm(p_values), strict=True
        )
    ]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Mean ranks of methods over the tables on which every method has a score.

    Attributes
    ----------
    mean_ranks : Series of shape (n_methods,)
        Rank 1 is the best; the best method first.
    p_value
        Friedman's test that all methods are alike; NaN with fewer than three methods or tables.
    critical_difference
        Nemenyi's: mean ranks that differ by less are not told apart at level `alpha`.
    """

    mean_ranks: pd.Series[float]
    n_tables: int
    p_value: float
    critical_difference: float
    alpha: float


def rank_methods(
    scores: pd.DataFrame, *, higher_is_better: bool = True, alpha: float = 0.05
) -> Ranking:
    """Rank methods on each table and average; ties share their mean rank.

    See Demsar (2006), "Statistical comparisons of classifiers over multiple data sets".
    """
    complete = scores.dropna()
    n_tables, n_methods = complete.shape
    signed = -complete if higher_is_better else complete
    ranks = signed.rank(axis="columns").mean().sort_values(kind="stable")
    p_value = critical = float("nan")
    if n_methods >= 3 and n_tables >= 3:
        p_value = float(stats.friedmanchisquare(*complete.to_numpy().T).pvalue)
    if n_methods >= 2 and n_tables >= 1:
        quantile = stats.studentized_range.ppf(1 - alpha, n_methods, np.inf) / np.sqrt(2)
        critical = float(quantile * np.sqrt(n_methods * (n_methods + 1) / (6 * n_tables)))
    return Ranking(ranks, n_tables, p_value, critical, alpha)


def _rank_biserial(differences: FloatArray) -> float:
    kept = differences[differences != 0]
    if len(kept) == 0:
        return 0.0
    ranks = stats.rankdata(np.abs(kept))
    return float((ranks * np.sign(kept)).sum() / ranks.sum())
