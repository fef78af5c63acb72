"""The entropy of generated rows, of what they start from and of what follows; all in nats.

What a row of one class is drawn from is a mixture: a *way* to write it is drawn (which feature
comes first, in which order the others follow), then the first value, then the rest under the
model. Given the way, a row's probability is exact: the model's own. That of the mixture is a mean
over very many ways, so its entropy is enclosed between two bounds that are estimated from some of
them; :func:`enclose` says how. The propositions that these quantities belong to, with proofs, are
in ``docs/theory.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from counterpoise.columns._base import ABSENT
from counterpoise.columns._table import Table
from counterpoise.errors import SchemaError

if TYPE_CHECKING:
    from counterpoise.generation._generator import RowGenerator
    from counterpoise.sampler import LLMOverSampler


FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Nats:
    """A mean of log-probabilities.

    Attributes
    ----------
    value : float
        In nats.
    error : float
        Its standard error; 0 where the value is exact.
    """

    value: float
    error: float = 0.0

    @classmethod
    def mean(cls, values: FloatArray) -> Nats:
        """Take the mean of independent values, shape (n,), at least two."""
        if not np.isfinite(values).all():
            return cls(float(values.mean()), float("inf"))
        return cls(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))

    @classmethod
    def mean_by(cls, values: FloatArray, strata: IntArray, n_strata: int) -> Nats:
        """Take the mean of the means of equally probable strata.

        What the strata differ by is then no part of the error. Where one of them has fewer than
        two of the values, the plain mean is taken.
        """
        sizes = np.bincount(strata, minlength=n_strata)
        if sizes.min() < 2 or not np.isfinite(values).all():
            return cls.mean(values)
        parts = [cls.mean(values[strata == at]) for at in range(n_strata)]
        error = np.sqrt(sum(part.error**2 for part in parts)) / n_strata
        return cls(float(np.mean([part.value for part in parts])), float(error))

    def __add__(self, other: Nats) -> Nats:
        return Nats(self.value + other.value, float(np.hypot(self.error, other.error)))


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """Rows that were written, and in which way.

    Attributes
    ----------
    codes : ndarray of shape (n_rows, n_columns), int64
        The rows; column 0 is the label.
    orders : ndarray of shape (n_rows, n_columns), int64
        The order of the columns: the label, the feature that the row starts from, the others.
    strata : ndarray of shape (n_rows,), int64
        Which stratum of the ways each row's way is of.
    """

    codes: IntArray
    orders: IntArray
    strata: IntArray


class RowDistribution(Protocol):
    """A distribution of rows that is a mixture over the ways to write one.

    The ways fall into strata of equal probability: the features that a row can start from.
    """

    @property
    def n_strata(self) -> int:
        """How many strata there are."""

    @property
    def is_single(self) -> bool:
        """Whether each stratum holds a single way."""

    def draw(self, n_rows: int, rng: np.random.Generator) -> Written:
        """Draw rows, each in a way drawn for it."""

    def start_entropies(self) -> FloatArray | None:
        """Entropy of the first value, stratum by stratum; None where it is not known exactly."""

    def strategies(self, stratum: int, n: int, rng: np.random.Generator) -> IntArray:
        """Draw `n` ways of one stratum: orders of shape (n, n_columns)."""

    def log_probabilities(self, codes: IntArray, orders: IntArray) -> FloatArray:
        """Log-probability of each cell given the cells before it, shape (n_rows, n_columns).

        That of the first feature is under the distribution it is drawn from; -inf if it is never
        drawn. The label's is 0.
        """


@dataclass(frozen=True, slots=True)
class RowEntropy:
    """Entropies of the rows of one class.

    Attributes
    ----------
    start : Nats
        Of the first value, given which feature it is of: H(X_i | i), mean over the features i.
    rest : Nats
        Of the other values given the first one and the order: H(X_-i | X_i, i, order).
    given_way : Nats
        The sum of the two: H(X | way). By the concavity of entropy it is a lower bound of H(X).
    lower, upper : Nats
        A tighter lower bound of the entropy H(X) of the rows, and an upper one.
    starts : tuple of Nats or None
        H(X_i | i), stratum by stratum; None where it was not estimated, for want of rows.
    n_rows, n_ways : int
        Rows drawn, and ways a stratum that the bounds are taken over.
    """

    start: Nats
    rest: Nats
    given_way: Nats
    lower: Nats
    upper: Nats
    value_counts: tuple[Nats | None, ...]
    n_rows: int
    n_ways: int


def enclose(
    rows: RowDistribution,
    n_rows: int,
    n_ways: int,
    rng: np.random.Generator,
    *,
    n_bounded: int | None = None,
) -> RowEntropy:
    """Enclose the entropy of a mixture whose parts have known log-probabilities.

    Let ``Q`` be the mean of the probabilities of a row under `n_ways` ways of each stratum. For
    ways drawn anew, ``Q`` is an unbiased estimate of the row's probability P, so by Jensen's
    inequality ``-E log Q >= -E log P = H(X)``: the upper bound. If the way that the row was
    written in takes the place of one of its stratum, ``-E log Q`` is the mean entropy of such
    mixtures of few ways (it does not matter which of them wrote the row), and by concavity it is
    at most that of the mixture of all ways: the lower bound [1]_. Both approach H(X) as `n_ways`
    grows; where each stratum holds a single way they are equal.

    Parameters
    ----------
    rows : RowDistribution
        The mixture.
    n_rows : int
        Rows to draw, at least two.
    n_ways : int
        Ways a stratum to average over, at least one.
    rng : numpy.random.Generator
        Draws both.
    n_bounded : int, default=None
        Rows that the bounds are worked out on, at least two; None for all. Bounds take
        ``n_ways`` times the number of strata as long as the rest: the other rows then tell of
        them by how probable they are given their way.

    References
    ----------
    .. [1] The two bounds are those of Yin and Zhou, "Semi-implicit variational inference", ICML
       2018, and of Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", ICLR
       2016; taking the ways by strata is ours.
    """
    written = rows.draw(n_rows, rng)
    own = rows.log_probabilities(written.codes, written.orders)
    start = own[np.arange(n_rows), written.orders[:, 1]]
    whole = own.sum(axis=1)

    def mean(values: FloatArray) -> Nats:
        return Nats.mean_by(values, written.strata[: len(values)], rows.n_strata)

    exact = rows.start_entropies()
    if exact is None:
        of_start, given_way = mean(-start), mean(-whole)
        parts = [-start[written.strata == at] for at in range(rows.n_strata)]
        value_counts = tuple(Nats.mean(part) if len(part) > 1 else None for part in parts)
    else:
        of_start = Nats(float(exact.mean()))
        given_way = of_start + mean(start - whole)
        value_counts = tuple(Nats(float(value)) for value in exact)
    n_ways = 1 if rows.is_single else n_ways
    n_bounded = n_rows if n_bounded is None else min(n_bounded, n_rows)
    bounds = _bounds(rows, written, whole[:n_bounded], n_ways, rng)
    if n_bounded < n_rows:
        # what the rows without bounds tell of the mean goes in by regression on their -log P
        known = -whole[:n_bounded]
        slopes = [_slope(known, bound, written.strata[:n_bounded]) for bound in bounds]
        lower, upper = (
            mean(bound - slope * known) + Nats(slope * given_way.value, slope * given_way.error)
            for bound, slope in zip(bounds, slopes, strict=True)
        )
    else:
        lower, upper = (mean(bound) for bound in bounds)
    return RowEntropy(
        of_start, mean(start - whole), given_way, lower, upper, value_counts, n_rows, n_ways
    )


def _slope(known: FloatArray, values: FloatArray, strata: IntArray) -> float:
    """Slope of the regression of `values` on `known` within strata, in [0, 1]."""
    sizes = np.bincount(strata)
    known, values = (
        part - (np.bincount(strata, part) / np.maximum(sizes, 1))[strata]
        for part in (known, values)
    )
    spread = float(known @ known)
    return float(np.clip(known @ values / spread, 0.0, 1.0)) if spread > 0 else 0.0


def _bounds(
    rows: RowDistribution,
    written: Written,
    whole: FloatArray,
    n_ways: int,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """Lower and upper bound of H(X), row by row, of the first ``len(whole)`` rows."""
    n_rows = len(whole)
    parts = _log_parts(rows, written.codes[:n_rows], n_ways, rng)
    upper = -_log_mean(parts)
    parts[np.arange(n_rows), written.strata[:n_rows] * n_ways] = whole
    return -_log_mean(parts), upper


def cross_entropy(
    rows: RowDistribution, codes: IntArray, n_ways: int, rng: np.random.Generator
) -> Nats:
    """Mean of -log P over given rows: how unlikely the distribution finds them.

    For real rows that it has not seen, this is their entropy plus the divergence of the
    distribution from the real one: unlike the entropy, it gets worse where variety is only noise.
    With a single way a stratum it is exact, else an upper bound (see :func:`enclose`).

    Parameters
    ----------
    rows : RowDistribution
        The mixture.
    codes : ndarray of shape (n_rows, n_columns)
        The rows, at least two; column 0 is the label.
    n_ways : int
        Ways a stratum to average over.
    rng : numpy.random.Generator
        Draws them.
    """
    n_ways = 1 if rows.is_single else n_ways
    return Nats.mean(-_log_mean(_log_parts(rows, codes, n_ways, rng)))


def _log_parts(
    rows: RowDistribution, codes: IntArray, n_ways: int, rng: np.random.Generator
) -> FloatArray:
    """Log-probability of each row under ways drawn for it, shape (n_rows, n_strata * n_ways)."""
    n_rows = len(codes)
    repeated = np.repeat(codes, n_ways, axis=0)
    parts = []
    for stratum in range(rows.n_strata):
        orders = rows.strategies(stratum, n_rows * n_ways, rng)
        parts.append(rows.log_probabilities(repeated, orders).sum(axis=1).reshape(n_rows, n_ways))
    return np.hstack(parts)


def _log_mean(logs: FloatArray) -> FloatArray:
    """Logarithm of the mean of exp(logs) along the rows, without overflow."""
    highest = logs.max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):  # -inf less -inf: a row that no way can write
        means = np.exp(logs - highest).mean(axis=1)
    result: Any = np.where(np.isinf(highest[:, 0]), -np.inf, highest[:, 0] + np.log(means))
    return np.asarray(result, dtype=np.float64)


# The entropy of the rows that a fitted over-sampler writes, with or without its ideas.


def measure_entropy(
    sampler: LLMOverSampler,
    *,
    class_: Any = None,
    condition: str | None = None,
    temperature: float | None = None,
    n_rows: int = 500,
    n_ways: int = 2,
    n_bounded: int | None = None,
    random_state: int = 0,
) -> RowEntropy:
    """Measure the entropy of the rows that a fitted over-sampler writes.

    Exact given the way a row is written in, by the model's own probabilities; means over rows
    that are drawn for it, with standard errors. Rows are as the model writes them: what else the
    over-sampler may do to them (draw again, filter) is not part of it.

    Parameters
    ----------
    sampler : LLMOverSampler
        Fitted, on a table without free text, with ``top_p=1``.
    class_ : object, optional
        Class of the rows; may be omitted if the model was trained on a single one.
    condition : {"feature", "label"}, default=None
        What rows start from: a feature's value drawn from the real and interpolated rows, or the
        label alone. None takes the sampler's own; the other one is the ablation of the method's
        third idea, with the same model.
    temperature : float, default=None
        Sampling temperature; None takes the sampler's own.
    n_rows : int, default=500
        Rows to draw.
    n_ways : int, default=2
        Orders a feature that the bounds are taken over.
    n_bounded : int, default=None
        Rows that the bounds are worked out on; None for all. They take most of the time.
    random_state : int, default=0
        Seed.

    Returns
    -------
    RowEntropy
        In nats; `starts` are in the order of the features.

    Raises
    ------
    ValueError
        If the table has free text, the class was not trained on, the label is not in the prompt,
        or the sampler uses ``top_p``.
    """
    rows = SamplerRows(sampler, class_, condition, temperature)
    rng = np.random.default_rng(random_state)
    return enclose(rows, n_rows, n_ways, rng, n_bounded=n_bounded)


def measure_cross_entropy(
    sampler: LLMOverSampler,
    X: pd.DataFrame,
    *,
    class_: Any = None,
    condition: str | None = None,
    temperature: float | None = None,
    n_ways: int = 2,
    random_state: int = 0,
) -> tuple[Nats, int]:
    """Measure how unlikely the sampler finds real rows of a class; lower is better.

    Parameters
    ----------
    sampler, class_, condition, temperature, n_ways, random_state
        As in :func:`measure_entropy`.
    X : DataFrame of shape (n_rows, n_features)
        Real rows that the model was not trained on.

    Returns
    -------
    value : Nats
        Mean of -log P over the rows.
    n_rows : int
        How many of the rows it is of: those with a value that training did not show have no
        probability, and are left out.

    Raises
    ------
    ValueError
        As :func:`measure_entropy`; also if fewer than two rows are left.
    """
    rows = SamplerRows(sampler, class_, condition, temperature)
    features = []
    for at in range(len(X)):
        try:
            features.append(Table.from_frame(X.iloc[[at]], sampler.schema_).codes[0])
        except SchemaError:  # a value outside of what training showed
            continue
    if len(features) < 2:
        raise ValueError(f"{len(features)} of the {len(X)} rows are within the sampler's schema")
    labels = np.full((len(features), 1), rows.label, dtype=np.int64)
    codes = np.hstack([labels, np.array(features)])
    rng = np.random.default_rng(random_state)
    return cross_entropy(rows, codes, n_ways, rng), len(codes)


class SamplerRows:
    """The rows that a fitted over-sampler writes, as a mixture over the ways to write one.

    Parameters
    ----------
    sampler, class_, condition, temperature
        As in :func:`measure_entropy`.

    Attributes
    ----------
    label : int
        Code of the class.
    """

    def __init__(
        self,
        sampler: LLMOverSampler,
        class_: Any = None,
        condition: str | None = None,
        temperature: float | None = None,
    ) -> None:
        from counterpoise.generation._scoring import Scorer

        row_generator: RowGenerator = sampler.generator_
        recipe = row_generator.recipe
        if any(column.is_text for column in row_generator.serializer.schema):
            raise ValueError("entropies can't be measured on a table with free text")
        if sampler.top_p != 1.0:
            raise ValueError(f"entropies can't be measured with top_p; got top_p={sampler.top_p}")
        if recipe.permutation not in ("label-first", "all", "none"):
            raise ValueError(
                "entropies can be measured where the label is in the prompt, and the sampler has "
                f"permutation={recipe.permutation!r}"
            )
        self._condition = recipe.condition if condition is None else condition
        if self._condition not in ("feature", "label"):
            raise ValueError(f"condition must be 'feature' or 'label'; got {self._condition!r}")
        self._writer = row_generator
        self._temperature = recipe.temperature if temperature is None else temperature
        self._scorer = Scorer(
            row_generator.model, row_generator.serializer.grammar, row_generator.device
        )
        self.label = _trained_label(row_generator, class_)
        n_features = len(row_generator.serializer.schema) - 1
        self._is_free = self._condition == "label" and recipe.permutation == "none"
        self._features = [1] if self._is_free else list(range(1, n_features + 1))
        self._starts = {at: self._start(at) for at in self._features}

    @property
    def n_strata(self) -> int:
        """One for each feature that rows can start from."""
        return len(self._features)

    @property
    def is_single(self) -> bool:
        """Whether the order is fixed, given the first feature."""
        return self._writer.recipe.permutation == "none"

    def draw(self, n_rows: int, rng: np.random.Generator) -> Written:
        """Write rows."""
        from counterpoise._progress import SilentProgress
        from counterpoise.generation._decoding import Sampling, generate
        from counterpoise.generation._prompts import draw_generation_orders, draw_prompts

        row_generator = self._writer
        prompts = draw_prompts(
            row_generator.rows.value_counts, self.label, n_rows, self._condition, rng
        )
        orders = draw_generation_orders(
            prompts.table.codes, prompts.condition, row_generator.recipe.permutation, rng
        )
        generated = generate(
            row_generator.model,
            row_generator.serializer,
            prompts.table,
            orders,
            Sampling(self._temperature),
            device=row_generator.device,
            rng=rng,
            progress=SilentProgress(),
        )
        strata = np.searchsorted(self._features, orders[:, 1]).astype(np.int64)
        return Written(generated.table.codes, orders, strata)

    def strategies(self, stratum: int, n: int, rng: np.random.Generator) -> IntArray:
        """Draw orders that begin with the label and the feature of `stratum`."""
        from counterpoise.generation._prompts import draw_generation_orders

        n_columns = len(self._writer.serializer.schema)
        given = np.full((n, n_columns), ABSENT, dtype=np.int64)
        given[:, 0] = self.label
        first = 0 if self._is_free else self._features[stratum]
        given[:, first] = self.label  # any code: it only says that the cell is given
        condition = np.full(n, first, dtype=np.int64)
        return draw_generation_orders(given, condition, self._writer.recipe.permutation, rng)

    def log_probabilities(self, codes: IntArray, orders: IntArray) -> FloatArray:
        """Log-probability of each cell given the cells before it, shape (n_rows, n_columns)."""
        from counterpoise.serialization._serializer import serialize

        serializer = self._writer.serializer
        distinct, which = np.unique(codes, axis=0, return_inverse=True)
        corpus = serialize(Table(serializer.schema, distinct, {}), serializer)
        logs = self._scorer.by_cell(corpus, which.ravel(), orders, self._temperature)
        if self._condition == "feature":
            for feature, (values, log_shares) in self._starts.items():
                rows = np.flatnonzero(orders[:, 1] == feature)
                cells = codes[rows, feature]
                at = np.minimum(np.searchsorted(values, cells), len(values) - 1)
                logs[rows, feature] = np.where(values[at] == cells, log_shares[at], -np.inf)
        return logs

    def start_entropies(self) -> FloatArray | None:
        """Entropy of the values that prompts draw, feature by feature; the model's is not known."""
        if self._condition == "label":
            return None
        logs = [self._starts[feature][1] for feature in self._features]
        return np.array([-(np.exp(log) * log).sum() for log in logs])

    def _start(self, feature: int) -> tuple[IntArray, FloatArray]:
        """Values that prompts draw for a feature, ascending, and their log-probabilities."""
        values, counts = self._writer.rows.value_counts.values(self.label, feature)
        return values, np.log(counts / counts.sum())


def _trained_label(row_generator: RowGenerator, class_: Any) -> int:
    label = row_generator.serializer.schema[0]
    trained = row_generator.rows.value_counts.labels
    names = label.decode(trained).tolist()
    if class_ is None and len(names) == 1:
        return int(trained[0])
    if class_ not in names:
        raise ValueError(f"class_ must be one of the classes trained on, {names}; got {class_!r}")
    return int(trained[names.index(class_)])
