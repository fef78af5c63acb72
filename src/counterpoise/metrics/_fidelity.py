"""Whether synthetic rows could be real ones: marginals, associations, and who can tell them apart.

Each measure takes a frame of real rows and one of synthetic rows (or, where its name ends in
`_of`, a :class:`~counterpoise.metrics._reference.Comparison` of them).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold

from counterpoise.columns._schema import Schema
from counterpoise.metrics._distance import FloatArray, IntArray, Rows, column_order, encode
from counterpoise.metrics._intervals import (
    Interval,
    auc_with_interval,
    binomial_p_value,
    share_with_interval,
)
from counterpoise.metrics._reference import Comparison, compare

# How strongly each two columns of a table go together, whatever their kinds.


def association_matrix(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    """Strength of the association of each pair of columns.

    - Two numbers: Spearman's rank correlation, in [-1, 1], of the rows that have both.
    - Two categories: Cramer's V, in [0, 1]; a missing cell is a category.
    - A number and a category: the correlation ratio of the number's ranks, in [0, 1].

    Where a column is constant there is no association to speak of, and the value is 0.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        At least one row.
    schema : Schema
        What the columns are.

    Returns
    -------
    DataFrame of shape (n_columns, n_columns)
        Symmetric, 1 on the diagonal, rows and columns named and ordered as the schema.
    """
    matrix = associations_of(encode(schema, [frame])[0])
    names = pd.Index([column.name for column in column_order(schema)], tupleize_cols=False)
    order = pd.Index([column.name for column in schema], tupleize_cols=False)
    positions = names.get_indexer(order)
    return pd.DataFrame(matrix[np.ix_(positions, positions)], index=order, columns=order)


def associations_of(rows: Rows) -> FloatArray:
    """As :func:`association_matrix`, with the columns in the order of `column_order`."""
    numbers = rows.numbers
    n_numeric, n_columns = numbers.shape[1], len(rows.schema)
    categories = [np.unique(codes, return_inverse=True)[1] for codes in rows.codes.T]
    matrix = np.eye(n_columns)
    for one in range(n_columns):
        for other in range(one):
            if one < n_numeric:
                value = _spearman(numbers[:, one], numbers[:, other])
            elif other < n_numeric:
                value = _correlation_ratio(numbers[:, other], categories[one - n_numeric])
            else:
                value = _cramers_v(categories[one - n_numeric], categories[other - n_numeric])
            matrix[one, other] = matrix[other, one] = value
    return matrix


def _spearman(one: FloatArray, other: FloatArray) -> float:
    known = ~(np.isnan(one) | np.isnan(other))
    if known.sum() < 2:
        return 0.0
    x, y = (stats.rankdata(column[known]) for column in (one, other))
    x, y = x - x.mean(), y - y.mean()
    spread = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / spread) if spread > 0 else 0.0


def _correlation_ratio(numbers: FloatArray, categories: FloatArray) -> float:
    known = ~np.isnan(numbers)
    if known.sum() < 2:
        return 0.0
    ranks = stats.rankdata(numbers[known])
    ranks -= ranks.mean()
    of = categories[known]
    counts = np.bincount(of)
    sums = np.bincount(of, weights=ranks)
    between = (sums[counts > 0] ** 2 / counts[counts > 0]).sum()
    within = ranks @ ranks
    return float(np.sqrt(min(1.0, between / within))) if within > 0 else 0.0


def _cramers_v(one: FloatArray, other: FloatArray) -> float:
    n_one, n_other = int(one.max()) + 1, int(other.max()) + 1
    smaller = min(n_one, n_other) - 1
    if smaller == 0:
        return 0.0
    table = np.bincount(one * n_other + other, minlength=n_one * n_other).reshape(n_one, n_other)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / len(one)
    chi_squared = ((table - expected) ** 2 / expected).sum()
    return float(np.sqrt(min(1.0, chi_squared / (len(one) * smaller))))


N_LEVELS = 20


def marginal_distances(
    real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema
) -> pd.Series[float]:
    """How far each synthetic column's distribution is from the real one's, in [0, 1], by name.

    Categories: the total variation distance, half the sum of the differences of their shares; a
    missing cell is a category. Numbers: the Kolmogorov-Smirnov distance, the largest difference of
    the two distribution functions; a missing cell counts as smaller than any number.
    """
    real_rows, sample = encode(schema, [real], [synthetic])
    names = [column.name for column in column_order(schema)]
    return pd.Series(marginal_distances_of(real_rows, sample), index=names, dtype=float)


def association_error(real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema) -> float:
    """Mean absolute difference between real and synthetic associations of two columns.

    Over all pairs of columns, of the values of
    :func:`counterpoise.metrics._fidelity.association_matrix`; 0 where there is one column.
    """
    real_rows, sample = encode(schema, [real], [synthetic])
    return association_error_of(associations_of(real_rows), sample)


def alpha_precision(real: pd.DataFrame, synthetic: pd.DataFrame, schema: Schema) -> float:
    """How well the synthetic rows fill the core of the real ones, in [0, 1] [1]_.

    For a share a, the core is where a row is as central as the a most central real rows, and the
    precision P(a) is the share of synthetic rows in the core. The measure is
    ``1 - sum |P(a) - a| / sum a`` over a = 1/20, ..., 1: low both where rows fall outside and
    where they crowd in the middle.

    NOTE[DIFF]: [1]_ measures how central a row is by its distance from the centre of an
    embedding. Rows of mixed types have no centre: here it is the mean distance to the real rows.

    References
    ----------
    .. [1] Alaa et al., "How faithful is your synthetic data?", ICML 2022.
    """
    return alpha_precision_of(compare(real, synthetic, schema))


def alpha_precision_of(comparison: Comparison) -> float:
    """As :func:`alpha_precision`."""
    levels = np.arange(1, N_LEVELS + 1) / N_LEVELS
    cores = np.quantile(comparison.real.eccentricities(), levels)
    eccentricities = comparison.to_real.mean(axis=0, dtype=np.float64)
    curve = np.array([(eccentricities <= core).mean() for core in cores])
    return float(1 - np.abs(curve - levels).sum() / levels.sum())


def association_error_of(real: FloatArray, sample: Rows) -> float:
    """As :func:`association_error`, given the associations of the real rows."""
    pairs = np.tril_indices(len(real), -1)
    if not len(pairs[0]):
        return 0.0
    return float(np.abs(real - associations_of(sample))[pairs].mean())


def marginal_distances_of(real: Rows, sample: Rows) -> FloatArray:
    """As :func:`marginal_distances`, in the order of `column_order`."""
    numeric = [
        _kolmogorov_smirnov(real.numbers[:, at], sample.numbers[:, at])
        for at in range(real.numbers.shape[1])
    ]
    others = [
        _total_variation(real.codes[:, at] + 1, sample.codes[:, at] + 1)
        for at in range(real.codes.shape[1])
    ]
    return np.array(numeric + others)


def _kolmogorov_smirnov(real: FloatArray, sample: FloatArray) -> float:
    one, other = (np.sort(np.where(np.isnan(part), -np.inf, part)) for part in (real, sample))
    values = np.concatenate([one, other])
    shares = [np.searchsorted(part, values, side="right") / len(part) for part in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max())


def _total_variation(real: IntArray, sample: IntArray) -> float:
    n_values = int(max(real.max(), sample.max())) + 1
    shares = [np.bincount(part, minlength=n_values) / len(part) for part in (real, sample)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


# Whether a classifier can tell synthetic rows from real ones.


SMALLEST_SAMPLE = 10
"""Rows of each kind below which there is nothing to learn from."""
_N_FOLDS = 5
_N_TREES = 50
_WIDENED = float(np.sqrt(1 + _N_FOLDS / (_N_FOLDS - 1)))
_MOST_CATEGORIES = 30
"""Categories of a column that get an indicator each; rarer ones share one."""


@dataclass(frozen=True, slots=True)
class Detection:
    """How well a classifier tells synthetic rows from real ones.

    Attributes
    ----------
    value : float
        The accuracy or the area under the ROC curve, in [0, 1]; 0.5 is guessing.
    interval : tuple of two floats
        95 % interval of the value.
    p_value : float or None
        Probability of so high an accuracy if the rows could not be told apart.
    n : int
        Rows that were classified.
    """

    value: float
    interval: Interval
    p_value: float | None
    n: int


def classifier_two_sample_test(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: Schema,
    *,
    rng: np.random.Generator | None = None,
) -> Detection:
    """Test whether real and synthetic rows can come from one distribution [1]_.

    A random forest learns on half of the rows to tell the two apart; its accuracy on the other
    half is the value. Equal numbers of both are used. If the two come from one distribution, each
    row of the second half is classified rightly with probability 1/2, which gives an exact
    binomial test. Interval: Wilson's.

    Parameters
    ----------
    real, synthetic : DataFrame of shape (n_real, n_columns), (n_synthetic, n_columns)
        At least ten rows each.
    schema : Schema
        What the columns are.
    rng : numpy.random.Generator, default=None
        Draws the halves and the forest; None starts one from 0.

    References
    ----------
    .. [1] Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", ICLR 2017.
    """
    rows = encode(schema, [real], [synthetic])
    return two_sample_test_of(rows[0], rows[1], rng or np.random.default_rng(0))


def detection_auc(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: Schema,
    *,
    rng: np.random.Generator | None = None,
) -> Detection:
    """Area under the ROC curve of a classifier that tells synthetic rows from real ones.

    Of a random forest, by five-fold stratified cross-validation: every row is scored by a forest
    that has not seen it. Equal numbers of both are used. 0.5: cannot be told apart; 1: always.
    Values below 0.5 are a sign of copies: a copy is classified as its original in the other
    folds. Interval: DeLong's, one and a half times as wide, which is Nadeau and Bengio's correction
    [1]_ for five folds: forests that learn from overlapping rows make their errors together.

    Parameters
    ----------
    real, synthetic, schema, rng
        As in :func:`classifier_two_sample_test`.

    References
    ----------
    .. [1] Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52
       (2003).
    """
    rows = encode(schema, [real], [synthetic])
    return detection_auc_of(rows[0], rows[1], rng or np.random.default_rng(0))


def two_sample_test_of(real: Rows, sample: Rows, rng: np.random.Generator) -> Detection:
    """As :func:`classifier_two_sample_test`."""
    X, y = _balanced(real, sample, rng)
    n_learned = len(y) // 4  # of each kind
    learned = np.concatenate([rng.permutation(np.flatnonzero(y == k))[:n_learned] for k in (0, 1)])
    is_learned = np.zeros(len(y), dtype=bool)
    is_learned[learned] = True
    scores = _scores(X[is_learned], y[is_learned], X[~is_learned], rng)
    n = int((~is_learned).sum())
    # a score of exactly one half is decided by lot, so that guessing is right half the time
    decided = scores + rng.choice([-1e-9, 1e-9], n) > 0.5
    n_right = int((decided == (y[~is_learned] == 1)).sum())
    value, interval = share_with_interval(n_right, n)
    return Detection(value, interval, binomial_p_value(n_right, n), n)


def detection_auc_of(real: Rows, sample: Rows, rng: np.random.Generator) -> Detection:
    """As :func:`detection_auc`."""
    X, y = _balanced(real, sample, rng)
    folds = StratifiedKFold(_N_FOLDS, shuffle=True, random_state=int(rng.integers(2**31)))
    scores = np.empty(len(y))
    for learned, scored in folds.split(X, y):
        scores[scored] = _scores(X[learned], y[learned], X[scored], rng)
    value, interval = auc_with_interval(scores[y == 1], scores[y == 0], widened=_WIDENED)
    return Detection(value, interval, None, len(y))


def _balanced(real: Rows, sample: Rows, rng: np.random.Generator) -> tuple[FloatArray, IntArray]:
    """Draw as many real as synthetic rows; features and 1 for synthetic."""
    n = min(len(real), len(sample))
    if n < SMALLEST_SAMPLE:
        raise ValueError(
            f"at least {SMALLEST_SAMPLE} real and as many synthetic rows are needed to train a "
            f"classifier on; got {len(real)} and {len(sample)}"
        )
    parts = [rows.take(rng.choice(len(rows), n, replace=False)) for rows in (real, sample)]
    X = _features(parts[0], parts[1])
    return X, np.repeat(np.array([0, 1], dtype=np.int64), n)


def _features(real: Rows, sample: Rows) -> FloatArray:
    """Ranks of numbers (NaN where missing, which a forest splits on), an indicator a category."""
    numbers = np.vstack([real.positions, sample.positions])
    codes = np.vstack([real.codes, sample.codes])
    indicators = []
    for column in codes.T:
        values, counts = np.unique(column, return_counts=True)
        common = values[np.argsort(-counts, kind="stable")[:_MOST_CATEGORIES]]
        indicators.append(column[:, None] == common[None, :])
    return np.hstack([numbers, *indicators]).astype(np.float32)


def _scores(
    X: FloatArray, y: IntArray, X_scored: FloatArray, rng: np.random.Generator
) -> FloatArray:
    forest = RandomForestClassifier(
        _N_TREES, min_samples_leaf=2, random_state=int(rng.integers(2**31))
    )
    scores: FloatArray = forest.fit(X, y).predict_proba(X_scored)[:, 1]
    return scores
