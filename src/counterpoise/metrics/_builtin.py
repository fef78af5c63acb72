"""The metrics of this package, a function each: of diversity, of fidelity, of privacy.

What a row has in common with a training row says nothing by itself: rows of one kind resemble each
other. So privacy is compared with a *holdout*, real rows that the generator has not seen: one that
has learned nothing about single rows comes as close to these as to its training rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy.sparse.csgraph import minimum_spanning_tree
from threadpoolctl import threadpool_limits

from counterpoise.errors import needs_extra
from counterpoise.metrics._distance import FloatArray, IntArray, Rows
from counterpoise.metrics._metric import (
    MIN_HOLDOUT,
    Estimate,
    Sample,
    auc_estimate,
    register_metric,
    share_estimate,
)

_LEVELS = np.arange(1, 21) / 20
"""Shares of the rows that are in the core, in `beta_recall` and `alpha_precision`."""
_N_NEIGHBORS = 5
_N_FOLDS = 5
_MIN_LEAF = 10
_MIN_DETECTED = 2 * _MIN_LEAF  # rows of each kind with which trees can split in every fold
_WIDENED = float(np.sqrt(1 + _N_FOLDS / (_N_FOLDS - 1)))
_MAX_CATEGORIES = 254  # of a column; gradient boosting takes 255, and the rarest share the last
_NEAR_QUANTILE = 0.05  # nearer than all but this share of training rows: a near copy
_SIMILAR = 90  # similarity, in percent, from which texts are near copies


@register_metric("Distinct rows", aspect="diversity", better="higher", equal_size=False)
def distinct_row_rate(sample: Sample) -> float:
    """Share of distinct rows among all rows."""
    return len(set(sample.keys)) / len(sample)


@register_metric("Entropy of the columns", aspect="diversity", better="higher")
def column_entropy(sample: Sample) -> FloatArray:
    """Mean over the columns of how evenly values are used, in nats; numbers in bins."""
    return np.array([entropy(column) for column in sample.bins.T])


@register_metric("Entropy of the rows", aspect="diversity", better="higher")
def joint_entropy(sample: Sample) -> float:
    """Variety of whole rows, in nats, given the strongest dependences between columns.

    Of at most 64 columns, evenly spaced.
    """
    return chow_liu_entropy(sample.bins[:, sample.real.paired_columns])


@register_metric("Values covered", aspect="diversity", better="higher")
def support_coverage(sample: Sample) -> FloatArray:
    """Share of a column's real values (bins, for numbers) that occur; mean over columns."""
    columns = zip(sample.real.bins.T, sample.bins.T, strict=True)
    return np.array([np.isin(np.unique(real), bins).mean() for real, bins in columns])


@register_metric("Coverage", aspect="diversity", better="higher")
def coverage(sample: Sample, k: int = _N_NEIGHBORS) -> float:
    """Share of the training rows that have a synthetic row in their neighbourhood.

    Of as many rows as there are real ones, drawn alike, ``1 - 2**-k`` is expected.
    """
    return float((sample.to_real.min(axis=1) <= sample.real.radii(k)).mean())


@register_metric("Density", aspect="diversity", better="real")
def density(sample: Sample, k: int = _N_NEIGHBORS) -> float:
    """Neighbourhoods of training rows that a row lies in; about 1 for real rows, more is crowding.

    The mean number of balls that a row lies in, divided by `k`; the ball around each real row
    reaches to its `k`-th nearest other real row (Naeem et al., ICML 2020).
    """
    within = sample.to_real <= sample.real.radii(k)[:, None]
    return float(within.sum(axis=0).mean() / min(k, len(sample.real) - 1))


@register_metric("Beta-recall", aspect="diversity", better="higher")
def beta_recall(sample: Sample, k: int = _N_NEIGHBORS) -> float:
    """How evenly the core of the rows covers the training rows, in 0 to 1.

    For a share b, the core is the b most central rows of the sample, and the recall R(b) is the
    share of real rows in whose ball (see `density`) the nearest row lies and is in the core. The
    metric is ``1 - sum |R(b) - b| / sum b`` over b = 1/20, ..., 1.

    NOTE[DIFF]: Alaa et al. ("How faithful is your synthetic data?", ICML 2022) go by the distance
    from the centre of an embedding; here it is the mean distance to the other rows.
    """
    is_covered = sample.to_real.min(axis=1) <= sample.real.radii(k)
    centrality = sample.centrality[sample.to_real.argmin(axis=1)]
    cores = np.quantile(sample.centrality, _LEVELS)
    return _nearness_to_levels([(is_covered & (centrality <= core)).mean() for core in cores])


