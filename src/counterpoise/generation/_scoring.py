"""The log-likelihood of rows under a model and the grammar: what training raises, and a measure."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.special import logsumexp
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional

from counterpoise.columns import ABSENT, Schema, Table
from counterpoise.columns._base import distinct
from counterpoise.constraints._layout import Layout
from counterpoise.errors import SchemaError
from counterpoise.generation._generator import RowGenerator
from counterpoise.grammar._grammar import FORCED, BoolArray, FloatArray, Grammar, IntArray
from counterpoise.models._language_model import Device, LanguageModel
from counterpoise.models._llama import Llama
from counterpoise.serialization import (
    SerializedTable,
    TokenBatch,
    draw_orders,
    label_is_given,
    serialize,
)

_BATCH_SIZE = 128
N_ORDERS = 8  # random orders of the columns over which `score_rows` takes the mean
_SMALL_MODEL = 10_000_000  # parameters, under which a model is copied to score in double precision


class Scorer:
    """Log-likelihood of serialized rows under a model and the grammar.

    A token's probability is its share among the tokens that the grammar permits where it was
    chosen: what generation draws from. Forced tokens have probability one, and so has the label
    unless `scores_label`. The first `n_context` features do not count in the loss of a row.
    """

    def __init__(
        self,
        model: LanguageModel,
        grammar: Grammar,
        device: Device,
        *,
        scores_label: bool = False,
        n_context: int = 0,
    ) -> None:
        self._n_context = n_context
        self._model = model
        self._device = device
        self._allowed = device.tensor(grammar.allowed)
        self._allowed_set = grammar.allowed_set
        self._column = grammar.column
        self._is_scored = (grammar.column != 0) | scores_label
        self._by_column: _LogitsByColumn | None = None
        if model.is_block and isinstance(model, Llama) and not model.shape.is_tied:
            by_column = _LogitsByColumn(model, grammar, device)
            self._by_column = by_column if by_column.is_smaller else None

    @torch.no_grad()
    def by_cell(
        self, corpus: SerializedTable, rows: IntArray, orders: IntArray, temperature: float = 1.0
    ) -> FloatArray:
        """Return the log-probability of each cell, given the label and the cells before it.

        `rows` (n,) are positions in `corpus`, `orders` (n, n_columns) the columns of each in their
        order. The result is in the order of the table, with 0 for a label that is given.
        """
        self._model.eval()
        result = np.zeros((len(rows), corpus.segments.shape[1]))
        for start in range(0, len(rows), _BATCH_SIZE):
            part = slice(start, start + _BATCH_SIZE)
            token_batch = corpus.token_batch(rows[part], orders[part])
            scores, row, column = self.log_likelihood(token_batch, temperature)
            np.add.at(result, (row + start, column), scores.double().cpu().numpy())
        return result

    @torch.no_grad()
    def loss_per_row(
        self, corpus: SerializedTable, permutation: str, rng: np.random.Generator, n_orders: int = 1
    ) -> float:
        """Return the mean negative log-likelihood per row, in nats, over random orders."""
        was_training = self._model.training
        self._model.eval()
        total = 0.0
        n_rows, n_columns = corpus.segments.shape
        for _ in range(n_orders):
            orders = draw_orders(n_rows, n_columns, permutation, rng)
            for start in range(0, n_rows, _BATCH_SIZE):
                rows = np.arange(start, min(start + _BATCH_SIZE, n_rows))
                batch = corpus.token_batch(rows, orders[rows])
                scores, _, columns = self.log_likelihood(batch)
                if self._n_context:
                    scores = scores[self._device.tensor(columns > self._n_context)]
                total -= float(scores.sum())
        self._model.train(was_training)
        return total / float(n_orders * n_rows)

    def log_likelihood(
        self, token_batch: TokenBatch, temperature: float = 1.0
    ) -> tuple[Tensor, IntArray, IntArray]:
        """Return the log-probability of each chosen token, its row, and its column of the table."""
        states = token_batch.states[:, 1:]
        chosen = (states != FORCED) & self._is_scored[states]
        rows, columns = np.nonzero(chosen)
        chosen_in = states[rows, columns]
        sets = self._device.tensor(self._allowed_set[chosen_in])
        tokens = self._device.tensor(token_batch.tokens)
        column_tokens = self._device.tensor(token_batch.column_tokens)
        before = tokens[:, :-1], column_tokens[:, :-1]
        if self._by_column is not None:
            scored = rows, columns, chosen_in, token_batch.tokens[rows, columns + 1]
            scores = self._by_column.scores(before, *scored, temperature)
            return scores, rows, self._column[chosen_in]
        rows_, columns_ = self._device.tensor(rows), self._device.tensor(columns)
        with self._device.autocast():
            logits = self._model(*before, (rows_, columns_))
        logits = logits.masked_fill(~self._allowed[sets], -torch.inf)
        targets = tokens[rows_, columns_ + 1]
        scores = -functional.cross_entropy(logits / temperature, targets, reduction="none")
        return scores, rows, self._column[chosen_in]


class _LogitsByColumn:
    """What a block's scorer computes, with logits of the tokens of one column at a time.

    A block has hundreds of tokens and a column a dozen: most of the output layer would be masked.
    """

    def __init__(self, model: Llama, grammar: Grammar, device: Device) -> None:
        self._model, self._device = model, device
        self._column = grammar.column
        self._n_columns = int(self._column.max()) + 1
        permitted = grammar.allowed[grammar.allowed_set]  # (n_states, n_tokens)
        by_column = [permitted[self._column == at].any(axis=0) for at in range(self._n_columns)]
        own = [np.flatnonzero(tokens) for tokens in by_column]
        size = max(map(len, own))
        self.is_smaller = size * len(own) < 2 * grammar.n_tokens  # no column has far more tokens
        if not self.is_smaller:
            return
        padded = [np.append(tokens, np.zeros(size - len(tokens), dtype=int)) for tokens in own]
        self._place = np.zeros((len(own), grammar.n_tokens), dtype=np.int64)  # of a token
        is_permitted = np.zeros((len(permitted), size), dtype=bool)
        for at, tokens in enumerate(own):
            self._place[at, tokens] = np.arange(len(tokens))
            states = np.flatnonzero(self._column == at)
            is_permitted[states, : len(tokens)] = permitted[np.ix_(states, tokens)]
        self._tokens = device.tensor(np.stack(padded))  # (n_columns, size)
        self._bias = device.tensor(np.where(is_permitted, 0, -np.inf).astype(np.float32))
        self._identity = torch.eye(model.shape.width).to(model.head)

    def scores(
        self,
        before: tuple[Tensor, Tensor],
        rows: IntArray,
        places: IntArray,
        states: IntArray,
        targets: IntArray,
        temperature: float,
    ) -> Tensor:
        """Return the log-probability of the `targets`, tokens that were chosen in `states`."""
        to, column = self._device.tensor, self._column[states]
        order = np.argsort(column, kind="stable")
        n_each = np.bincount(column, minlength=self._n_columns)
        within = np.empty_like(order)
        within[order] = np.arange(len(order)) - np.repeat(np.cumsum(n_each) - n_each, n_each)
        at = column * n_each.max() + within  # in (n_columns, most of a column)
        where = np.zeros((2, self._n_columns * n_each.max()), dtype=np.int64)
        where[:, at] = rows, places
        with self._device.autocast():
            # with the identity as its output layer, the model returns what that layer reads
            hidden = functional_call(
                self._model, {"untied_head": self._identity}, (*before, tuple(to(where)))
            )
            hidden = hidden.view(self._n_columns, -1, hidden.shape[-1])
            head = functional.embedding(self._tokens, self._model.head)
            logits = hidden.to(head.dtype) @ head.transpose(1, 2)
        logits = logits.flatten(0, 1).index_select(0, to(at)) + self._bias[to(states)]
        chosen = to(self._place[column, targets])
        return -functional.cross_entropy(logits / temperature, chosen, reduction="none")


def score_rows(
    generator: RowGenerator, layout: Layout, X: pd.DataFrame, labels: Sequence[Any] | None
) -> FloatArray:
    """Return the log-likelihood of rows given their class; see `LLMOverSampler.score_samples`."""
    if labels is None:
        classes = layout.schema[0].decode(generator.value_counts.labels).tolist()
        by_class = [score_rows(generator, layout, X, [class_] * len(X)) for class_ in classes]
        mean: FloatArray = logsumexp(by_class, axis=0) - np.log(len(classes))
        return mean
    table, is_possible = _encode_rows(layout.schema, X, labels)
    learned = layout.join(table)
    for at, members in enumerate(layout.members):  # a combination that no real row has
        is_whole = (table.codes[:, members] != ABSENT).all(axis=1)
        is_possible &= ~(is_whole & (learned.codes[:, at] == ABSENT))
    for derivation in layout.derived:
        is_possible &= derivation.constraint.agrees(table)
    is_possible &= np.isin(table.codes[:, 0], generator.value_counts.labels)
    scores = np.where(is_possible, 0.0, -np.inf)
    possible = np.flatnonzero(is_possible)
    if not len(possible):
        return scores
    # the context of a block has to come first
    permutation = "none" if generator.blocks else generator.recipe.permutation
    n_orders = 1 if permutation == "none" else N_ORDERS
    learned = learned.take(possible)
    rng, rows = np.random.default_rng(0), np.arange(len(possible))
    for block, part in generator.parts:
        serialized, model = serialize(block.of(learned), part.serializer), part.model
        if sum(parameter.numel() for parameter in model.parameters()) < _SMALL_MODEL:
            model = copy.deepcopy(model).double()  # a row's score must not depend on its batch
        grammar, scores_label = part.serializer.grammar, not label_is_given(permutation)
        scorer = Scorer(model, grammar, part.device, scores_label=scores_label)
        for _ in range(n_orders):
            order = draw_orders(1, len(block.columns), permutation, rng)
            by_cell = scorer.by_cell(serialized, rows, np.repeat(order, len(rows), axis=0))
            by_cell[:, 1 : 1 + block.n_context] = 0.0
            scores[possible] += by_cell.sum(axis=1) / n_orders
    return scores


def _encode_rows(schema: Schema, X: pd.DataFrame, labels: Sequence[Any]) -> tuple[Table, BoolArray]:
    """Encode rows that may hold anything; also return which rows can be generated at all."""
    names = [column.name for column in schema][1:]
    if X.columns.tolist() != names:
        raise ValueError(f"X must have the columns of the fit, {names}; got {X.columns.tolist()}")
    if len(labels) != len(X):
        raise ValueError(f"X has {len(X)} rows and y has {len(labels)}")
    codes = np.full((len(X), len(schema)), ABSENT, dtype=np.int64)
    is_possible = np.ones(len(X), dtype=bool)
    cells = [pd.Series(labels, name=schema[0].name), *(X.iloc[:, i] for i in range(len(names)))]
    for at, (column, series) in enumerate(zip(schema, cells, strict=True)):
        if column.is_text:
            continue
        try:
            series = series.astype(column.dtype)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"column {column.name!r} has dtype {series.dtype}, and {column.dtype} in the fit"
            ) from error
        # each distinct cell is encoded once; missing ones are ABSENT where the column has none
        _, firsts, which = np.unique(distinct(series)[0], return_index=True, return_inverse=True)
        encoded = np.full(len(firsts), ABSENT, dtype=np.int64)
        for position, first in enumerate(firsts):
            with suppress(SchemaError):  # the column cannot generate it
                encoded[position] = column.encode(series.iloc[[first]])[0]
        encoded[~column.contains(encoded)] = ABSENT
        codes[:, at] = encoded[which]
        is_possible &= series.isna().to_numpy() | (codes[:, at] != ABSENT)
    return Table(schema, codes), is_possible
