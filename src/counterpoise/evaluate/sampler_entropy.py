"""The entropy of the rows that a fitted over-sampler writes, with or without its ideas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from counterpoise.errors import SchemaError
from counterpoise.evaluate.entropy import (
    FloatArray,
    IntArray,
    Nats,
    RowEntropy,
    Written,
    cross_entropy,
    enclose,
)
from counterpoise.table import ABSENT, Table, TextColumn

if TYPE_CHECKING:
    from counterpoise.oversample.sampler import LLMOverSampler
    from counterpoise.oversample.writer import RowWriter

__all__ = ["SamplerRows", "measure_cross_entropy", "measure_entropy"]


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
        from counterpoise.model.scoring import Scorer

        writer: RowWriter = sampler.writer_
        recipe = writer.recipe
        if any(isinstance(column, TextColumn) for column in writer.language.schema):
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
        self._writer = writer
        self._temperature = recipe.temperature if temperature is None else temperature
        self._scorer = Scorer(writer.model, writer.language.grammar, writer.device)
        self.label = _trained_label(writer, class_)
        n_features = len(writer.language.schema) - 1
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
        from counterpoise.model.generation import Sampling, generate
        from counterpoise.oversample.condition import draw_prompts, draw_writing_orders
        from counterpoise.progress import SilentProgress

        writer = self._writer
        prompts = draw_prompts(writer.rows.starts, self.label, n_rows, self._condition, rng)
        orders = draw_writing_orders(
            prompts.table.codes, prompts.condition, writer.recipe.permutation, rng
        )
        generated = generate(
            writer.model,
            writer.language,
            prompts.table,
            orders,
            Sampling(self._temperature),
            device=writer.device,
            rng=rng,
            progress=SilentProgress(),
        )
        strata = np.searchsorted(self._features, orders[:, 1]).astype(np.int64)
        return Written(generated.table.codes, orders, strata)

    def ways(self, stratum: int, n: int, rng: np.random.Generator) -> IntArray:
        """Draw orders that begin with the label and the feature of `stratum`."""
        from counterpoise.oversample.condition import draw_writing_orders

        n_columns = len(self._writer.language.schema)
        given = np.full((n, n_columns), ABSENT, dtype=np.int64)
        given[:, 0] = self.label
        first = 0 if self._is_free else self._features[stratum]
        given[:, first] = self.label  # any code: it only says that the cell is given
        condition = np.full(n, first, dtype=np.int64)
        return draw_writing_orders(given, condition, self._writer.recipe.permutation, rng)

    def log_probabilities(self, codes: IntArray, orders: IntArray) -> FloatArray:
        """Log-probability of each cell given the cells before it, shape (n_rows, n_columns)."""
        from counterpoise.language.sentences import spell

        language = self._writer.language
        distinct, which = np.unique(codes, axis=0, return_inverse=True)
        corpus = spell(Table(language.schema, distinct, {}), language)
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
        values, counts = self._writer.rows.starts.values(self.label, feature)
        return values, np.log(counts / counts.sum())


def _trained_label(writer: RowWriter, class_: Any) -> int:
    label = writer.language.schema[0]
    trained = writer.rows.starts.labels
    names = label.decode(trained).tolist()
    if class_ is None and len(names) == 1:
        return int(trained[0])
    if class_ not in names:
        raise ValueError(f"class_ must be one of the classes trained on, {names}; got {class_!r}")
    return int(trained[names.index(class_)])
