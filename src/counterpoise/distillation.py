"""A classifier that learns from a teacher's probabilities, on real rows and on synthetic ones.

Over-sampling with hard labels hardly makes a classifier rank better. What does is another label:
the probability that a teacher, an ensemble of other kinds of classifiers, gives each row. The
teacher labels as many rows as are wanted, so the classifier is also trained on synthetic rows of
every class ([1]_, [2]_). What each part brings is measured in ``docs/distillation.md``.

References
----------
.. [1] Bucila, Caruana, Niculescu-Mizil, "Model compression", KDD 2006.
.. [2] Hinton, Vinyals, Dean, "Distilling the knowledge in a neural network", arXiv 1503.02531.
.. [3] Caruana et al., "Ensemble selection from libraries of models", ICML 2004.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, ClassVar

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length, check_random_state, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from counterpoise._munge import munge
from counterpoise._table_classifier import TableClassifier, seeded, weight_argument
from counterpoise.columns._frames import CallerType, as_frame, as_labels
from counterpoise.columns._unlearned import unlearned_columns
from counterpoise.errors import warn_user

FloatArray = npt.NDArray[np.float64]

_MUNGE, _GENERATED = (10, 30_000), (3, 10_000)
"""Synthetic rows per real row, and the most, of ``n_synthetic="auto"``; generating takes longer."""

_LEAST_PROBABILITY = 1e-4  # a row is no training row of a class that is less likely
_N_ROUNDS = 25  # of Caruana's selection with replacement


class Teacher(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classifiers of different kinds, averaged with weights that predict unseen rows best.

    Every kind is trained on each of the folds without a part of the rows; the mean of these
    classifiers predicts. Selection with replacement (Caruana et al., 2004) finds the weights of the
    kinds: those with the least log loss out of fold. Tables are taken as they are (text, dates,
    missing cells).

    Parameters
    ----------
    classifiers : "auto", classifier or sequence of classifiers, default="auto"
        ``"auto"``: histogram gradient boosting that learns slowly, a random forest, extra trees
        and logistic regression. A `Pipeline` gets the table as it is, any other classifier
        one-hot categories and scaled numbers.
    id_columns : "auto", list or None, default="auto"
        Columns that are ignored, with a warning; as for `LLMOverSampler`.
    n_folds : int, default=5
        Fewer where a class has fewer rows, 2 at least.
    max_rows : int, default=None
        Rows that each classifier of the ensemble is trained on, at most, drawn anew for each: of
        the smaller classes all, of the others equally many. Its probabilities are corrected for the
        shares of the classes that this changes. None is for all rows.
    random_state : int, RandomState instance or None, default=None

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    weights_ : ndarray of shape (n_kinds,)
        Of the kinds, in their order; they sum to 1.
    kinds_ : list of classifiers
        Not fitted.
    ignored_columns_ : list
    out_of_fold_ : ndarray of shape (n_rows, n_classes)
        Probabilities of the rows of the fit, by classifiers that were not trained on them. Also
        those to tune a threshold of what learns from the teacher on.
    out_of_fold_of_kinds_ : ndarray of shape (n_kinds, n_rows, n_classes)
        The same of each kind by itself.
    score_ : float
        Their PR-AUC: of the smaller of two classes, of more the mean over all classes.
    scores_ : ndarray of shape (n_kinds,)
        The same of each kind by itself.
    """

    def __init__(
        self,
        classifiers: Any = "auto",
        *,
        id_columns: Any = "auto",
        n_folds: int = 5,
        max_rows: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.classifiers = classifiers
        self.id_columns = id_columns
        self.n_folds = n_folds
        self.max_rows = max_rows
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Teacher:
        """Train every kind on every fold; `X` is any table, `y` of shape (n_rows,)."""
        frame = as_frame(X)
        self.ignored_columns_ = _identifiers(X, frame, self.id_columns)
        frame = frame.reset_index(drop=True).drop(columns=self.ignored_columns_)
        labels = np.asarray(as_labels(y))
        self.classes_, codes, n_rows = np.unique(labels, return_inverse=True, return_counts=True)
        if len(n_rows) > 1 and (n_rows > 1).sum() < 2:
            alone = self.classes_.tolist()[n_rows.argmin()]
            raise ValueError(f"class {alone!r} has a single row; a teacher needs two or more")
        weight = np.ones(len(codes)) if sample_weight is None else np.asarray(sample_weight, float)
        rng = check_random_state(self.random_state)
        n_folds = max(2, min(self.n_folds, int(n_rows.min())))
        folds = StratifiedKFold(n_folds, shuffle=True, random_state=rng.randint(2**31))
        with warnings.catch_warnings():  # of a class with a single row
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            splits = list(folds.split(frame, codes))
        self.kinds_ = kinds = self.kinds()
        found = np.zeros((len(kinds), len(codes), len(self.classes_)))
        trained: list[tuple[int, Any, FloatArray]] = []
        for which, kind in enumerate(kinds):
            for train, held_out in splits:
                model = seeded(kind, rng.randint(2**31))
                rows, stands_for = _draw(train, codes, self.max_rows, model.random_state)
                part = {} if sample_weight is None else {"sample_weight": weight[rows]}
                model.fit(frame.iloc[rows], codes[rows], **part)
                likely = self._probability(model, stands_for, frame.iloc[held_out])
                found[which, held_out] = likely
                trained.append((which, model, stands_for))
        self.weights_ = _select(found[:, np.arange(len(codes)), codes], weight)
        self.models_ = [
            (self.weights_[which], model, stands_for)
            for which, model, stands_for in trained
            if self.weights_[which]
        ]
        self.out_of_fold_of_kinds_ = found
        self.out_of_fold_ = _normalised(np.tensordot(self.weights_, found, axes=1))
        self.score_ = _pr_auc(codes, self.out_of_fold_, weight)
        self.scores_ = np.array([_pr_auc(codes, of_kind, weight) for of_kind in found])
        return self

    def kinds(self) -> list[Any]:
        """Return the kinds of classifiers, not fitted, each for tables as they are."""
        given = self.classifiers
        if isinstance(given, str) and given == "auto":
            slow = {"learning_rate": 0.05, "max_iter": 200, "max_leaf_nodes": 16}
            slow |= {"min_samples_leaf": 10, "early_stopping": False}
            forest = {"n_estimators": 200, "min_samples_leaf": 2}
            return [
                TableClassifier("hist-gradient-boosting", parameters=slow),
                TableClassifier("random-forest", parameters=forest),
                TableClassifier(ExtraTreesClassifier(**forest)),
                TableClassifier("logistic-regression"),
            ]
        several = list(given) if isinstance(given, list | tuple) else [given]
        if not several or not all(hasattr(one, "predict_proba") for one in several):
            raise ValueError(
                f"teacher must be 'auto' or classifiers with predict_proba; got {given!r}"
            )
        return [
            one if isinstance(one, TableClassifier) else TableClassifier(one) for one in several
        ]

    def predict_proba(self, X: Any) -> FloatArray:
        """Return probabilities, shape (n_rows, n_classes), columns as in `classes_`."""
        check_is_fitted(self, "models_")
        frame = as_frame(X).drop(columns=self.ignored_columns_, errors="ignore")
        each = [
            weight * self._probability(model, stands_for, frame)
            for weight, model, stands_for in self.models_
        ]
        return _normalised(np.sum(each, axis=0))

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the most probable class of each row, shape (n_rows,)."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    def _probability(self, model: Any, stands_for: FloatArray, frame: pd.DataFrame) -> FloatArray:
        """Return a column per class, 0 for one that had no row in the fold."""
        probability = np.zeros((len(frame), len(self.classes_)))
        probability[:, model.classes_] = model.predict_proba(frame)
        return _normalised(probability * stands_for) if np.ptp(stands_for) else probability


class DistilledClassifier(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier trained on a teacher's probabilities, of real rows and of synthetic ones.

    The teacher is trained on the real rows. Every row then is a training row of each class,
    weighted by the class's probability: synthetic rows by the teacher's, real ones by that of
    classifiers that were not trained on them.

    Parameters
    ----------
    classifier : scikit-learn classifier
        Trained as a clone, on tables as they came (a `Pipeline` with an encoder, where there is
        text). If it takes no `sample_weight`, each row gets one class, drawn by probability, with
        a warning.
    teacher : "auto", classifier, sequence of classifiers or Teacher, default="auto"
        What `Teacher` takes, or one with parameters of its own. It is trained on several folds.
    sampler : "munge" or over-sampler, default="munge"
        What generates the synthetic rows of every class. ``"munge"``: rows in which a real row and
        its nearest neighbour of the same class have exchanged cells [1]_, in next to no time. Or an
        over-sampler of imbalanced-learn's kind, such as
        ``LLMOverSampler(recipe="counterpoise-no-selection")``, trained as a clone.
    n_synthetic : "auto", int or mapping of classes to int, default="auto"
        Number of synthetic rows, in all or of each class. ``"auto"``: 10 per real row with
        ``"munge"``, at most 30,000; else 3, at most 10,000. 0 is for soft labels of the real
        rows alone.
    soften_real : float, default=0.5
        How far the labels of real rows give way to the teacher's probabilities, in [0, 1]: 0 keeps
        the labels as they are.
    id_columns : "auto", list or None, default="auto"
        Columns of identifiers, which neither the classifier nor the teacher gets, with a warning;
        as for `LLMOverSampler`. None leaves every column in.
    random_state : int, RandomState instance or None, default=None
        Seed of the teacher, of the synthetic rows and, unless it has one, of the sampler.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    classifier_ : classifier
        The one that was trained.
    teacher_ : Teacher
        Its `predict_proba` is often better still.
    teacher_score_ : float
        PR-AUC of the teacher, out of fold, see `Teacher`.
    sampler_ : over-sampler or None
        None if there was none to train.
    n_synthetic_ : int
    ignored_columns_ : list
        The identifiers.

    References
    ----------
    .. [1] Bucila, Caruana, Niculescu-Mizil, "Model compression", KDD 2006.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"a": rng.normal(size=200), "b": rng.normal(size=200)})
    >>> y = np.where(X["a"] + X["b"] > 1.5, "yes", "no")
    >>> model = DistilledClassifier(DecisionTreeClassifier(max_depth=5), random_state=0).fit(X, y)
    >>> model.n_synthetic_
    2000
    >>> float(model.score(X, y)) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "classifier": [HasMethods(["fit", "predict"])],
        "teacher": [StrOptions({"auto"}), HasMethods(["fit", "predict_proba"]), list, tuple],
        "sampler": [StrOptions({"munge"}), HasMethods(["fit_resample", "set_params"])],
        "n_synthetic": [StrOptions({"auto"}), Interval(Integral, 0, None, closed="left"), Mapping],
        "soften_real": [Interval(Real, 0, 1, closed="both")],
        "id_columns": ["array-like", StrOptions({"auto"}), None],
        "random_state": ["random_state"],
    }

    classes_: npt.NDArray[Any]

    def __init__(
        self,
        classifier: Any,
        *,
        teacher: Any = "auto",
        sampler: Any = "munge",
        n_synthetic: Any = "auto",
        soften_real: float = 0.5,
        id_columns: Any = "auto",
        random_state: Any = None,
    ) -> None:
        self.classifier = classifier
        self.teacher = teacher
        self.sampler = sampler
        self.n_synthetic = n_synthetic
        self.soften_real = soften_real
        self.id_columns = id_columns
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> DistilledClassifier:
        """Train the teacher, generate rows, and train the classifier.

        Parameters
        ----------
        X : DataFrame, array or list of shape (n_rows, n_features)
        y : Series, array or list of shape (n_rows,)
        sample_weight : array-like of shape (n_rows,), default=None
            Also weights the teacher's training rows and the rows that ``"munge"`` takes. Other
            samplers see every row that has a weight above 0.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter, a column or a class cannot be used.
        TypeError
            If the teacher takes no `sample_weight`, and one is given.
        """
        return self._fit(X, y, sample_weight, None)

    def distill(self, teacher: Teacher, X: Any, y: Any) -> DistilledClassifier:
        """Do what `fit` does with a teacher that was fitted on these very rows."""
        check_is_fitted(teacher, "out_of_fold_")
        return self._fit(X, y, None, teacher)

    def _fit(
        self, X: Any, y: Any, sample_weight: Any, teacher: Teacher | None
    ) -> DistilledClassifier:
        frame, labels, weight = self._check(X, y, sample_weight)
        seeds = check_random_state(self.random_state).randint(2**31, size=3)
        if teacher is None:
            given = self.teacher
            is_teacher = isinstance(given, Teacher)
            teacher = clone(given) if is_teacher else Teacher(given, id_columns=None)
            if teacher.random_state is None:
                teacher.random_state = int(seeds[0])
            teacher.fit(frame, labels, None if sample_weight is None else weight)
        self.teacher_, self.teacher_score_ = teacher, teacher.score_
        n_real, n_classes = len(labels), len(self.classes_)
        synthetic = self._generate(frame, labels, weight, seeds[1])
        self.n_synthetic_ = len(synthetic)
        whole = pd.concat([frame, synthetic], ignore_index=True).astype(frame.dtypes)
        weight = np.concatenate([weight, np.full(len(synthetic), weight.mean())])
        own = np.zeros((len(whole), n_classes))  # 1 for the class of a real row
        own[np.arange(n_real), np.searchsorted(self.classes_, labels)] = 1
        probability = (1 - self.soften_real) * own
        probability[:n_real] += self.soften_real * teacher.out_of_fold_
        if len(synthetic):
            probability[n_real:] = teacher.predict_proba(synthetic)
        self.classifier_ = clone(self.classifier)
        name = weight_argument(self.classifier_)
        if name is not None:
            # a class of a single real row is one to the classifier too, whatever the teacher says
            probability = np.maximum(probability, _LEAST_PROBABILITY * own)
            rows, classes = np.nonzero(probability >= _LEAST_PROBABILITY)
            weights = {name: weight[rows] * probability[rows, classes]}
        else:
            warn_user(
                f"{kind_name(self.classifier_)} takes no sample_weight: each row gets one "
                "class, drawn by the teacher's probability, which loses much of what it tells",
            )
            rng, weights = np.random.default_rng(seeds[2]), {}
            rows = np.arange(len(whole))
            if sample_weight is not None:
                rows = rng.choice(rows, len(rows), p=weight / weight.sum())
            below = probability[rows].cumsum(axis=1)[:, :-1] <= rng.random((len(rows), 1))
            classes = below.sum(axis=1)
            unseen = sorted(set(range(n_classes)).difference(classes.tolist()))  # it must know all
            rows = np.append(rows, own[:, unseen].argmax(axis=0))
            classes = np.append(classes, np.array(unseen, dtype=classes.dtype))
        X_train = CallerType.of(self._learned(X)).restore(whole.iloc[rows].reset_index(drop=True))
        self.classifier_.fit(X_train, self.classes_[classes], **weights)
        return self

    def _check(self, X: Any, y: Any, sample_weight: Any) -> tuple[pd.DataFrame, Any, FloatArray]:
        """Return the rows whose weight is above 0, their labels and weights."""
        self._validate_params()
        frame = self._checked_frame(X, reset=True)
        labels = as_labels(y if y is None or hasattr(y, "__len__") else np.asarray(y))
        labels = column_or_1d(labels, warn=True)
        check_consistent_length(frame, labels)
        check_classification_targets(labels)
        weight = _check_sample_weight(sample_weight, frame, dtype=np.float64)
        if (weight < 0).any():
            raise ValueError(f"sample_weight must be 0 or more; got {weight.min()}")
        self.ignored_columns_ = _identifiers(X, frame, self.id_columns)
        frame = frame.drop(columns=self.ignored_columns_)
        frame, labels, weight = frame[weight > 0], labels[weight > 0], weight[weight > 0]
        self.classes_ = np.unique(labels)
        if len(self.classes_) < 2:
            raise ValueError("y must hold two classes or more; it has one class")
        return frame.reset_index(drop=True), labels, weight

    def _checked_frame(self, X: Any, *, reset: bool) -> pd.DataFrame:
        frame = as_frame(X)
        is_named = all(isinstance(name, str) for name in frame.columns)
        is_named = is_named and CallerType.of(X).has_names
        checked = frame if is_named else np.empty(frame.shape, dtype=np.uint8)
        validate_data(self, X=checked, reset=reset, skip_check_array=True)
        if any(dtype.kind == "c" for dtype in frame.dtypes):
            raise ValueError("Complex data not supported")
        return frame

    def _generate(
        self, frame: pd.DataFrame, labels: npt.NDArray[Any], weight: FloatArray, seed: int
    ) -> pd.DataFrame:
        """Return synthetic rows of every class, and train `sampler_`, if there is one."""
        self.sampler_, is_munge = None, isinstance(self.sampler, str)
        rows_of = {class_: np.flatnonzero(labels == class_) for class_ in self.classes_.tolist()}
        given = self.n_synthetic
        if isinstance(given, str):
            per_row, most = _MUNGE if is_munge else _GENERATED
            given = min(per_row * len(labels), most)
        if not isinstance(given, Mapping):  # as large a share of each class as of the real rows
            shares = np.array([weight[rows].sum() for rows in rows_of.values()]) / weight.sum()
            ends = np.rint(given * shares.cumsum()).astype(int)
            given = dict(zip(rows_of, np.diff(ends, prepend=0).tolist(), strict=True))
        if not set(given) <= set(rows_of):
            raise ValueError(f"n_synthetic is {given}; the classes of y are {list(rows_of)}")
        # one row shows no variety, and most samplers refuse it
        given = {c: n for c, n in given.items() if len(rows_of[c]) > 1 and n}
        if not given:
            return frame[:0]
        if is_munge:
            rng = np.random.default_rng(seed)
            parts = [
                munge(frame.iloc[rows_of[c]], n, rng, weight=weight[rows_of[c]])
                for c, n in given.items()
            ]
            return pd.concat(parts, ignore_index=True)
        wanted = {c: len(rows_of[c]) + n for c, n in given.items()}
        self.sampler_ = clone(self.sampler).set_params(sampling_strategy=wanted)
        if self.sampler_.get_params(deep=False).get("random_state", 0) is None:
            self.sampler_.set_params(random_state=int(seed))
        rows, _ = self.sampler_.fit_resample(frame, pd.Series(labels))
        return as_frame(rows).iloc[len(frame) :]

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the class of each row, shape (n_rows,)."""
        return self._delegate("predict", X)

    @available_if(lambda self: hasattr(self.classifier, "predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> FloatArray:
        """Return probabilities, shape (n_rows, n_classes), columns as in `classes_`."""
        return self._delegate("predict_proba", X)

    @available_if(lambda self: hasattr(self.classifier, "decision_function"))  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> FloatArray:
        """Return the classifier's own scores."""
        return self._delegate("decision_function", X)

    def _delegate(self, method: str, X: Any) -> npt.NDArray[Any]:
        check_is_fitted(self, "classifier_")
        self._checked_frame(X, reset=False)
        return np.asarray(getattr(self.classifier_, method)(self._learned(X)))

    def _learned(self, X: Any) -> Any:
        """Return `X`, of any type, without the columns that are ignored."""
        if not self.ignored_columns_:
            return X
        if not CallerType.of(X).has_names:
            return as_frame(X).drop(columns=self.ignored_columns_).to_numpy()
        if isinstance(X, pd.DataFrame):
            return X.drop(columns=self.ignored_columns_)
        return nw.from_native(X).drop(self.ignored_columns_).to_native()

    def __sklearn_tags__(self) -> Any:
        tags, own = super().__sklearn_tags__(), get_tags(self.classifier)
        tags.input_tags, tags.classifier_tags = own.input_tags, own.classifier_tags
        tags.input_tags.sparse = False
        return tags


