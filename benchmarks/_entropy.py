"""The entropy of generated rows, of their first values and of the rest; all in nats.

A row of one class is drawn from a mixture: an *order* is drawn (which feature comes first, in which
order the others follow), then the first value, then the rest under the model. Given the order, a
row's probability is exact: the model's own. That of the mixture is a mean over very many orders, so
its entropy is enclosed between two bounds that are estimated from some of them; `enclose` says how.
The propositions that these quantities belong to, with proofs, are in ``docs/theory.md``, where an
order is called a way.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import logsumexp

from counterpoise.columns import ABSENT, Table
from counterpoise.errors import SchemaError

if TYPE_CHECKING:
    from counterpoise import LLMOverSampler
    from counterpoise.generation._generator import RowGenerator

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Nats:
    """A mean of log-probabilities, and its standard error (0 where the value is exact)."""

    value: float
    error: float = 0.0

    @classmethod
    def mean(cls, values: FloatArray) -> Nats:
        """Return the mean of independent values, shape (n,), at least two."""
        if not np.isfinite(values).all():
            return cls(float(values.mean()), float("inf"))
        return cls(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))

    @classmethod
    def mean_by(cls, values: FloatArray, strata: IntArray, n_strata: int) -> Nats:
        """Return the mean of the means of equally probable strata.

        Differences between strata are then no part of the error. Where a stratum has fewer than
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
class DrawnRows:
    """Rows, the order that each was drawn in, and the stratum of that order."""

    codes: IntArray  # (n_rows, n_columns); column 0 is the label
    orders: IntArray  # (n_rows, n_columns): the label, the feature that is first, the others
    strata: IntArray  # (n_rows,)


class RowDistribution(Protocol):
    """A mixture over orders in strata of equal probability: the features that can be first."""

    @property
    def n_strata(self) -> int: ...

    @property
    def is_single(self) -> bool:
        """Whether each stratum holds a single order."""

    def draw(self, n_rows: int, rng: np.random.Generator) -> DrawnRows: ...

    def start_entropies(self) -> FloatArray | None:
        """Entropy of the first value, stratum by stratum; None where it is not known exactly."""

    def draw_orders(self, stratum: int, n: int, rng: np.random.Generator) -> IntArray:
        """Draw `n` orders of one stratum, shape (n, n_columns)."""

    def log_probabilities(self, codes: IntArray, orders: IntArray) -> FloatArray:
        """Log-probability of each cell given the cells before it, shape (n_rows, n_columns).

        That of the first feature is under the distribution it is drawn from; -inf if it is never
        drawn. The label's is 0.
        """


@dataclass(frozen=True, slots=True)
class RowEntropy:
    """Entropies of the rows of one class."""

    start: Nats  # of the first value, given its feature: H(X_i | i), mean over the features i
    rest: Nats  # of the other values given the first one and the order: H(X_-i | X_i, i, order)
    given_order: Nats  # start + rest = H(X | order); by concavity a lower bound of H(X)
    lower: Nats  # a tighter lower bound of the entropy H(X) of the rows
    upper: Nats
    starts: tuple[Nats | None, ...]  # H(X_i | i); None where there were too few rows
    n_rows: int
    n_orders: int  # per stratum that the bounds are averaged over


def enclose(
    rows: RowDistribution,
    n_rows: int,
    n_orders: int,
    rng: np.random.Generator,
    *,
    n_bounded: int | None = None,
) -> RowEntropy:
    """Enclose the entropy of a mixture whose parts have known log-probabilities.

    Let ``Q`` be the mean of the probabilities of a row under `n_orders` orders of each stratum. For
    orders drawn anew, ``Q`` is an unbiased estimate of the row's probability P, so by Jensen's
    inequality ``-E log Q >= -E log P = H(X)``: the upper bound. If the order that the row was drawn
    in takes the place of one of its stratum, ``-E log Q`` is the mean entropy of such mixtures of
    few orders, and by concavity it is at most that of the mixture of all: the lower bound [1]_.
    Both approach H(X) as `n_orders` grows; where each stratum holds a single order they are equal.

    The bounds are computed on `n_bounded` of the `n_rows` rows, both at least two: they take
    ``n_orders`` times the number of strata as long as the rest. The other rows then enter by how
    probable they are given their order.

    References
    ----------
    .. [1] The two bounds are those of Yin and Zhou, "Semi-implicit variational inference", ICML
       2018, and of Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", ICLR
       2016; taking the orders by strata is ours.
    """
    drawn = rows.draw(n_rows, rng)
    own = rows.log_probabilities(drawn.codes, drawn.orders)
    start = own[np.arange(n_rows), drawn.orders[:, 1]]
    whole = own.sum(axis=1)

    def mean(values: FloatArray) -> Nats:
        return Nats.mean_by(values, drawn.strata[: len(values)], rows.n_strata)

    rest = mean(start - whole)
    exact = rows.start_entropies()
    starts: tuple[Nats | None, ...]
    if exact is None:
        of_start, given_order = mean(-start), mean(-whole)
        parts = [-start[drawn.strata == at] for at in range(rows.n_strata)]
        starts = tuple(Nats.mean(part) if len(part) > 1 else None for part in parts)
    else:
        of_start = Nats(float(exact.mean()))
        given_order = of_start + rest
        starts = tuple(Nats(float(value)) for value in exact)
    n_orders = 1 if rows.is_single else n_orders
    n_bounded = n_rows if n_bounded is None else min(n_bounded, n_rows)
    known = -whole[:n_bounded]
    bounds = _bounds(rows, drawn, known, n_orders, rng)
    if n_bounded == n_rows:
        lower, upper = (mean(bound) for bound in bounds)
    else:  # the rows without bounds enter by regression on their -log P given the order
        slopes = [_slope(known, bound, drawn.strata[:n_bounded]) for bound in bounds]
        lower, upper = (
            mean(bound - slope * known) + Nats(slope * given_order.value, slope * given_order.error)
            for bound, slope in zip(bounds, slopes, strict=True)
        )
    return RowEntropy(of_start, rest, given_order, lower, upper, starts, n_rows, n_orders)


