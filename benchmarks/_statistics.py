"""Methods compared over tables: Wilcoxon tests with Holm's correction, mean ranks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from counterpoise.comparison._statistics import corrected_interval, holm

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One method against another on the same units (tables, or splits of a table).

    Attributes
    ----------
    method, reference
        Differences are `method` minus `reference`.
    n
        Units.
    mean_difference
        Mean over units.
    interval
        Confidence interval of the mean difference.
    effect_size
        Matched-pairs rank-biserial correlation, in [-1, 1]: the sum of the ranks in favour minus
        that against, over the sum of all. 0 where all differences are nil.
    p_value
        Two-sided Wilcoxon signed-rank test; 1 where all differences are nil.
    p_adjusted
        The same after Holm's correction over the comparisons made together.
    n_won, n_lost
        Units in which the difference is positive, or negative.
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


def compare(
    scores: pd.DataFrame,
    reference: str,
    *,
    test_to_train: float | None = None,
    confidence: float = 0.95,
) -> list[Comparison]:
    """Compare every method with `reference`, paired by unit.

    Parameters
    ----------
    scores : DataFrame of shape (n_units, n_methods)
        One score a unit and method. Units must be independent for the Wilcoxon test to mean what
        it says: tables are, splits of one table are not (they share rows), so p-values over
        splits are too small; look at the corrected interval there.
    reference : str
        A column of `scores`.
    test_to_train : float, optional
        Number of test rows over that of training rows, if the units are splits of one table: the
        interval is then that of Nadeau and Bengio. None, where units are tables: Student's.
    confidence : float
        Of the intervals.

    Returns
    -------
    list of Comparison
        One for each other column, in the order of the columns. Units that lack one of the two
        scores are left out of that comparison.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    if reference not in scores:
        raise ValueError(f"no scores of {reference!r}; there are {', '.join(map(str, scores))}")
    others = [name for name in scores if name != reference]
    differences = [_differences(scores, name, reference) for name in others]
    p_values = [_wilcoxon(difference) for difference in differences]
    return [
        Comparison(
            method=str(name),
            reference=reference,
            n=len(difference),
            mean_difference=float(difference.mean()) if len(difference) else float("nan"),
            interval=corrected_interval(difference, test_to_train or 0.0, confidence),
            effect_size=_rank_biserial(difference),
            p_value=p_value,
            p_adjusted=p_adjusted,
            n_won=int((difference > 0).sum()),
            n_lost=int((difference < 0).sum()),
        )
        for name, difference, p_value, p_adjusted in zip(
            others, differences, p_values, holm(p_values), strict=True
        )
    ]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Mean ranks of methods over tables.

    Attributes
    ----------
    mean_ranks : Series of shape (n_methods,)
        Rank 1 is the best; the best method first.
    n_tables : int
        Tables on which every method has a score: only these count.
    p_value : float
        Friedman's test that all methods are alike; NaN with fewer than three methods or tables.
    critical_difference : float
        Nemenyi's: mean ranks that differ by less are not told apart at level `alpha`.
    alpha : float
    """

    mean_ranks: pd.Series[float]
    n_tables: int
    p_value: float
    critical_difference: float
    alpha: float


def rank_methods(
    scores: pd.DataFrame, *, higher_is_better: bool = True, alpha: float = 0.05
) -> Ranking:
    """Rank methods on each table and average.

    Parameters
    ----------
    scores : DataFrame of shape (n_tables, n_methods)
        Rows with a missing score are left out.

    Notes
    -----
    Demsar (2006), "Statistical comparisons of classifiers over multiple data sets". Ties share
    their mean rank.
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


def _differences(scores: pd.DataFrame, method: object, reference: str) -> FloatArray:
    difference: FloatArray = (scores[method] - scores[reference]).dropna().to_numpy(dtype=float)
    return difference


def _wilcoxon(differences: FloatArray) -> float:
    if not differences.any():
        return 1.0
    return float(stats.wilcoxon(differences).pvalue)


def _rank_biserial(differences: FloatArray) -> float:
    kept = differences[differences != 0]
    if len(kept) == 0:
        return 0.0
    ranks = stats.rankdata(np.abs(kept))
    return float((ranks * np.sign(kept)).sum() / ranks.sum())
