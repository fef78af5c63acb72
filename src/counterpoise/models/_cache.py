"""Reading what was written so far: a model with a key-value cache, a few tokens a row at a time.

Two readers, one interface: `LlamaReader` for the architecture of both our own backbones, and
:class:`NetworkReader` for every other. They give the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from torch import Tensor

from counterpoise.grammar._grammar import IntArray
from counterpoise.models._base import LanguageModel
from counterpoise.models._device import Device
from counterpoise.models._llama import Llama
from counterpoise.models._llama_cache import LlamaCache, LlamaWeights

if TYPE_CHECKING:
    from counterpoise.models._huggingface import HuggingFaceModel


class CachedModel(Protocol):
    """A model in the middle of a batch of sentences, all at the same place."""

    def read(self, tokens: IntArray, column_tokens: IntArray, rows: IntArray) -> Tensor:
        """Read further tokens of each row, and score the successors of the last one of some rows.

        Parameters
        ----------
        tokens, cues : ndarray of shape (n_rows, n_new)
            What comes next in each row; anything in a row that is finished.
        rows : ndarray of shape (n_scored,)
            Rows to score.

        Returns
        -------
        Tensor of shape (n_scored, n_tokens), float32
            Logits.
        """
        ...

    def keep(self, rows: IntArray) -> None:
        """Go on with some rows alone, which are then numbered anew."""
        ...


def prepare(model: LanguageModel, device: Device) -> Callable[[int], CachedModel]:
    """Return what opens a reader for a batch of so many sentences.

    What can be prepared for all batches, such as weights in the precision of the device, is.
    """
    if isinstance(model, Llama):
        weights = LlamaWeights.of(model, device)
        return lambda n_rows: LlamaCache(weights, n_rows, device)
    return lambda _: HuggingFaceCache(cast("HuggingFaceModel", model), device)


class HuggingFaceCache:
    """Any Hugging Face model, with its own cache."""

    def __init__(self, model: HuggingFaceModel, device: Device) -> None:
        self._model = model
        self._device = device
        self._cache: Any = None

    def read(self, tokens: IntArray, column_tokens: IntArray, rows: IntArray) -> Tensor:
        """Read further tokens; see :class:`Reader`."""
        to = self._device.tensor
        last = np.full(len(rows), tokens.shape[1] - 1)
        with self._device.autocast():
            logits, self._cache = self._model.read(
                to(tokens),
                to(column_tokens),
                (to(rows), to(last)),
                cache=self._cache,
                use_cache=True,
            )
        return logits

    def keep(self, rows: IntArray) -> None:
        """Go on with `rows` alone; see :class:`Reader`."""
        self._cache.batch_select_indices(self._device.tensor(rows))