def cross_entropy(
    rows: RowDistribution, codes: IntArray, n_orders: int, rng: np.random.Generator
) -> Nats:
    """Return the mean of -log P over given rows, shape (n_rows, n_columns), at least two.

    For real rows that the distribution has not seen, this is their entropy plus the divergence of
    the distribution from the real one: unlike the entropy, it gets worse where variety is only
    noise. With a single order per stratum it is exact, else an upper bound (see `enclose`).
    """
    n_orders = 1 if rows.is_single else n_orders
    return Nats.mean(-_log_mean(_log_parts(rows, codes, n_orders, rng)))


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
    drawn: DrawnRows,
    known: FloatArray,
    n_orders: int,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """Lower and upper bound of H(X), row by row, of the first ``len(known)`` rows."""
    n_rows = len(known)
    parts = _log_parts(rows, drawn.codes[:n_rows], n_orders, rng)
    upper = -_log_mean(parts)
    parts[np.arange(n_rows), drawn.strata[:n_rows] * n_orders] = -known
    return -_log_mean(parts), upper


def _log_parts(
    rows: RowDistribution, codes: IntArray, n_orders: int, rng: np.random.Generator
) -> FloatArray:
    """Log-probability of each row under drawn orders, shape (n_rows, n_strata * n_orders)."""
    n_rows = len(codes)
    repeated = np.repeat(codes, n_orders, axis=0)
    parts = []
    for stratum in range(rows.n_strata):
        orders = rows.draw_orders(stratum, n_rows * n_orders, rng)
        logs = rows.log_probabilities(repeated, orders).sum(axis=1)
        parts.append(logs.reshape(n_rows, n_orders))
    return np.hstack(parts)


def _log_mean(logs: FloatArray) -> FloatArray:
    """Logarithm of the mean of exp(logs) along the rows."""
    found: FloatArray = logsumexp(logs, axis=1) - np.log(logs.shape[1])
    return found


def measure_entropy(
    sampler: LLMOverSampler,
    *,
    class_: Any = None,
    condition: str | None = None,
    temperature: float | None = None,
    n_rows: int = 500,
    n_orders: int = 2,
    n_bounded: int | None = None,
    random_state: int = 0,
) -> RowEntropy:
    """Measure the entropy of the rows that a fitted over-sampler generates, see `enclose`.

    The sampler is fitted on a table without free text, with ``top_p=1``, and has the label in the
    prompt. `condition` (``"feature"`` or ``"label"``) is what rows start from: a feature's value
    drawn from the real and interpolated rows, or the label alone. It and `temperature` are the
    sampler's own if None. Rejection sampling and selection are no part of the entropy.
    """
    rows = SamplerRows(sampler, class_, condition, temperature)
    rng = np.random.default_rng(random_state)
    return enclose(rows, n_rows, n_orders, rng, n_bounded=n_bounded)


def measure_cross_entropy(
    sampler: LLMOverSampler,
    X: pd.DataFrame,
    *,
    class_: Any = None,
    condition: str | None = None,
    temperature: float | None = None,
    n_orders: int = 2,
    random_state: int = 0,
) -> tuple[Nats, int]:
    """Return the mean of -log P of real rows of a class (lower is better), and of how many rows.

    Rows with a value that training did not show have no probability, and are left out.
    """
    rows = SamplerRows(sampler, class_, condition, temperature)
    codes = _codes_within_schema(sampler, X, rows.label)
    if len(codes) < 2:
        raise ValueError(f"{len(codes)} of the {len(X)} rows are within the sampler's schema")
    rng = np.random.default_rng(random_state)
    return cross_entropy(rows, codes, n_orders, rng), len(codes)


def _codes_within_schema(sampler: LLMOverSampler, X: pd.DataFrame, label: int) -> IntArray:
    """Return the rows without a value that training did not show, shape (n, n_columns)."""
    codes = []
    for i in range(len(X)):
        with contextlib.suppress(SchemaError):
            features = Table.from_frame(X.iloc[[i]], sampler.schema_).codes[0]
            codes.append(np.concatenate([[label], features]))
    return np.array(codes, dtype=np.int64)


