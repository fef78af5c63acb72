"""The strategies, and their repeated stratified cross-validation on the same splits of one table.

Over-samplers, teachers, encoders and thresholds see training rows only. The threshold is tuned out
of fold: the training part of every inner fold is over-sampled by itself, so no synthetic row comes
from a row that it helps to score. A teacher has probabilities out of fold of its own; they are the
ones that the threshold of what learns from it is tuned on.
"""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from imblearn.over_sampling import SMOTE, SMOTEN, SMOTENC, RandomOverSampler
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.utils import check_target_type
from pandas.api.types import is_integer_dtype
from scipy.special import logit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss
from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedKFold
from threadpoolctl import threadpool_limits

from counterpoise._progress import Progress
from counterpoise._table_classifier import (
    TableClassifier,
    categorical_columns,
    probability_of,
    seeded,
)
from counterpoise.calibration import shift_priors
from counterpoise.columns._frames import as_frame
from counterpoise.comparison._scores import Costs, best_threshold, scores
from counterpoise.constraints import Relation
from counterpoise.distillation import DistilledClassifier, Teacher, kind_name

# cells of a table so small that further threads of OpenMP mostly wait, and on busy cores spin
_SMALL_TABLE = 500_000

NOTHING = "nothing"  # name of the strategy that the others are compared with
CLASS_WEIGHTS = "class weights"  # name of the strategy that changes weights and no rows
BEST_KIND = "best single kind"
SOFT_LABELS = "soft labels"
DISTILLED = "distilled"
TEACHER = "teacher"
"""Names of the strategies that need a teacher: the kind of classifier that ranks best out of fold;
the classifier on real rows with the teacher's probabilities, and on synthetic rows besides; and the
teacher itself."""

XY = tuple[pd.DataFrame, "pd.Series[Any]"]  # features and labels
FloatArray = npt.NDArray[np.float64]

Resample = Callable[[pd.DataFrame, "pd.Series[Any]", int], XY]
"""Takes training rows, their labels and a seed; returns the rows and labels to train on."""

Learn = Callable[[TableClassifier, Teacher, XY, int], Any]
"""Takes a classifier, a teacher of the real rows, these and a seed; returns what it trained."""

OWN_RECIPES = {"counterpoise": "counterpoise (true rows)", "ranking": "ranking (clear cases)"}
"""Recipes that are tried by default, the simplest first -> names of their strategies."""