def _nearness_to_levels(shares: list[float]) -> float:
    return float(1 - np.abs(shares - _LEVELS).sum() / _LEVELS.sum())


@register_metric("Distance between rows", aspect="diversity", better="real")
def mean_pairwise_distance(sample: Sample) -> float:
    """Mean distance between two rows, in 0 to 1; below real rows: too alike, above: noise."""
    off_diagonal = ~np.eye(len(sample), dtype=bool)
    return float(sample.distances[off_diagonal].mean(dtype=np.float64))


@register_metric("Sub-groups covered", aspect="diversity", better="higher")
def subgroup_coverage(sample: Sample) -> float:
    """Share of the training rows' clusters that get at least half of their share.

    A row belongs to the cluster of the real row nearest to it, see `Sample.groups`.
    """
    real = sample.real.groups
    n_real = np.bincount(real)
    n_rows = np.bincount(real[sample.to_real.argmin(axis=0)], minlength=len(n_real))
    return float((n_rows / len(sample) >= n_real / len(real) / 2).mean())


def entropy(codes: IntArray) -> float:
    """Entropy, in nats, of what codes were drawn from, corrected as by Miller and Madow."""
    counts = np.bincount(codes)
    counts = counts[counts > 0]
    shares = counts / len(codes)
    return float(-(shares * np.log(shares)).sum() + (len(counts) - 1) / (2 * len(codes)))


def chow_liu_entropy(bins: IntArray) -> float:
    """Entropy of the closest distribution whose dependences form a tree over the columns.

    An upper bound of the joint entropy that few rows suffice for. Chow and Liu, IEEE Transactions
    on Information Theory 14 (1968).
    """
    entropies = np.array([entropy(column) for column in bins.T])
    information = np.zeros((len(entropies), len(entropies)))
    for one in range(len(entropies)):
        n_values = int(bins[:, one].max()) + 1
        for other in range(one):
            joint = entropy(bins[:, one] + n_values * bins[:, other])
            information[one, other] = max(0.0, entropies[one] + entropies[other] - joint)
    # the heaviest tree; pairs without information may be left out of it, as they add nothing
    return float(entropies.sum() + minimum_spanning_tree(-information).sum())


@register_metric("Distance of the columns", aspect="fidelity", better="lower")
def marginal_distance(sample: Sample) -> FloatArray:
    """Largest difference of a column's distribution, in 0 to 1; mean over the columns.

    Kolmogorov and Smirnov's of numbers, the total variation of categories; missing is a value.
    """
    real, rows = sample.real.rows, sample.rows
    found = list(map(_kolmogorov_smirnov, real.numbers.T, rows.numbers.T))
    found += list(map(_total_variation, real.codes.T, rows.codes.T))
    return np.array(found)


@register_metric("Error of the associations", aspect="fidelity", better="lower")
def association_error(sample: Sample) -> float:
    """Difference in how strongly two columns are associated, in 0 to 1; mean over pairs.

    Over all pairs of columns (of at most 64, evenly spaced); 0 where there is one column.
    """
    differences = sample.real.associations - sample.associations
    if len(differences) < 2:
        return 0.0
    return float(np.abs(differences)[np.tril_indices(len(differences), -1)].mean())


@register_metric("Alpha-precision", aspect="fidelity", better="higher")
def alpha_precision(sample: Sample) -> float:
    """How well the rows fill the core of the training rows, in 0 to 1.

    For a share a, the core is where a row is as central as the a most central real rows, and the
    precision P(a) is the share of the sample's rows in the core. The metric is
    ``1 - sum |P(a) - a| / sum a`` over a = 1/20, ..., 1: low both where rows fall outside and
    where they crowd in the middle. NOTE[DIFF]: as in `beta_recall`.
    """
    cores = np.quantile(sample.real.centrality, _LEVELS)
    centrality = sample.to_real.mean(axis=0, dtype=np.float64)
    return _nearness_to_levels([(centrality <= core).mean() for core in cores])


