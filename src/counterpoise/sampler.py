"""The over-sampler: scikit-learn and imbalanced-learn conventions around the engine."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import pandas as pd
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.utils import check_target_type
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from sklearn_compat.utils.validation import validate_data

from counterpoise._progress import make_progress
from counterpoise.columns._frames import CallerTypes, as_frame, as_labels
from counterpoise.columns._table import Table
from counterpoise.constraints._base import Demands, Rules, check_constraints, prepare
from counterpoise.constraints._warnings import check_class_size
from counterpoise.generation._condition import Fixed, read_fixed
from counterpoise.generation._decoding import Sampling
from counterpoise.generation._filling import RowSampler, fill, label_code
from counterpoise.generation._free_decoding import share_by_fate
from counterpoise.generation._generator import RowGenerator
from counterpoise.generation._rejection_sampling import RejectionStats
from counterpoise.models._device import Device, resolve_device
from counterpoise.models._registry import Backbone, load_backbone
from counterpoise.persistence._sampler import Storable
from counterpoise.recipes._base import AS_RECIPE, CHANGEABLE, CHOICES, Recipe, as_recipe
from counterpoise.training._auto_model import Fit, choose_backbone
from counterpoise.training._checkpoint import Checkpoint, fingerprint, read_facts
from counterpoise.training._fit import TrainingLength, fit_generator
from counterpoise.training._runtime_estimate import TimeBudget, warn_about_stopped_training

if TYPE_CHECKING:
    from counterpoise.report._document import Report


# What each parameter of the over-sampler may be, as scikit-learn checks it.


PARAMETER_CONSTRAINTS: Final[dict[str, Any]] = {
    "model": [str],
    "recipe": [str, Recipe],
    "serialization": [StrOptions({AS_RECIPE, *CHOICES["serialization"]})],
    "decoding": [StrOptions({AS_RECIPE, *CHOICES["decoding"]})],
    "interpolation": [StrOptions({AS_RECIPE, "smotenc"}), None],
    "permutation": [StrOptions({AS_RECIPE, *CHOICES["permutation"]})],
    "condition": [StrOptions({AS_RECIPE, *CHOICES["condition"]})],
    "selection": [StrOptions({AS_RECIPE, "classifier"}), None],
    "refinement": [StrOptions({AS_RECIPE, "auto", "always"}), None],
    "train_on": [StrOptions({AS_RECIPE, *CHOICES["train_on"]})],
    "epochs": [Interval(Integral, 1, None, closed="left"), StrOptions({AS_RECIPE, "auto"})],
    "max_samples_seen": [Interval(Integral, 1, None, closed="left"), None],
    "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "learning_rate": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
    "validation_fraction": [
        Interval(Real, 0, 1, closed="left"),
        StrOptions({AS_RECIPE, "auto"}),
    ],
    "patience": [Interval(Integral, 1, None, closed="left")],
    "temperature": [Interval(Real, 0, None, closed="neither"), StrOptions({AS_RECIPE})],
    "top_p": [Interval(Real, 0, 1, closed="right")],
    "generation_batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "lora_rank": [Interval(Integral, 1, None, closed="left"), None],
    "n_layers": [Interval(Integral, 1, None, closed="left"), None],
    "column_kinds": [dict, None],
    "range_margin": [Interval(Real, 0, None, closed="left")],
    "ranges": [dict, None],
    "categories": [dict, None],
    "fixed_combinations": ["array-like", None],
    "inequalities": ["array-like", None],
    "allow_copies": ["boolean"],
    "device": [str],
    "precision": [StrOptions({"auto", "float32", "bfloat16"})],
    "max_time": [Interval(Real, 0, None, closed="neither"), None],
    "checkpoint_dir": [str, PathLike, None],
    "random_state": ["random_state"],
    "verbose": ["boolean"],
}


# Further rows from a sampler that has been fitted, without training again.


class MoreRows:
    """The part of an over-sampler that writes rows on request."""

    generator_: RowGenerator
    _rng: np.random.Generator
    _rules: Rules
    _caller_types: CallerTypes

    def _row_sampler(self) -> RowSampler:
        raise NotImplementedError

    def sample(
        self,
        n: int,
        *,
        class_: Any = None,
        condition: Mapping[Any, Any] | None = None,
        random_state: Any = None,
    ) -> tuple[Any, Any]:
        """Write more rows without training again.

        Parameters
        ----------
        n : int
            How many.
        class_ : object, optional
            Their class; may be omitted if the model was trained on a single one. The model knows
            the classes it was trained on: with ``train_on="all"``, all of them.
        condition : mapping, optional
            Values that all the rows have: column name -> value. They take the place of the
            conditions that are otherwise drawn.
        random_state : int, RandomState instance or None
            Seed of these rows; None continues the stream of the fit, so that repeated calls
            write different rows.

        Returns
        -------
        X : DataFrame or ndarray of shape (n, n_features)
            As the X of the fit.
        y : Series or ndarray of shape (n,)
            As the y of the fit.

        Raises
        ------
        ValueError
            If the class was not trained on, or the condition names an unknown column or a value
            outside the column's domain.
        """
        whole = max(n, 1) if _is_count(n) else 1
        return next(
            self.sample_chunks(
                n,
                chunk_size=whole,
                class_=class_,
                condition=condition,
                random_state=random_state,
            )
        )

    def sample_chunks(
        self,
        n: int,
        *,
        chunk_size: int = 10_000,
        class_: Any = None,
        condition: Mapping[Any, Any] | None = None,
        random_state: Any = None,
    ) -> Iterator[tuple[Any, Any]]:
        """Write more rows piece by piece, in memory that does not grow with their number.

        Parameters
        ----------
        n : int
            How many in all.
        chunk_size : int, default=10_000
            How many at a time.
        class_, condition, random_state
            As in :meth:`sample`.

        Yields
        ------
        X : DataFrame or ndarray of shape (at most chunk_size, n_features)
        y : Series or ndarray of shape (at most chunk_size,)

        Raises
        ------
        ValueError
            As :meth:`sample`, at the call and not at the first chunk.
        """
        check_is_fitted(self, "generator_")
        if not _is_count(n):
            raise ValueError(f"n must be a whole number of rows, 0 or more; got {n!r}")
        if not _is_count(chunk_size) or chunk_size == 0:
            raise ValueError(f"chunk_size must be a positive whole number; got {chunk_size!r}")
        rng = self._rng if random_state is None else generator_of(random_state)
        fixed = read_fixed(self._rules.layout, condition or {}) if condition else None
        self._row_sampler().rules.accept()  # for its error
        label = self._trained_class(class_)
        sizes = [min(chunk_size, n - start) for start in range(0, n, chunk_size)] or [0]
        return (self._sample_chunk(size, label, fixed, rng) for size in sizes)

    def _sample_chunk(
        self, n: int, class_: Any, fixed: Fixed | None, rng: np.random.Generator
    ) -> tuple[Any, Any]:
        generated, _, _ = self._row_sampler().draw(class_, n, rng, fixed)
        frame = self._rules.layout.split(generated.table).to_frame()
        return self._caller_types.X(frame.iloc[:, 1:]), self._caller_types.y(frame.iloc[:, 0])

    def _trained_class(self, class_: Any) -> Any:
        """Return the class to be written, which the model must have been trained on."""
        trained = self.generator_.rows.value_counts.labels
        names = self.generator_.serializer.schema[0].decode(trained).tolist()
        if class_ is None and len(trained) == 1:
            return names[0]
        if class_ is None or class_ not in names:
            raise ValueError(
                f"class_ must be one of the classes that the model was trained on, {names}; got "
                f"{class_!r}. With train_on='all' it is trained on every class"
            )
        return class_


def _is_count(n: object) -> bool:
    return isinstance(n, int | np.integer) and not isinstance(n, bool) and int(n) >= 0


def generator_of(random_state: Any) -> np.random.Generator:
    """Return a generator seeded from scikit-learn's kinds of `random_state`."""
    return np.random.default_rng(check_random_state(random_state).randint(2**31, size=4))


