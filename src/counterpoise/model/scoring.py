"""The log-likelihood of rows under a model and the grammar: what training lowers, and a measure."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from counterpoise.language.grammar import FORCED, Grammar
from counterpoise.language.sentences import Corpus, Sentences, draw_orders
from counterpoise.model.device import Device
from counterpoise.model.language_model import LanguageModel

_BATCH_SIZE = 128


class Scorer:
    """Log-likelihood of written sentences under a model and the grammar.

    A token's probability is its share among the tokens that the grammar permits where it was
    chosen: what generation draws from. Forced tokens, and the label, which is always given,
    have probability one.
    """

    def __init__(self, model: LanguageModel, grammar: Grammar, device: Device) -> None:
        self._model = model
        self._device = device
        self._allowed = device.tensor(grammar.allowed)
        self._allowed_set = grammar.allowed_set
        self._is_scored = grammar.column != 0

    def log_likelihood(self, sentences: Sentences) -> tuple[Tensor, Tensor]:
        """Return the log-probability of each chosen token, and the row it belongs to.

        Both have shape (n_chosen,).
        """
        states = sentences.states[:, 1:]
        chosen = (states != FORCED) & self._is_scored[states]
        rows, columns = np.nonzero(chosen)
        sets = self._device.tensor(self._allowed_set[states[rows, columns]])
        tokens = self._device.tensor(sentences.tokens)
        cues = self._device.tensor(sentences.cues)
        rows_, columns_ = self._device.tensor(rows), self._device.tensor(columns)
        with self._device.autocast():
            logits, _ = self._model(tokens[:, :-1], cues[:, :-1], (rows_, columns_))
        logits = logits.masked_fill(~self._allowed[sets], -torch.inf)
        targets = tokens[rows_, columns_ + 1]
        return -functional.cross_entropy(logits, targets, reduction="none"), rows_

    @torch.no_grad()
    def loss_a_row(
        self, corpus: Corpus, permutation: str, rng: np.random.Generator, n_orders: int = 1
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
                log_likelihood, _ = self.log_likelihood(corpus.sentences(rows, orders[rows]))
                total -= float(log_likelihood.sum())
        self._model.train(was_training)
        return total / float(n_orders * n_rows)