@register_metric(
    "Detection AUC", aspect="fidelity", better="real", equal_size=False, min_rows=_MIN_DETECTED
)
def detection_auc(sample: Sample) -> Estimate:
    """How well gradient boosting tells the rows from real ones, as ROC AUC; 0.5 is guessing.

    The real rows are held-out ones, where there are at least 20, and else training rows (below 0.5
    is then a sign of copies). Equal numbers of both are used, and at most 64 columns, evenly
    spaced. Every row is scored by a classifier that has not seen it: five-fold cross-validation.

    Interval: DeLong's, one and a half times as wide, which is the correction of Nadeau and Bengio
    (Machine Learning 52, 2003) for classifiers that learn from overlapping rows.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold

    has_holdout = sample.holdout is not None and len(sample.holdout) >= _MIN_DETECTED
    real = sample.holdout if has_holdout else sample.real.rows
    assert real is not None
    n = min(len(real), len(sample))
    parts = [
        rows.take(sample.rng.choice(len(rows), n, replace=False)) for rows in (real, sample.rows)
    ]
    X, is_categorical = _features(parts, sample.real.paired_columns, sample.rng)
    y = np.repeat([0, 1], n)
    seed = int(sample.rng.integers(2**31))
    folds = StratifiedKFold(_N_FOLDS, shuffle=True, random_state=seed)
    scores = np.empty(len(y))
    with threadpool_limits(limits=1, user_api="openmp"):  # more threads mostly wait
        for train, test in folds.split(X, y):
            known = ~np.isnan(X[train]).all(axis=0)
            classifier = HistGradientBoostingClassifier(
                min_samples_leaf=_MIN_LEAF,
                categorical_features=is_categorical[known],
                random_state=seed,
            )
            classifier.fit(X[np.ix_(train, known)], y[train])
            scores[test] = classifier.predict_proba(X[np.ix_(test, known)])[:, 1]
    return auc_estimate(scores[y == 1], scores[y == 0], widened=_WIDENED)


def _features(
    parts: list[Rows], columns: IntArray, rng: np.random.Generator
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Return the cells of some columns as numbers, NaN where missing; and which are categories."""
    n_ordered = parts[0].numbers.shape[1]
    is_categorical = columns >= n_ordered
    features = list(np.vstack([part.numbers for part in parts]).T[columns[~is_categorical]])
    codes = np.vstack([part.codes for part in parts]).T[columns[is_categorical] - n_ordered]
    for column in codes:
        # of equally frequent ones, chance keeps some: in order of first use, real rows' would be
        values, counts = np.unique(column[column >= 0], return_counts=True)
        mixed = rng.permutation(len(values))
        ranks = np.empty(len(values) + 1)
        ranks[mixed[np.argsort(-counts[mixed], kind="stable")]] = np.arange(len(values))
        ranks[-1] = np.nan
        at = np.where(column >= 0, np.searchsorted(values, column), -1)
        features.append(np.minimum(ranks[at], _MAX_CATEGORIES))
    return np.column_stack(features), is_categorical


def _kolmogorov_smirnov(real: FloatArray, numbers: FloatArray) -> float:
    """Own code: scipy's also computes a p-value, which takes ten times as long."""
    parts = [np.sort(np.where(np.isnan(part), -np.inf, part)) for part in (real, numbers)]
    values = np.concatenate(parts)
    shares = [np.searchsorted(part, values, side="right") / len(part) for part in parts]
    return float(np.abs(shares[0] - shares[1]).max())