N_INNER_FOLDS = 2  # of the training rows, to tune the threshold and to calibrate probabilities
_LEAST_PROBABILITY = 1e-4  # log-odds are finite


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to treat class imbalance: over-sampled rows, class weights, or a teacher."""

    name: str
    resample: Resample | None = None
    class_weight: str | None = None
    learn: Learn | None = None


def default_strategies(
    samplers: Mapping[str, Any], teacher: Teacher | None = None
) -> tuple[Strategy, ...]:
    """Return the strategies, simplest first: of equally good ones, the verdict takes the first."""
    simple: tuple[Strategy, ...] = (
        Strategy(NOTHING),
        Strategy(CLASS_WEIGHTS, class_weight="balanced"),
        Strategy("random over-sampling", Resampler(RandomOverSampler())),
        Strategy("SMOTENC", Resampler(TableSMOTENC())),
    )
    if teacher is not None:
        several = len(teacher.kinds()) > 1
        simple += tuple(
            Strategy(name, learn=learn)
            for name, learn in LEARNERS.items()
            if several or name != BEST_KIND
        )
    taken = [strategy.name for strategy in simple if strategy.name in samplers]
    if taken:
        raise ValueError(f"sampler: {taken[0]!r} is the name of another strategy; give a new one")
    ours = (Strategy(name, Resampler(sampler)) for name, sampler in samplers.items())
    return (*simple, *ours)


@dataclass
class Resampler:
    """Over-samples with a clone of `sampler`, seeded anew for each call."""

    sampler: Any
    fitted: Any = None  # by the latest call

    def __call__(self, X: pd.DataFrame, y: pd.Series[Any], seed: int) -> XY:
        self.fitted = clone(self.sampler)
        if "random_state" in self.fitted.get_params(deep=False):
            self.fitted.set_params(random_state=seed)
        X_balanced, y_balanced = self.fitted.fit_resample(X, y)
        return X_balanced.reset_index(drop=True), pd.Series(np.asarray(y_balanced), name=y.name)


def _best_kind(teacher: Teacher) -> Any:
    return teacher.kinds_[int(teacher.scores_.argmax())]


def _distill(
    model: TableClassifier, teacher: Teacher, rows: XY, seed: int, **options: Any
) -> DistilledClassifier:
    """Train a classifier on the probabilities of a teacher."""
    distilled = DistilledClassifier(model, id_columns=None, random_state=seed, **options)
    return distilled.distill(teacher, *rows)


LEARNERS: Mapping[str, Learn] = {  # name of a strategy with a teacher -> what it trains
    BEST_KIND: lambda _, teacher, rows, seed: seeded(_best_kind(teacher), seed).fit(*rows),
    SOFT_LABELS: partial(_distill, n_synthetic=0),
    DISTILLED: _distill,
    TEACHER: lambda _, teacher, *__: teacher,
}


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """The rows to train on, over-sampled or not, and the positions of those held out."""

    X: pd.DataFrame
    y: pd.Series[Any]
    held_out: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, repr=False)
class CrossValidation:
    """The scores of all strategies."""

    # one row per split, strategy and classifier: `classifier`, `strategy`, `split`; the scores at
    # 0.5, and with the suffix `_tuned` at the threshold tuned out of fold; `brier_prior` and
    # `brier_sigmoid` of probabilities recalibrated as by these methods of `RecalibratedClassifier`;
    # `mean_probability`, also `_prior` and `_sigmoid`; `cost` per 1,000 rows and `cost_at_half`
    # (threshold 0.5), if costs were given; `seconds` to over-sample, train, tune. What needs inner
    # folds is NaN in splits without any
    runs: pd.DataFrame
    positive: Any  # the class that is scored against the rest
    n_positive: int
    n_rows: int
    plan: str  # repeats and folds that were asked for: "2 x 5"
    is_complete: bool  # whether the time was enough for all splits
    n_splits: int  # that were finished
    test_to_train: float  # number of test rows over number of training rows
    failures: Mapping[str, str]  # strategy -> the first error that it raised
    warnings: tuple[str, ...]  # our own, each once
    # strategy -> training rows of the first split, the rows that it added to them, and test rows,
    # for a report; without strategies that failed or add no rows
    examples: Mapping[str, tuple[XY, XY, XY]]
    relations: Mapping[str, Sequence[Relation] | None]  # known to the samplers of these examples
    # kinds of classifiers of the teacher, the one first that was the best in most splits -> in how
    # many; without a teacher, empty
    best_kinds: Mapping[str, int]

    def __repr__(self) -> str:
        strategies, classifiers = (
            ", ".join(self.runs[name].unique()) for name in ("strategy", "classifier")
        )
        return f"<CrossValidation of {strategies} with {classifiers} on {self.n_splits} splits>"

    def table(self, classifier: str, score: str) -> pd.DataFrame:
        """Return a score by split (rows) and strategy (columns, in the order in which they ran)."""
        runs = self.runs[self.runs["classifier"] == classifier]
        strategies = list(dict.fromkeys(runs["strategy"]))
        return runs.pivot(index="split", columns="strategy", values=score)[strategies]


@dataclass
class _Split:
    """Training and test rows, and what all strategies share on them."""

    real: XY
    test: XY
    positive: Any
    n_inner: int  # folds of the training rows; 0 for no tuned threshold
    teacher: Teacher | None
    costs: Costs | None
    seed: int
    best_kind: str | None = None  # of classifiers in the teacher, once a strategy needed it

    @cached_property
    def taught(self) -> tuple[Teacher, float]:
        """A teacher of the training rows, and the seconds that it took."""
        if self.teacher is None:
            raise ValueError("the strategy needs a teacher")
        begun = time.perf_counter()
        with self._threads():
            fitted = seeded(self.teacher, self.seed).fit(*self.real)
        self.best_kind = kind_name(_best_kind(fitted))
        return fitted, time.perf_counter() - begun

    def run(
        self, strategy: Strategy, classifiers: Mapping[str, Any]
    ) -> tuple[XY, Sequence[Relation] | None, list[dict[str, Any]]]:
        """Return what a strategy trains on, relations that it found, and scores by classifier."""
        rows, folds, relations = self.real, [], None
        taught_s = 0.0 if strategy.learn is None else self.taught[1]
        begun = time.perf_counter()
        if strategy.resample is not None:
            rows = strategy.resample(*self.real, self.seed)
            found = getattr(getattr(strategy.resample, "fitted", None), "relations_", None)
            if isinstance(found, list) and all(isinstance(one, Relation) for one in found):
                relations = found  # else the attribute is another over-sampler's own
        if self.n_inner and strategy.learn is None:
            folds = resample_folds(
                *self.real, strategy.resample, n_folds=self.n_inner, random_state=self.seed
            )
        shared_s = taught_s + time.perf_counter() - begun
        share = (rows[1] == self.positive).mean()
        if strategy.class_weight == "balanced":  # as if all classes had as many rows
            share = 1 / self.real[1].nunique()
        runs = []
        with self._threads():
            for name, classifier in classifiers.items():
                begun = time.perf_counter()
                model = TableClassifier(
                    classifier, class_weight=strategy.class_weight, random_state=self.seed
                )
                if strategy.learn is None:
                    fitted = clone(model).fit(*rows)
                    out_of_fold = predict_folds(
                        partial(_fit, model), folds, self.real[0], positive=self.positive
                    )
                else:
                    teacher = self.taught[0]
                    fitted = strategy.learn(model, teacher, self.real, self.seed)
                    of_classes = teacher.out_of_fold_
                    if strategy.name == BEST_KIND:
                        of_classes = teacher.out_of_fold_of_kinds_[teacher.scores_.argmax()]
                    out_of_fold = of_classes[:, teacher.classes_ == self.positive].ravel()
                probability = probability_of(fitted, self.test[0], self.positive)
                run = self._score(probability, out_of_fold, share)
                seconds = shared_s + time.perf_counter() - begun
                runs.append(
                    {"classifier": name, "strategy": strategy.name, **run, "seconds": seconds}
                )
        return rows, relations, runs

    def _threads(self) -> threadpool_limits:
        """Return the context in which classifiers are trained: see `_SMALL_TABLE`."""
        limit = 1 if self.real[0].size <= _SMALL_TABLE else None
        return threadpool_limits(limits=limit, user_api="openmp")

    def _score(
        self, probability: FloatArray, out_of_fold: FloatArray, share: float
    ) -> dict[str, float]:
        """Score the probabilities of test rows; `share` of the rows trained on were positive."""
        y_train, y, positive = self.real[1], self.test[1], self.positive
        true_share = (y_train == positive).mean()
        both = np.column_stack([1 - probability, probability])
        shifted = shift_priors(both, [1 - share, share], [1 - true_share, true_share])[:, 1]
        run = scores(y, probability, positive=positive)
        of_methods = {"": probability, "_prior": shifted}
        if self.costs is not None:
            run["cost_at_half"] = 1000 * self.costs.of(y, probability, 0.5, positive=positive)
        if self.n_inner:
            threshold = best_threshold(y_train, out_of_fold, positive=positive)
            tuned = scores(y, probability, threshold, positive=positive)
            run |= {f"{name}_tuned": value for name, value in tuned.items()}
            of_methods["_sigmoid"] = _calibrate(out_of_fold, y_train == positive, probability)
            if self.costs is not None:
                best = best_threshold(y_train, out_of_fold, positive=positive, costs=self.costs)
                run["cost"] = 1000 * self.costs.of(y, probability, best, positive=positive)
        for method, changed in of_methods.items():
            run[f"brier{method}"] = float(brier_score_loss(y == positive, changed))
            run[f"mean_probability{method}"] = float(changed.mean())
        return run


def _fit(model: TableClassifier, fold: Fold) -> Any:
    return clone(model).fit(fold.X, fold.y)


def cross_validate(
    X: pd.DataFrame,
    y: pd.Series[Any],
    strategies: Sequence[Strategy],
    classifiers: Mapping[str, Any],
    *,
    positive: Any = None,
    n_folds: int = 5,
    n_repeats: int = 2,
    n_inner_folds: int = N_INNER_FOLDS,
    tunes_all: bool = True,
    teacher: Teacher | None = None,
    costs: Costs | None = None,
    max_time: float | None = None,
    random_state: int = 0,
    progress: Progress | None = None,
) -> CrossValidation:
    """Score every strategy with every classifier (whatever `TableClassifier` takes) on every split.

    The parameters are those of `compare`. There are at most half as many folds as the positive
    class has rows. Without `tunes_all`, only the splits of the first repeat have inner folds.
    `teacher` is cloned, and needed by strategies that `learn`. A strategy that raises an error in a
    split is left out there, and named in ``failures``. An error of the first strategy, which must
    be `NOTHING`, is raised.
    """
    X, y = X.reset_index(drop=True), y.reset_index(drop=True)
    positive, n_positive = _choose_positive(y, positive)
    if not strategies or strategies[0].name != NOTHING:
        raise ValueError(f"the first strategy must be {NOTHING!r}: the others are compared with it")
    plan, n_folds = f"{n_repeats} x {n_folds}", min(n_folds, n_positive // 2)
    splits = RepeatedStratifiedKFold(
        n_splits=n_folds, n_repeats=n_repeats, random_state=random_state
    )
    seeds = np.random.default_rng(random_state).integers(2**31, size=n_folds * n_repeats).tolist()
    runs: list[dict[str, Any]] = []
    failures: dict[str, str] = {}
    examples: dict[str, tuple[XY, XY, XY]] = {}
    relations: dict[str, Sequence[Relation] | None] = {}
    best_kinds: Counter[str] = Counter()
    n_splits, started = 0, time.perf_counter()
    total = len(seeds) * len(strategies)
    with (
        warnings.catch_warnings(record=True) as caught,
        (progress or Progress()).stage("comparing", total=total, unit="runs") as advance,
    ):
        warnings.simplefilter("always", UserWarning)
        for (train_at, test_at), seed in zip(splits.split(X, y), seeds, strict=True):
            expected_s = (time.perf_counter() - started) * (n_splits + 1) / max(n_splits, 1)
            if max_time is not None and n_splits and expected_s > max_time:
                break
            split = _Split(
                real=take_rows(X, y, train_at),
                test=take_rows(X, y, test_at),
                positive=positive,
                n_inner=n_inner_folds if tunes_all or n_splits < n_folds else 0,
                teacher=teacher,
                costs=costs,
                seed=seed,
            )
            for strategy in strategies:
                try:
                    rows, found, scored = split.run(strategy, classifiers)
                except Exception as error:
                    if strategy.name == NOTHING:
                        raise  # there is nothing to compare with: the classifier is at fault
                    failures.setdefault(strategy.name, f"{type(error).__name__}: {error}")
                else:
                    runs += [{**run, "split": n_splits} for run in scored]
                    n_real, n_rows = len(split.real[1]), len(rows[1])
                    if n_splits == 0 and n_rows > n_real:
                        added = take_rows(*rows, slice(n_real, n_rows))
                        examples[strategy.name] = split.real, added, split.test
                        relations[strategy.name] = found
                advance()
            if split.best_kind is not None:
                best_kinds[split.best_kind] += 1
            n_splits += 1
    return CrossValidation(
        runs=pd.DataFrame(runs),
        positive=positive,
        n_positive=n_positive,
        n_rows=len(y),
        plan=plan,
        is_complete=n_splits == len(seeds),
        n_splits=n_splits,
        test_to_train=1 / (n_folds - 1),
        failures=failures,
        warnings=tuple(
            dict.fromkeys(str(w.message) for w in caught if "counterpoise" in w.filename)
        ),
        examples=examples,
        relations=relations,
        best_kinds=dict(best_kinds.most_common()),
    )


def _choose_positive(y: pd.Series[Any], positive: Any) -> tuple[Any, int]:
    """Return the positive class, by default the smallest, and its number of rows."""
    counts = y.value_counts()
    if len(counts) < 2:
        raise ValueError("y must hold two classes or more")
    if positive is None:
        positive = counts.index[-1]
    positive = getattr(positive, "item", lambda: positive)()  # a plain value, for messages
    if positive not in counts.index:
        raise ValueError(f"positive must be one of {list(counts.index)}; got {positive!r}")
    n_positive = int(counts[positive])
    if n_positive < 4:
        rows = f"{n_positive} row{'' if n_positive == 1 else 's'}"
        raise ValueError(
            f"class {positive!r} has {rows}; cross-validation needs 4 or more, two to train on "
            "and two to test with"
        )
    return positive, n_positive


def _calibrate(out_of_fold: FloatArray, truth: Any, probability: FloatArray) -> FloatArray:
    """Return `probability` calibrated by a sigmoid of the log-odds, fitted out of fold."""
    known, new = (
        logit(np.clip(p, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)).reshape(-1, 1)
        for p in (out_of_fold, probability)
    )
    return np.asarray(LogisticRegression(C=1000.0).fit(known, truth).predict_proba(new)[:, 1])


def resample_folds(
    X: pd.DataFrame,
    y: pd.Series[Any],
    resample: Resample | None,
    *,
    n_folds: int = N_INNER_FOLDS,
    random_state: int = 0,
) -> list[Fold]:
    """Over-sample the training part of each inner fold, with a seed of its own."""
    counts = y.value_counts()
    if counts.min() < 2:
        raise ValueError(
            f"class {str(counts.idxmin())!r} has one row; a threshold needs two or more"
        )
    splits = StratifiedKFold(
        min(n_folds, int(counts.min())), shuffle=True, random_state=random_state
    )
    seeds = np.random.default_rng(random_state).integers(2**31, size=n_folds).tolist()
    folds = []
    for (train, held_out), seed in zip(splits.split(X, y), seeds, strict=False):
        rows = take_rows(X, y, train)
        folds.append(Fold(*(rows if resample is None else resample(*rows, seed)), held_out))
    return folds


def predict_folds(
    fit: Callable[[Fold], Any], folds: list[Fold], X: pd.DataFrame, *, positive: Any
) -> FloatArray:
    """Return each row's probability of `positive` by what `fit` trained on the other folds."""
    probability = np.full(len(X), np.nan)
    for fold in folds:
        held_out = X.iloc[fold.held_out]
        probability[fold.held_out] = probability_of(fit(fold), held_out, positive)
    return probability