def probability_by(teacher: Any, X: Any, y: Any, *, n_real: int) -> FloatArray:
    """Return a teacher's probability of each row, for tools that take weights or soft labels.

    Parameters
    ----------
    teacher : "auto", classifier, sequence of classifiers or Teacher
        As for `DistilledClassifier`. It is fitted on the real rows.
    X : DataFrame, array or list of shape (n_rows, n_features)
        What `fit_resample` returned: the real rows, then the synthetic ones.
    y : Series, array or list of shape (n_rows,)
    n_real : int
        Number of real rows.

    Returns
    -------
    ndarray of shape (n_rows,)
        Of two classes, the probability of the one with fewer real rows; of more, that of the class
        that the row has. That of a real row is by classifiers that were not trained on it.

    Examples
    --------
    >>> import pandas as pd
    >>> from imblearn.over_sampling import RandomOverSampler
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = pd.DataFrame({"a": range(30)}), pd.Series(["no"] * 22 + ["yes"] * 8)
    >>> X_balanced, y_balanced = RandomOverSampler(random_state=0).fit_resample(X, y)
    >>> teacher = Teacher(LogisticRegression(), random_state=0)
    >>> p = probability_by(teacher, X_balanced, y_balanced, n_real=len(y))
    >>> p.shape, bool(p[:10].max() < 0.1), bool(p[30:].mean() > 0.5)
    ((44,), True, True)
    """
    frame, labels = as_frame(X), np.asarray(as_labels(y))
    teacher = clone(teacher) if isinstance(teacher, Teacher) else Teacher(teacher)
    if isinstance(teacher.id_columns, str) and not CallerType.of(X).has_names:
        teacher.id_columns = None
    teacher.fit(frame.iloc[:n_real], labels[:n_real])
    probability = teacher.out_of_fold_
    if len(frame) > n_real:
        probability = np.concatenate([probability, teacher.predict_proba(frame.iloc[n_real:])])
    counts = [(labels[:n_real] == class_).sum() for class_ in teacher.classes_]
    own = np.searchsorted(teacher.classes_, labels)
    which = own if len(counts) > 2 else np.full(len(labels), np.argmin(counts))
    return np.asarray(probability[np.arange(len(labels)), which])