# What is left behind where a fit does not come to its end.


@contextmanager
def as_before_unless_done(fitted: object) -> Iterator[None]:
    """Put the attributes of `fitted` back where the block fails, or is interrupted by Ctrl-C.

    What was fitted before still is, and nothing is fitted by half.
    """
    before = dict(fitted.__dict__)
    try:
        yield
    except BaseException:
        fitted.__dict__.clear()
        fitted.__dict__.update(before)
        raise


class LLMOverSampler(MoreRows, Storable, BaseOverSampler):  # type: ignore[misc]
    """Over-sample with rows written by a language model that is fine-tuned on the table.

    The ImbLLM method [1]_, decoded under the table's grammar: every generated cell is valid (a
    known category, a number of the column's precision within its observed range, missing only
    where the column has missing values), and exactly the rows asked for come back. The real rows
    come first, unchanged and in their order.

    Parameters
    ----------
    sampling_strategy : float, str, dict or callable, default="auto"
        Which classes to fill and how far, as everywhere in imbalanced-learn. ``"auto"`` fills
        every class but the largest up to the largest.
    model : str, default="auto"
        ``"compact"`` (a small model from scratch), ``"smollm2-135m"``, or the folder or hub id of
        any Hugging Face causal language model. ``"auto"`` takes SmolLM2 where the weights are
        at hand and its fit ends well within `max_time` (60 s if that is not given), by the size
        of the table and a few timed steps on this machine, else the compact model;
        ``model_reason_`` has the figures. On a faster machine the choice may be another, and with
        it the rows.
    recipe : str or Recipe, default="counterpoise"
        The method: ``"counterpoise"``, what does best in our own experiments, and its ablations
        ``"counterpoise-no-selection"`` and ``"counterpoise-no-refinement"``; ``"imbllm"`` as
        published [1]_, and its ablations ``"imbllm-no-interpolation"``,
        ``"imbllm-no-permutation"``, ``"imbllm-no-condition"`` and ``"imbllm-none"``; ``"great"``,
        ``"taptap"`` (needs xgboost) and ``"predllm"``, which are trained on every class; the last
        two label a row when it is written, and draw until as many are of the class as are asked
        for.
        It sets the parameters whose default is ``"recipe"``; each of them can be given a value of
        its own.
    serialization : {"recipe", "table", "text"}, default="recipe"
        ``"table"``: a vocabulary of the table's own, one token a column and a category, digits
        for numbers. ``"text"``: the published sentence in the model's own tokens.
    decoding : {"recipe", "grammar", "free"}, default="recipe"
        ``"grammar"``: the model chooses among what the table allows, cell by cell. ``"free"``: as
        published, and with ``serialization="text"`` only. The model may write anything; a row with
        a number that is none is dropped and drawn again, and what else is no possible cell becomes
        the most frequent category or the mean. ``free_yield_`` says how often.
    interpolation : {"recipe", "smotenc", None}, default="recipe"
        First idea of the method: train on SMOTE-NC rows too, of which only the label and the
        numeric features are kept. ``None`` trains on real rows only.
    permutation : {"recipe", "label-first", "label-last", "no-label", "all", "none"}, \
            default="recipe"
        Second idea: the label first, then the features in a random order, new each time.
        ``"all"`` shuffles the label along, ``"none"`` keeps the table's order. Where the label is
        last, the model labels the rows that it has written; where there is none, XGBoost does.
    condition : {"recipe", "feature", "any-feature", "label"}, default="recipe"
        Third idea: a prompt is the label and the value of one feature, each feature in turn or
        (``"any-feature"``) drawn. ``"label"`` prompts with the label alone.
    selection : {"recipe", "classifier"} or None, default="recipe"
        ``"classifier"``, the choice of ``recipe="counterpoise"``: a row is drawn again where
        gradient boosting, trained on the real rows of all classes, finds another class likelier.
        After eight draws a row, the likeliest of those that were put back are taken (see
        `rejection_stats_`). None: every row is kept, as published.
    refinement : {"recipe", "auto", "always"} or None, default="recipe"
        Whether the model goes on to learn from rows of its own, some 300 of a class, that
        `selection` kept; it then needs a half to a quarter of the draws. ``"auto"``, the choice
        of ``recipe="counterpoise"``, does where the rows to be written make up for it: many
        rows, of which few are kept. ``"always"`` makes sense before much is written with
        `sample`. None: it learns from the table alone.
    train_on : {"recipe", "minority", "all"}, default="recipe"
        Train on the classes that are filled, as published, or on every class.
    epochs : int, "recipe" or "auto", default="recipe"
        Passes over the training rows (real and interpolated); the paper has 50. ``"auto"`` finds
        out: it stops where held-out rows get no better, and where a class has fewer than 200 rows
        it then trains once more, for as long, on all rows. Never more than the published 50, nor
        than about 30,000 training samples (6,000 for a pre-trained model).
    max_samples_seen : int, default=None
        Rows presented in training at most, repeats included, whatever `epochs`; None for no limit
        but that of ``epochs="auto"``.
    batch_size : int or "auto", default="auto"
        Rows a training step; 32 as published.
    learning_rate : float or "auto", default="auto"
        Peak learning rate of AdamW.
    validation_fraction : float, "recipe" or "auto", default="recipe"
        Share of each trained class held out for early stopping, in [0, 1); 0 never stops early.
        Given a share, the best weights are kept and there is no second training. ``"auto"``: a
        tenth of the classes with 200 rows or more; with ``epochs="auto"`` also a fifth of those
        with 20 to 199.
    patience : int, default=3
        Looks at the held-out rows without a better loss before training stops. It looks after
        each epoch, and every 500 rows (or more, where many are held out) of a longer one.
    temperature : float or "recipe", default="recipe"
        Sampling temperature. The paper's implementation uses 0.7; 1.0 is more diverse.
    top_p : float, default=1.0
        Draw only from the likeliest tokens that together have this probability, in (0, 1].
    generation_batch_size : int or "auto", default="auto"
        Rows written together; ``"auto"``: 1024 for the compact model, 256 for a pre-trained one.
        Rows are the same for the same seed *and* batch size.
    lora_rank : int, default=None
        With a pre-trained model: train low-rank adapters of this rank instead of all weights.
    n_layers : int, default=None
        With a pre-trained model: keep its first layers only, which is faster and weaker.
    column_kinds : dict, default=None
        Kinds of columns where the inferred one is wrong: name -> ``"categorical"``,
        ``"ordered"``, ``"boolean"``, ``"integer"``, ``"decimal"``, ``"datetime"``,
        ``"duration"`` or ``"text"``.
    range_margin : float, default=0.0
        Widen the range of numeric columns by this share of it, on both sides.
    ranges : dict, default=None
        Allowed numbers, dates or durations: name -> (smallest, largest), either None to leave it
        as observed. A wider range than the observed one lets more be generated; a narrower one
        less: the real rows stay as they are, and their cells outside are not learned from.
    categories : dict, default=None
        Allowed categories: name -> list. As `ranges`; missing cells stay possible where there are
        some.
    fixed_combinations : list of tuple, default=None
        Columns of which only combinations of values that some real row has may be generated, such
        as ``[("state", "area_code")]``.
    inequalities : list of tuple, default=None
        What every synthetic row satisfies, such as ``[("min_price", "<=", "max_price")]``, with
        ``<``, ``<=``, ``>`` or ``>=``, between two columns of numbers, dates or durations. A row
        with one of them missing satisfies it. Rows that do not are drawn again
        (see `rejection_stats_`).
    allow_copies : bool, default=True
        Whether a synthetic row may equal a real row of its class in every cell. If not, such rows
        are drawn again.
    device : str, default="auto"
        ``"cpu"``, ``"cuda"``, or another torch device.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Of matrix products; ``"auto"`` takes bfloat16 where the hardware multiplies in it.
    max_time : float, default=None
        Seconds that `fit_resample` may take. Training stops where it would leave too little for
        writing the rows, with a warning; all rows are written all the same. What is written then
        depends on how fast the machine was.
    checkpoint_dir : str or path, default=None
        Folder in which training keeps its state, written now and then. The same call after it was
        killed goes on from there and ends with the very weights that it would have had; the file
        is deleted at the end. It holds no rows, but what the model has learned of them.
    random_state : int, RandomState instance or None, default=None
        Same seed, device and versions: same rows.
    verbose : bool, default=False
        Report progress on standard error.

    Attributes
    ----------
    sampling_strategy_ : dict
        Rows written for each class.
    schema_ : Schema
        The features as understood: kinds, categories, ranges, precision, missing values.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    recipe_ : Recipe
        What the recipe and the parameters that change it came to.
    model_name_, model_reason_ : str
        Which model wrote the rows, and why it was taken.
    n_synthetic_ : int
        How many rows were written.
    history_ : History
        Losses, training samples seen, seconds.
    timings_ : dict of str to float
        ``training_s``, ``generation_s``, ``training_rows_per_s``, ``generation_rows_per_s``.
    provenance_ : DataFrame of shape (n_synthetic, 6)
        For each synthetic row its ``class``; the column and value it was prompted with
        (``condition_column``, ``condition_value``; tuples for a fixed combination); its
        ``log_likelihood`` in nats under the model, given the prompt; the distance to the nearest
        real row of its class and that row's position in X (``nearest_distance``,
        ``nearest_row``). The distance is Gower's, in [0, 1]: the mean over the columns of the
        difference as a share of the column's range, or of 0 and 1 for equal and different
        categories.
    copy_rate_ : float
        Share of the synthetic rows that equal a real row of their class in every cell.
    rejection_stats_ : dict of object to Redraws
        By class, how many rows were drawn, how many of them rejected for which reason, and how
        many taken although `selection` found another class likelier (``n_fallback``).
    free_yield_ : dict of str to float
        With ``decoding="free"``: shares of the rows drawn that were valid as the model wrote them,
        repaired, dropped, or rejected otherwise.

    References
    ----------
    .. [1] Nguyen et al., "Large Language Models for Imbalanced Classification: Diversity makes
       the difference", arXiv 2510.09783.

    Examples
    --------
    >>> import pandas as pd
    >>> from counterpoise import LLMOverSampler
    >>> X = pd.DataFrame({"age": range(20, 60), "plan": ["basic", "plus"] * 20})
    >>> y = pd.Series(["stays"] * 32 + ["leaves"] * 8)
    >>> sampler = LLMOverSampler(model="compact", epochs=2, random_state=0)
    >>> X_balanced, y_balanced = sampler.fit_resample(X, y)
    >>> y_balanced.value_counts().to_dict()
    {'stays': 32, 'leaves': 32}
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseOverSampler._parameter_constraints,
        **PARAMETER_CONSTRAINTS,
    }

    def __init__(
        self,
        *,
        sampling_strategy: Any = "auto",
        model: str = "auto",
        recipe: str | Recipe = "counterpoise",
        serialization: str = AS_RECIPE,
        decoding: str = AS_RECIPE,
        interpolation: str | None = AS_RECIPE,
        permutation: str = AS_RECIPE,
        condition: str = AS_RECIPE,
        selection: str | None = AS_RECIPE,
        refinement: str | None = AS_RECIPE,
        train_on: str = AS_RECIPE,
        epochs: int | str = AS_RECIPE,
        max_samples_seen: int | None = None,
        batch_size: int | str = "auto",
        learning_rate: float | str = "auto",
        validation_fraction: float | str = AS_RECIPE,
        patience: int = 3,
        temperature: float | str = AS_RECIPE,
        top_p: float = 1.0,
        generation_batch_size: int | str = "auto",
        lora_rank: int | None = None,
        n_layers: int | None = None,
        column_kinds: Mapping[Any, str] | None = None,
        range_margin: float = 0.0,
        ranges: Mapping[Any, tuple[Any, Any]] | None = None,
        categories: Mapping[Any, Sequence[Any]] | None = None,
        fixed_combinations: Sequence[Sequence[Any]] | None = None,
        inequalities: Sequence[tuple[Any, str, Any]] | None = None,
        allow_copies: bool = True,
        device: str = "auto",
        precision: str = "auto",
        max_time: float | None = None,
        checkpoint_dir: Any = None,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.model = model
        self.recipe = recipe
        self.serialization = serialization
        self.decoding = decoding
        self.interpolation = interpolation
        self.permutation = permutation
        self.condition = condition
        self.selection = selection
        self.refinement = refinement
        self.train_on = train_on
        self.epochs = epochs
        self.max_samples_seen = max_samples_seen
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.temperature = temperature
        self.top_p = top_p
        self.generation_batch_size = generation_batch_size
        self.lora_rank = lora_rank
        self.n_layers = n_layers
        self.column_kinds = column_kinds
        self.range_margin = range_margin
        self.ranges = ranges
        self.categories = categories
        self.fixed_combinations = fixed_combinations
        self.inequalities = inequalities
        self.allow_copies = allow_copies
        self.device = device
        self.precision = precision
        self.max_time = max_time
        self.checkpoint_dir = checkpoint_dir
        self.random_state = random_state
        self.verbose = verbose

    def fit_resample(self, X: Any, y: Any, **params: Any) -> tuple[Any, Any]:
        """Fill the minority classes with generated rows.

        Parameters
        ----------
        X : DataFrame, array or list of shape (n_samples, n_features)
            Features, of any kinds, missing values included: a frame of pandas or polars, an array
            (of objects where the kinds differ) or a list of rows. A sparse matrix is refused.
        y : Series, array or list of shape (n_samples,)
            Class labels: strings, integers, booleans or categories.

        Returns
        -------
        X_resampled : of the type of X, of shape (n_samples + n_synthetic_, n_features)
            The rows of X, then the synthetic ones. The index of a DataFrame goes on where it is
            of unique integers, and is numbered anew otherwise.
        y_resampled : of the type of y, of shape (n_samples + n_synthetic_,)
            Their labels.

        Raises
        ------
        ValueError
            If a parameter, a column or a class cannot be used; the message names it. Raised
            before any training.
        DecodingError
            If `inequalities`, ``allow_copies=False`` or a labelling of the written rows reject so
            many that too few are left of 50 draws a row (100 with a labelling).
        """
        started = time.perf_counter()
        frame, labels = as_frame(X), as_labels(y)
        n_unlabelled = int(pd.isna(labels).sum(axis=None))
        if n_unlabelled:
            raise ValueError(f"{n_unlabelled} of the labels in y are missing; drop these rows")
        with as_before_unless_done(self):
            self._started = started
            self._caller_types = CallerTypes.of(X, y)
            whole, whole_labels = super().fit_resample(frame, labels, **params)
        X_resampled = self._caller_types.extended_frame(X, whole.iloc[len(frame) :])
        if np.ndim(labels) == 2:  # a column, or one column a class: made by imbalanced-learn
            return X_resampled, whole_labels
        y_resampled = self._caller_types.extended_labels(y, pd.Series(whole_labels[len(frame) :]))
        if isinstance(X_resampled, pd.DataFrame) and isinstance(y_resampled, pd.Series):
            y_resampled.index = X_resampled.index
        return X_resampled, y_resampled

    def report(self, *, title: str = "Table", holdout: tuple[Any, Any] | None = None) -> Report:
        """Show what the last `fit_resample` wrote beside the real rows.

        Parameters
        ----------
        title : str, default="Table"
            What the table is called.
        holdout : tuple of (X, y), default=None
            Real rows that `fit_resample` has not seen, in the types of its X and y. Whether
            synthetic rows leak can only be told with them.

        Returns
        -------
        Report
            Shows itself in a notebook; has ``to_html``, ``to_markdown`` and ``to_json``.

        Raises
        ------
        NotFittedError
            Before `fit_resample`.
        """
        # the report knows the sampler; the sampler knows only where its report is made
        from counterpoise.report._build import report_sampler

        check_is_fitted(self, "n_synthetic_")
        return report_sampler(self, title=title, holdout=holdout)

    def _check_X_y(self, X: Any, y: Any) -> tuple[pd.DataFrame, Any, bool]:
        frame = as_frame(X)
        y, binarize_y = check_target_type(as_labels(y), indicate_one_vs_all=True)
        # names that are not all strings are no feature names to scikit-learn: an error, or ignored
        has_names = all(isinstance(name, str) for name in frame.columns)
        named = frame if has_names else frame.set_axis(range(frame.shape[1]), axis=1)
        validate_data(self, X=named, y=y, reset=True, skip_check_array=True)
        check_consistent_length(frame, y)
        return frame, y, binarize_y

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.allow_nan = tags.input_tags.string = tags.input_tags.categorical = True
        return tags

    def _more_tags(self) -> dict[str, Any]:  # before scikit-learn 1.6
        return {"X_types": ["2darray", "dataframe", "string", "categorical"], "allow_nan": True}

    def _fit_resample(self, X: pd.DataFrame, y: Any) -> tuple[Any, Any]:
        labels = np.asarray(y)
        n_rows = {_plain(class_): n for class_, n in self.sampling_strategy_.items() if n > 0}
        recipe = self._recipe()
        interpolates = recipe.interpolation is not None
        for class_ in n_rows:
            check_class_size(class_, int((labels == class_).sum()), interpolates=interpolates)
        for name in _OF_ONE_FIT:
            self.__dict__.pop(name, None)
        self.recipe_ = recipe
        self.classes_ = np.unique(labels)
        types = self._caller_types
        prepared = prepare(X, labels, types.target_name, types.names_columns, self._demands())
        self.schema_, self._rules = prepared.schema, prepared.rules
        synthetic = prepared.observed.take([]).to_frame()
        if n_rows:
            codes = {class_: label_code(prepared.table.schema, class_) for class_ in n_rows}
            check_constraints(prepared, codes)
            checkpoint = self._fit_generator(prepared.table, n_rows)
            synthetic = self._write(prepared.observed, n_rows)
            if checkpoint is not None:
                checkpoint.remove()
        self.n_synthetic_ = len(synthetic)
        features = synthetic.iloc[:, 1:].set_axis(X.columns, axis=1)
        new_labels = synthetic.iloc[:, 0].to_numpy().astype(labels.dtype)
        whole = pd.concat([X, features], ignore_index=True)
        self._resampled = whole, np.concatenate([labels, new_labels])  # for `report`
        return self._resampled

    def _demands(self) -> Demands:
        """Return what the parameters say of the rows to write."""
        return Demands(
            self.column_kinds or {},
            self.range_margin,
            self.ranges or {},
            self.categories or {},
            () if self.fixed_combinations is None else self.fixed_combinations,
            () if self.inequalities is None else self.inequalities,
            self.allow_copies,
        )

    def _fit_generator(self, table: Table, n_rows: Mapping[Any, int]) -> Checkpoint | None:
        """Train a model to write the rows of `table`; return the checkpoint, if there is one."""
        device = resolve_device(self.device, self.precision)
        n_deficit = {label_code(table.schema, class_): n for class_, n in n_rows.items()}
        backbone = self._backbone(table, n_deficit, device)
        self.model_name_, self.model_reason_ = backbone.name, backbone.reason
        self._generation_batch_size = backbone.generation_batch_size
        self._rng = generator_of(self.random_state)
        checkpoint = None
        if self.checkpoint_dir is not None:
            taken = {"model": backbone.name, "device": device.device, "precision": device.precision}
            seeded = None if self.random_state is None else self._rng
            parts = fingerprint(table, n_deficit, {**self.get_params(deep=False), **taken}, seeded)
            checkpoint = Checkpoint(Path(self.checkpoint_dir), parts, self._rng, backbone.name)
        rate, batch_size = self.learning_rate, self.batch_size
        self.generator_ = fit_generator(
            table,
            n_deficit,
            backbone,
            self.recipe_,
            TrainingLength.of(self.recipe_, self.patience, self.max_samples_seen),
            batch_size=backbone.batch_size if batch_size == "auto" else int(batch_size),
            learning_rate=backbone.learning_rate if rate == "auto" else float(rate),
            device=device,
            rng=self._rng,
            progress=make_progress(self.verbose),
            checkpoint=checkpoint,
            budget=TimeBudget(n_deficit, self._sampling(), self.max_time, self._started),
        )
        self.history_ = self.generator_.history
        warn_about_stopped_training(self.generator_.trainings, self.max_time)
        return checkpoint

    def _backbone(self, table: Table, n_deficit: Mapping[int, int], device: Device) -> Backbone:
        """Load the model that was asked for, or for "auto" the one that fits the budget."""
        model, reason = self.model, "asked for"
        if model == "auto" and self.checkpoint_dir is not None:
            begun = read_facts(Path(self.checkpoint_dir)) or {}
            # what was begun is gone on with, however fast the machine is now
            model, reason = begun.get("backbone", model), "the checkpoint is of it"
        if model != "auto":
            return load_backbone(
                model,
                device=device,
                lora_rank=self.lora_rank,
                n_layers=self.n_layers,
                reason=reason,
            )
        size, rows = self.batch_size, self.generation_batch_size
        fit = Fit(
            table,
            n_deficit,
            self.recipe_,
            TrainingLength.of(self.recipe_, self.patience, self.max_samples_seen),
            device,
            batch_size=None if size == "auto" else int(size),
            generation_batch_size=None if rows == "auto" else int(rows),
            lora_rank=self.lora_rank,
            n_layers=self.n_layers,
        )
        return choose_backbone(fit, self.max_time, self._started)

    def _write(self, observed: Table, n_rows: Mapping[Any, int]) -> pd.DataFrame:
        """Write the rows that each class lacks; label first."""
        filling = fill(self._row_sampler(), observed, n_rows, self._rng)
        self.provenance_, self.copy_rate_ = filling.provenance, filling.copy_rate
        self.rejection_stats_ = filling.rejection_stats
        if self.recipe_.decoding == "free":
            n_invalid = filling.provenance["invalid_cells"].to_numpy()
            rejection_stats = sum(filling.rejection_stats.values(), start=RejectionStats())
            self.free_yield_ = share_by_fate(n_invalid, rejection_stats)
        trainings = self.generator_.trainings
        training_s = sum(history.seconds for history in trainings)
        self.timings_ = {
            "training_s": training_s,
            "training_rows_per_s": sum(h.n_samples_seen for h in trainings) / training_s,
            "generation_s": filling.seconds,
            "generation_rows_per_s": len(filling.rows) / filling.seconds,
        }
        return filling.rows

    def _recipe(self) -> Recipe:
        """Return the recipe with what the parameters change in it."""
        return as_recipe(self.recipe, **{name: getattr(self, name) for name in CHANGEABLE})

    def _sampling(self) -> Sampling:
        size = self.generation_batch_size
        if size == "auto":
            size = self._generation_batch_size
        return Sampling(self._recipe().temperature, self.top_p, int(size))

    def _row_sampler(self) -> RowSampler:
        rules = replace(self._rules, allow_copies=self.allow_copies)  # set_params may change it
        return RowSampler(self.generator_, rules, self._sampling(), make_progress(self.verbose))


_OF_ONE_FIT = (
    "generator_",
    "history_",
    "timings_",
    "provenance_",
    "copy_rate_",
    "rejection_stats_",
    "free_yield_",
    "model_name_",
    "model_reason_",
)
"""Attributes that a fit with nothing to fill would otherwise keep from the fit before."""


def _plain(class_: Any) -> Any:
    """Return a label of NumPy's as Python's own, which messages show as the user wrote it."""
    return class_.item() if isinstance(class_, np.generic) else class_