def take_rows(X: pd.DataFrame, y: pd.Series[Any], rows: Any) -> XY:
    return X.iloc[rows].reset_index(drop=True), y.iloc[rows].reset_index(drop=True)


class TableSMOTENC(BaseOverSampler):  # type: ignore[misc]
    """imbalanced-learn's SMOTENC, on a DataFrame of any dtypes.

    Without a categorical column it is SMOTE, without a numeric one SMOTEN: SMOTENC is not defined
    there. Missing numbers are the median while neighbours are sought, and synthetic rows have none,
    but in columns that are missing in every row.
    A class with too few rows for `k_neighbors` has fewer (``k_neighbors_``).
    """

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        k_neighbors: int = 5,
        categorical: Sequence[Any] | None = None,
        random_state: Any = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.k_neighbors = k_neighbors
        self.categorical = categorical
        self.random_state = random_state

    def _check_X_y(self, X: Any, y: Any) -> tuple[pd.DataFrame, Any, bool]:
        y, binarize_y = check_target_type(y, indicate_one_vs_all=True)
        return as_frame(X), y, binarize_y

    def _fit_resample(self, X: pd.DataFrame, y: Any) -> tuple[pd.DataFrame, npt.NDArray[Any]]:
        labels = np.asarray(y)
        n_real = {class_: int((labels == class_).sum()) for class_ in self.sampling_strategy_}
        wanted = {
            class_: n_real[class_] + int(n) for class_, n in self.sampling_strategy_.items() if n
        }
        if not wanted:
            return X, labels
        smallest = min(wanted, key=n_real.__getitem__)
        if n_real[smallest] < 2:
            raise ValueError(
                "SMOTE interpolates between rows of a class, and class "
                f"{str(smallest)!r} has a single row; leave it out with sampling_strategy"
            )
        self.k_neighbors_ = min(self.k_neighbors, n_real[smallest] - 1)
        categories = self._categories(X)
        sampler = self._number_sampler(X.columns.isin(list(categories)))
        sampler.set_params(sampling_strategy=wanted, random_state=self.random_state)
        rows, all_labels = sampler.fit_resample(_encode(X, categories), labels)
        empty = X.columns[X.isna().all()]
        numbers = np.asarray(rows, dtype=np.float64)[len(X) :]
        synthetic = _decode(numbers, X.dtypes, categories, empty)
        return pd.concat([X, synthetic], ignore_index=True).astype(X.dtypes), all_labels

    def _number_sampler(self, is_categorical: npt.NDArray[np.bool_]) -> Any:
        """Return the over-sampler of encoded rows."""
        if not is_categorical.any():
            return SMOTE(k_neighbors=self.k_neighbors_)
        if is_categorical.all():
            return SMOTEN(k_neighbors=self.k_neighbors_)
        return SMOTENC(np.flatnonzero(is_categorical).tolist(), k_neighbors=self.k_neighbors_)

    def _categories(self, X: pd.DataFrame) -> dict[Any, pd.Index[Any]]:
        """Return the values of each categorical column; None, for missing, comes last."""
        names = self.categorical
        if names is None:
            names = categorical_columns(X, with_dates=True)
        categories = {}
        for name in names:
            # `OrdinalEncoder` cannot sort values of mixed types
            known = sorted(X[name].dropna().unique().tolist(), key=str)
            missing = [None] if X[name].isna().any() else []
            categories[name] = pd.Index([*known, *missing], dtype=object)
        return categories