def kind_name(kind: Any) -> str:
    """Return the name of a classifier, or of a kind of a teacher, as users know it.

    >>> [kind_name(kind) for kind in Teacher().kinds()[1:3]]
    ['random-forest', 'ExtraTreesClassifier']
    """
    given = kind.classifier if isinstance(kind, TableClassifier) else kind
    while isinstance(given, Pipeline):
        given = given.steps[-1][1]
    return given if isinstance(given, str) else type(given).__name__


def _identifiers(X: Any, frame: pd.DataFrame, id_columns: Any) -> list[Any]:
    """Return the names of columns of `X` that are not learned from; warn if they were found."""
    is_auto = isinstance(id_columns, str)
    if id_columns is None or (is_auto and not CallerType.of(X).has_names):
        return []
    names = [column.name for column in unlearned_columns(frame, id_columns=id_columns)]
    if is_auto and names:
        warn_user(
            f"columns of identifiers are ignored: {', '.join(map(repr, names))}; id_columns=None "
            "leaves them in",
        )
    return names


def _draw(
    rows: npt.NDArray[Any], codes: npt.NDArray[Any], most: int | None, seed: Any
) -> tuple[npt.NDArray[Any], FloatArray]:
    """Return at most `most` rows, fewer of large classes, and by class how many each stands for."""
    n_rows = np.bincount(codes[rows], minlength=codes.max() + 1)
    if most is None or len(rows) <= most:
        return rows, np.ones(len(n_rows))
    ascending = np.sort(n_rows)
    left = most - np.concatenate([[0], ascending.cumsum()[:-1]])
    n_most = max(2, int((left // np.arange(len(n_rows), 0, -1)).max()))
    by_class = pd.Series(rows).groupby(codes[rows])
    drawn = np.concatenate(
        [one.sample(min(len(one), n_most), random_state=seed).to_numpy() for _, one in by_class]
    )
    n_drawn = np.minimum(n_rows, n_most)
    return np.sort(drawn), np.divide(n_rows, n_drawn, out=np.ones(len(n_rows)), where=n_rows > 0)


def _select(own: FloatArray, weight: FloatArray) -> FloatArray:
    """Return weights of kinds, shape (n_kinds,), from the probability of each row's own class.

    In each round, the kind is added (again) with which the mean has the least log loss; of all
    rounds, that with the least counts.
    """
    counts, best = np.zeros(len(own)), (np.inf, np.zeros(len(own)))
    for n in range(1, _N_ROUNDS + 1):
        means = np.clip((counts @ own + own) / n, 1e-6, 1)  # (n_kinds, n_rows)
        losses = -(np.log(means) * weight).sum(axis=1) / weight.sum()
        counts[losses.argmin()] += 1
        best = min(best, (losses.min(), counts / n), key=lambda one: one[0])
    return best[1]


def _pr_auc(codes: npt.NDArray[Any], probability: FloatArray, weight: FloatArray) -> float:
    is_class = np.arange(probability.shape[1]) == codes[:, None]  # (n_rows, n_classes)
    order = is_class.sum(axis=0).argsort(kind="stable")
    scored = order[:1] if len(order) == 2 else order
    return float(
        average_precision_score(is_class[:, scored], probability[:, scored], sample_weight=weight)
    )


def _normalised(probability: FloatArray) -> FloatArray:
    return np.asarray(probability / probability.sum(axis=1, keepdims=True))