class SamplerRows:
    """The rows that a fitted over-sampler generates, as a mixture over orders."""

    def __init__(
        self,
        sampler: LLMOverSampler,
        class_: Any = None,
        condition: str | None = None,
        temperature: float | None = None,
    ) -> None:
        from counterpoise.generation._scoring import Scorer

        generator: RowGenerator = sampler.generator_
        recipe = generator.recipe
        self._serializer = generator.serializer
        if any(column.is_text for column in self._serializer.schema):
            raise ValueError("entropies can't be measured on a table with free text")
        if sampler.recipe_.top_p != 1.0:
            raise ValueError(
                f"entropies can't be measured with top_p; got top_p={sampler.recipe_.top_p}"
            )
        if recipe.permutation not in ("label-first", "condition-first", "all", "none"):
            raise ValueError(
                "entropies can be measured where the label is in the prompt, and the sampler has "
                f"permutation={recipe.permutation!r}"
            )
        self._condition = recipe.condition if condition is None else condition
        if self._condition not in ("feature", "label"):
            raise ValueError(f"condition must be 'feature' or 'label'; got {self._condition!r}")
        self._generator = generator
        self._permutation = recipe.permutation
        self._temperature = recipe.temperature if temperature is None else temperature
        self._scorer = Scorer(generator.model, self._serializer.grammar, generator.device)
        self.label = _trained_label(generator, class_)  # code of the class
        self._is_free = self._condition == "label" and self.is_single
        n_features = len(self._serializer.schema) - 1
        self._features = [1] if self._is_free else list(range(1, n_features + 1))
        self._starts = {at: self._start(at) for at in self._features}

    @property
    def n_strata(self) -> int:
        return len(self._features)

    @property
    def is_single(self) -> bool:
        return self._permutation in ("none", "condition-first")

    def draw(self, n_rows: int, rng: np.random.Generator) -> DrawnRows:
        from counterpoise._progress import Stage
        from counterpoise.generation._decoding import Sampling, generate
        from counterpoise.generation._prompts import draw_generation_orders, draw_prompts

        value_counts = self._generator.value_counts
        prompts = draw_prompts(value_counts, self.label, n_rows, self._condition, rng)
        orders = draw_generation_orders(
            prompts.table.codes, prompts.condition, self._permutation, rng
        )
        table, _ = generate(
            self._generator.model,
            self._serializer,
            prompts.table,
            orders,
            Sampling(self._temperature),
            device=self._generator.device,
            rng=rng,
            advance=Stage(),
        )
        strata = np.searchsorted(self._features, orders[:, 1]).astype(np.int64)
        return DrawnRows(table.codes, orders, strata)

    def draw_orders(self, stratum: int, n: int, rng: np.random.Generator) -> IntArray:
        from counterpoise.generation._prompts import draw_generation_orders

        given = np.full((n, len(self._serializer.schema)), ABSENT, dtype=np.int64)
        given[:, 0] = self.label
        first = 0 if self._is_free else self._features[stratum]
        given[:, first] = self.label  # any code: it only says that the cell is given
        condition = np.full(n, first, dtype=np.int64)
        return draw_generation_orders(given, condition, self._permutation, rng)

    def log_probabilities(self, codes: IntArray, orders: IntArray) -> FloatArray:
        from counterpoise.serialization import serialize

        distinct, which = np.unique(codes, axis=0, return_inverse=True)
        corpus = serialize(Table(self._serializer.schema, distinct, {}), self._serializer)
        logs = self._scorer.by_cell(corpus, which.ravel(), orders, self._temperature)
        if self._condition == "feature":
            for feature, (values, log_shares) in self._starts.items():
                rows = np.flatnonzero(orders[:, 1] == feature)
                cells = codes[rows, feature]
                at = np.minimum(np.searchsorted(values, cells), len(values) - 1)
                logs[rows, feature] = np.where(values[at] == cells, log_shares[at], -np.inf)
        return logs

    def start_entropies(self) -> FloatArray | None:
        if self._condition == "label":
            return None  # the first value is drawn by the model
        logs = [self._starts[feature][1] for feature in self._features]
        return np.array([-(np.exp(log) * log).sum() for log in logs])

    def _start(self, feature: int) -> tuple[IntArray, FloatArray]:
        """Values that prompts draw for a feature, ascending, and their log-probabilities."""
        values, counts = self._generator.value_counts.values(self.label, feature)
        return values, np.log(counts / counts.sum())


def _trained_label(generator: RowGenerator, class_: Any) -> int:
    label = generator.serializer.schema[0]
    trained = generator.value_counts.labels
    names = label.decode(trained).tolist()
    if class_ is None and len(names) == 1:
        return int(trained[0])
    if class_ not in names:
        raise ValueError(f"class_ must be one of the classes trained on, {names}; got {class_!r}")
    return int(trained[names.index(class_)])
