"""One small interface to any causal language model, over the tokens of one table."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from counterpoise.errors import ModelError


class LanguageModel(nn.Module, ABC):
    """A causal language model whose vocabulary is that of one table."""

    @property
    @abstractmethod
    def longest(self) -> int | None:
        """Most tokens of a sentence that the model can read; None if there is no limit."""

    @abstractmethod
    def forward(self, tokens: Tensor, column_tokens: Tensor, at: tuple[Tensor, Tensor]) -> Tensor:
        """Score the tokens that may follow chosen places.

        Parameters
        ----------
        tokens : Tensor of shape (n_rows, length), int64
            What is written.
        cues : Tensor of shape (n_rows, length), int64
            The token whose embedding is added at each place; negative for none.
        at : pair of Tensors of shape (n_places,)
            Row and column of each place of `tokens` whose successor is scored; the output layer
            runs only there.

        Returns
        -------
        Tensor of shape (n_places, n_tokens), float32
            Logits.
        """

    def check_length(self, n_tokens: int) -> None:
        """Raise ModelError if a sentence of `n_tokens` is longer than the model can read."""
        if self.longest is not None and n_tokens > self.longest:
            raise ModelError(
                f"a row of this table takes up to {n_tokens} tokens, but the model reads at most "
                f"{self.longest}; use serialization='table', or fewer columns"
            )
