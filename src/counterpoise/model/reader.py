"""Reading what was written so far: a model with a key-value cache, a few tokens a row at a time.

Two readers, one interface: `LlamaReader` for the architecture of both our own backbones, and
:class:`NetworkReader` for every other. They give the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from torch import Tensor

from counterpoise.language.grammar import IntArray
from counterpoise.model.device import Device
from counterpoise.model.language_model import LanguageModel
from counterpoise.model.llama import Llama
from counterpoise.model.llama_reader import LlamaReader, LlamaWeights

if TYPE_CHECKING:
    from counterpoise.model.huggingface import HuggingFaceModel


class Reader(Protocol):
    """A model in the middle of a batch of sentences."""

    def read(self, tokens: IntArray, cues: IntArray, lengths: IntArray, rows: IntArray) -> Tensor:
        """Read further tokens, and score the successors of the last one of some rows.

        Parameters
        ----------
        tokens, cues : ndarray of shape (n_rows, longest)
            What each row has written since the last call, padded at the end.
        lengths : ndarray of shape (n_rows,)
            How much of it is not padding; 0 for rows that are finished.
        rows : ndarray of shape (n_scored,)
            Rows to score; their lengths are positive.

        Returns
        -------
        Tensor of shape (n_scored, n_tokens), float32
            Logits.
        """
        ...


def prepare(model: LanguageModel, device: Device) -> Callable[[int], Reader]:
    """Return what opens a reader for a batch of so many sentences.

    What can be prepared for all batches, such as weights in the precision of the device, is.
    """
    if isinstance(model, Llama):
        weights = LlamaWeights.of(model, device)
        return lambda n_rows: LlamaReader(weights, n_rows, device)
    return lambda n_rows: NetworkReader(cast("HuggingFaceModel", model), n_rows, device)


class NetworkReader:
    """Any Hugging Face model, with its own cache; padding stays in the cache, masked."""

    def __init__(self, model: HuggingFaceModel, n_rows: int, device: Device) -> None:
        self._model = model
        self._device = device
        self._cache: Any = None
        self._n_read = np.zeros(n_rows, dtype=np.int64)
        self._mask = np.zeros((n_rows, 0), dtype=np.int64)

    def read(self, tokens: IntArray, cues: IntArray, lengths: IntArray, rows: IntArray) -> Tensor:
        """Read further tokens; see :class:`Reader`."""
        place = np.arange(tokens.shape[1])
        is_token = place < lengths[:, None]
        self._mask = np.concatenate([self._mask, is_token], axis=1, dtype=np.int64)
        last = np.maximum(lengths - 1, 0)[:, None]
        positions = self._n_read[:, None] + np.minimum(place, last)
        self._n_read += lengths
        to = self._device.tensor
        with self._device.autocast():
            scored: tuple[Tensor, Any] = self._model.read(
                to(tokens),
                to(cues),
                (to(rows), to(lengths[rows] - 1)),
                positions=to(positions),
                attention_mask=to(self._mask),
                cache=self._cache,
                use_cache=True,
            )
        logits, self._cache = scored
        return logits
