"""The log-likelihood of rows under a model and the grammar: what training lowers, and a measure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from counterpoise.grammar._grammar import FORCED, Grammar, IntArray
from counterpoise.models._base import LanguageModel
from counterpoise.models._device import Device
from counterpoise.serialization._serializer import SerializedTable, TokenBatch, draw_orders

FloatArray = npt.NDArray[np.float64]

_BATCH_SIZE = 128


class Scorer:
    """Log-likelihood of written sentences under a model and the grammar.

    A token's probability is its share among the tokens that the grammar permits where it was
    chosen: what generation draws from. Forced tokens have probability one, and so has the label
    unless `scores_label`.
    """

    def __init__(
        self,
        model: LanguageModel,
        grammar: Grammar,
        device: Device,
        *,
        scores_label: bool = False,
    ) -> None:
        self._model = model
        self._device = device
        self._allowed = device.tensor(grammar.allowed)
        self._allowed_set = grammar.allowed_set
        self._column = grammar.column
        self._is_scored = (grammar.column != 0) | scores_label

    def log_likelihood(self, token_batch: TokenBatch) -> tuple[Tensor, Tensor]:
        """Return the log-probability of each chosen token, and the row it belongs to.

        Both have shape (n_chosen,).
        """
        log_likelihood, rows, _ = self._score(token_batch, 1.0)
        return log_likelihood, rows

    @torch.no_grad()
    def by_cell(
        self, corpus: SerializedTable, rows: IntArray, orders: IntArray, temperature: float = 1.0
    ) -> FloatArray:
        """Return the log-probability of each cell, given the label and the cells before it.

        Parameters
        ----------
        corpus : Corpus
            Whole rows.
        rows : ndarray of shape (n,)
            Which of them to score; a row may come more than once.
        orders : ndarray of shape (n, n_columns)
            The order of the columns in each sentence.
        temperature : float
            Of the distribution that tokens are drawn from.

        Returns
        -------
        ndarray of shape (n, n_columns), float64
            In the order of the table; 0 for the label.
        """
        was_training = self._model.training
        self._model.eval()
        result = np.zeros(orders.shape)
        for start in range(0, len(rows), _BATCH_SIZE):
            part = slice(start, start + _BATCH_SIZE)
            scores, row, column = self._score(
                corpus.token_batch(rows[part], orders[part]), temperature
            )
            of_token = scores.double().cpu().numpy()
            np.add.at(result, (row.cpu().numpy() + start, column), of_token)
        self._model.train(was_training)
        return result

    def _score(
        self, token_batch: TokenBatch, temperature: float
    ) -> tuple[Tensor, Tensor, IntArray]:
        """Log-probability of each chosen token, its row, and its column of the table."""
        states = token_batch.states[:, 1:]
        chosen = (states != FORCED) & self._is_scored[states]
        rows, columns = np.nonzero(chosen)
        sets = self._device.tensor(self._allowed_set[states[rows, columns]])
        tokens = self._device.tensor(token_batch.tokens)
        column_tokens = self._device.tensor(token_batch.column_tokens)
        rows_, columns_ = self._device.tensor(rows), self._device.tensor(columns)
        with self._device.autocast():
            logits = self._model(tokens[:, :-1], column_tokens[:, :-1], (rows_, columns_))
        logits = logits.masked_fill(~self._allowed[sets], -torch.inf)
        targets = tokens[rows_, columns_ + 1]
        scores = -functional.cross_entropy(logits / temperature, targets, reduction="none")
        return scores, rows_, self._column[states[rows, columns]]

    @torch.no_grad()
    def loss_per_row(
        self, corpus: SerializedTable, permutation: str, rng: np.random.Generator, n_orders: int = 1
    ) -> float:
        """Return the mean negative log-likelihood of a row, in nats.

        A row's likelihood depends on the order of its columns; it is averaged over `n_orders`
        random ones.
        """
        was_training = self._model.training
        self._model.eval()
        total = 0.0
        n_rows, n_columns = corpus.segments.shape
        for _ in range(n_orders):
            orders = draw_orders(n_rows, n_columns, permutation, rng)
            for start in range(0, n_rows, _BATCH_SIZE):
                rows = np.arange(start, min(start + _BATCH_SIZE, n_rows))
                log_likelihood, _ = self.log_likelihood(corpus.token_batch(rows, orders[rows]))
                total -= float(log_likelihood.sum())
        self._model.train(was_training)
        return total / float(n_orders * n_rows)