def _encode(X: pd.DataFrame, categories: dict[Any, pd.Index[Any]]) -> npt.NDArray[np.float64]:
    """Return the cells as numbers: positions of categories, the median for a missing number."""
    columns = []
    for name, column in X.items():
        if name in categories:
            values = pd.Index(column.astype(object).where(column.notna(), None), dtype=object)
            columns.append(categories[name].get_indexer(values).astype(float))
        else:
            numbers = column.astype(float)
            columns.append(numbers.fillna(numbers.median()).fillna(0.0).to_numpy())
    return np.column_stack(columns)


def _decode(
    rows: npt.NDArray[np.float64],
    dtypes: pd.Series[Any],
    categories: dict[Any, pd.Index[Any]],
    empty: Collection[Any],
) -> pd.DataFrame:
    """Return the rows as a table: the nearest category, whole numbers where all were whole."""
    decoded = {}
    for numbers, (name, dtype) in zip(rows.T, dtypes.items(), strict=True):
        whole = np.rint(numbers)
        if name in categories:
            cells = pd.Series(categories[name].to_numpy()[whole.astype(int)], dtype=object)
        elif name in empty:
            cells = pd.Series(np.nan, index=range(len(numbers)))
        else:
            cells = pd.Series(whole if is_integer_dtype(dtype) else numbers)
        decoded[name] = cells.astype(dtype)
    return pd.DataFrame(decoded, columns=dtypes.index)