def _total_variation(real: IntArray, codes: IntArray) -> float:
    n_values = int(max(real.max(), codes.max())) + 2
    shares = [np.bincount(part + 1, minlength=n_values) / len(part) for part in (real, codes)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


_privacy_metric = partial(register_metric, aspect="privacy", better="lower", equal_size=False)


@_privacy_metric(
    "Exact copies",
    among_training=True,
    warning="{value:.1%} of the synthetic rows equal a training row in every cell; of real rows "
    "that the generator has not seen, {real:.1%} do.",
)
def exact_copies(sample: Sample) -> Estimate:
    """Share of the rows that equal a training row in every cell.

    Numbers are compared to the column's decimals. Interval: Wilson's.
    """
    n_rows = Counter(sample.real.keys)
    n_own = int(sample is sample.real)  # a training row is no copy of itself
    return share_estimate(sum(n_rows[key] > n_own for key in sample.keys), len(sample))


@_privacy_metric(
    "Near copies",
    among_training=True,
    warning="{value:.1%} of the synthetic rows are nearly equal to a training row; of real rows "
    "that the generator has not seen, {real:.1%} are.",
)
def near_copies(sample: Sample) -> Estimate:
    """Share of the rows nearer to a training row than 95 % of training rows are to each other.

    About 5 % is expected of real rows. Exact copies count. Interval: Wilson's.
    """
    radius = float(np.quantile(sample.real.radii(1), _NEAR_QUANTILE))
    nearest = sample.to_real.min(axis=0)
    return share_estimate(int(((nearest < radius) | (nearest == 0)).sum()), len(nearest))


@_privacy_metric(
    "Closer to training than to held-out rows",
    min_holdout=MIN_HOLDOUT,
    chance=0.5,
    warning="{value:.1%} of the synthetic rows are closer to a training row than to a held-out "
    "one; without leakage half of them would be.",
)
def closer_to_training(sample: Sample) -> Estimate:
    """Share of the rows closer to a training row than to a held-out one; 0.5 without leakage.

    As if there were as many of both: of n training and h held-out rows, the share p is converted to
    ``(p / n) / (p / n + (1 - p) / h)``. A tie counts ``n / (n + h)``.

    Interval: Wilson's of the share, converted alike, of ``(sum c)**2 / sum c**2`` observations for
    real rows that are the closest of c rows each. So it allows for the chance in which real rows
    were held out, which is the larger part where they are few.
    """
    n_train, n_holdout = len(sample.real), len(sample.to_holdout)
    chance = n_train / (n_train + n_holdout)
    to_train, to_holdout = sample.to_real.min(axis=0), sample.to_holdout.min(axis=0)
    closer = np.where(to_train == to_holdout, chance, (to_train < to_holdout).astype(float))
    closest_held_out = n_train + sample.to_holdout.argmin(axis=0)
    closest = np.where(to_train <= to_holdout, sample.to_real.argmin(axis=0), closest_held_out)
    sizes = np.bincount(closest).astype(float)
    n_effective = float(len(sample) ** 2 / (sizes @ sizes))
    found = share_estimate(float(closer.mean()) * n_effective, n_effective)
    assert found.interval is not None

    def as_if_equal(share: float) -> float:
        return share * (1 - chance) / (share * (1 - chance) + (1 - share) * chance)

    value, low, high = map(as_if_equal, (found.value, *found.interval))
    return Estimate(value, (low, high))


@_privacy_metric(
    "Membership inference",
    min_holdout=MIN_HOLDOUT,
    chance=0.5,
    warning="An attacker who sees the synthetic rows can tell training rows from held-out ones, "
    "with an area under the ROC curve of {value:.2f}.",
)
def membership_inference(sample: Sample) -> Estimate:
    """How well an attacker tells training rows from held-out ones, as ROC AUC; 0.5 is guessing.

    The attacker takes a real row for a training row the sooner, the closer a synthetic row is to
    it. A value near 0.5 does not prove that no better attack succeeds. Interval: DeLong's.
    """
    return auc_estimate(-sample.to_real.min(axis=1), -sample.to_holdout.min(axis=1))


@_privacy_metric(
    "Near copies of texts",
    warning="{value:.1%} of the texts in column {column!r} nearly equal the text of a training "
    "row.",
)
def text_near_copies(sample: Sample) -> dict[Hashable, Estimate]:
    """Share of the texts that are at least 90 % similar to a training row's; highest column.

    By a normalised insertion-deletion similarity; missing cells are left out. Interval: Wilson's.
    """
    found = {}
    for at, column in enumerate(sample.rows.columns):
        if not column.is_text:
            continue
        message = "Comparing texts needs the package rapidfuzz: run `pip install rapidfuzz`."
        with needs_extra("text", message):
            from rapidfuzz import fuzz, process
        known, texts = set(_texts(sample.real.rows, at)), _texts(sample.rows, at)
        if known and texts:
            nearest = partial(
                process.extractOne, choices=known, scorer=fuzz.ratio, score_cutoff=_SIMILAR
            )
            n_similar = sum(text in known or nearest(text) is not None for text in texts)
            found[column.name] = share_estimate(n_similar, len(texts))
    return found


def _texts(rows: Rows, at: int) -> list[str]:
    at -= rows.numbers.shape[1]
    codes = rows.codes[:, at]
    return [str(rows.values[at][code]) for code in codes[codes >= 0]]
