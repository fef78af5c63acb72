"""Reading further tokens of a batch of sentences with a Llama.

Weights are converted to the precision once, the cache is allocated ahead, and each row's tokens
lie in it without gaps, however far apart the rows are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from counterpoise.language.grammar import IntArray
from counterpoise.model.device import Device
from counterpoise.model.llama import (
    Llama,
    LlamaShape,
    attend,
    embed,
    feed_forward,
    normalise,
    rotary,
    rotate,
)

_FIRST_CAPACITY = 32


class LlamaReader:
    """A batch of sentences, read by a Llama; see `counterpoise.model.reader.Reader`.

    Shapes below: B rows, L new tokens a row, T tokens in the cache, H heads, K key-value heads,
    D the width of a head.
    """

    def __init__(self, weights: LlamaWeights, n_rows: int, device: Device) -> None:
        self._device = device
        self._weights = weights
        self._n_read = np.zeros(n_rows, dtype=np.int64)
        shape = self._weights.cache_shape(n_rows, _FIRST_CAPACITY)
        self._cache = torch.zeros(shape, dtype=device.cache_precision, device=device.device)

    def read(self, tokens: IntArray, cues: IntArray, lengths: IntArray, rows: IntArray) -> Tensor:
        """Read further tokens, and score the successors of the last one of `rows`."""
        to, weights = self._device.tensor, self._weights
        n_new = tokens.shape[1]
        n_keys = int(self._n_read.max()) + n_new
        self._reserve(n_keys)
        # 1. each token goes behind what its row has read. Padding goes there too: the row's next
        #    tokens take its place, and no token attends to what lies behind itself
        place = to(self._n_read[:, None] + np.arange(n_new))  # (B, L)
        in_step = bool((self._n_read == self._n_read[0]).all())
        where = slice(n_keys - n_new, n_keys) if in_step else place
        bias = None
        if n_new > 1 or not in_step:
            behind = torch.arange(n_keys, device=place.device) > place[..., None]
            bias = torch.zeros(behind.shape, dtype=self._cache.dtype, device=place.device)
            bias = bias.masked_fill_(behind, -torch.inf)[:, None]  # (B, 1, L, T)
        # 2. the layers; rows in step share their positions
        rotation = rotary(place[0] if in_step else place[:, None], weights.shape)
        hidden = embed(to(tokens), to(cues), weights.embedding)  # (B, L, width)
        for layer, cache in zip(weights.layers, self._cache, strict=True):
            hidden = layer.forward(hidden, rotation, cache, where, n_keys, bias)
        self._n_read += lengths
        # 3. the output layer, at the last token of the rows that are asked for
        return weights.score(hidden[to(rows), to(lengths[rows] - 1)])

    def _reserve(self, n_keys: int) -> None:
        capacity = self._cache.shape[-2]
        if n_keys > capacity:
            more = (0, 0, 0, max(n_keys - capacity, capacity))
            self._cache = functional.pad(self._cache, more)


@dataclass(frozen=True, slots=True)
class _Layer:
    """The weights of one layer, in the precision of the device."""

    shape: LlamaShape
    attention_norm: Tensor
    qkv: Tensor
    output: Tensor
    mlp_norm: Tensor
    gate_up: Tensor
    down: Tensor

    def forward(
        self,
        hidden: Tensor,
        rotation: tuple[Tensor, Tensor],
        cache: Tensor,
        where: slice | Tensor,
        n_keys: int,
        bias: Tensor | None,
    ) -> Tensor:
        """Return the layer's output (B, L, width), storing keys and values in the cache.

        Parameters
        ----------
        cache : Tensor of shape (2, B, K, T, D)
            Keys and values; changed in place.
        where : slice or Tensor of shape (B, L)
            Where the new tokens go in the cache: a slice where all rows are in step.
        bias : Tensor of shape (B, 1, L, n_keys), optional
            Added to the scores.
        """
        n_rows, n_new, _ = hidden.shape
        h, k = self.shape.n_heads, self.shape.n_kv_heads
        normed = normalise(hidden, self.attention_norm, self.shape.epsilon)
        heads = functional.linear(normed, self.qkv).view(n_rows, n_new, h + 2 * k, -1)
        heads = heads.transpose(1, 2)  # (B, H + 2 K, L, D)
        turned = rotate(heads[:, : h + k], rotation)
        if isinstance(where, slice):
            cache[0, :, :, where] = turned[:, h:]
            cache[1, :, :, where] = heads[:, h + k :]
        else:
            rows = torch.arange(n_rows, device=where.device)[:, None]
            new = torch.stack([turned[:, h:], heads[:, h + k :]]).to(cache.dtype)
            cache[:, rows, :, where] = new.permute(1, 3, 0, 2, 4)  # (B, L, 2, K, D)
        keys, values = cache[:, :, :, :n_keys]
        mixed = attend(turned[:, :h].to(cache.dtype), keys, values, bias).to(hidden.dtype)
        mixed = mixed.transpose(1, 2).reshape(n_rows, n_new, -1)
        hidden = hidden + functional.linear(mixed, self.output)
        normed = normalise(hidden, self.mlp_norm, self.shape.epsilon)
        return hidden + feed_forward(normed, self.gate_up, self.down)


@dataclass(frozen=True, slots=True)
class LlamaWeights:
    """The weights of a Llama in the precision of a device."""

    shape: LlamaShape
    layers: list[_Layer]
    embedding: Tensor
    norm: Tensor
    head: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, model: Llama, device: Device) -> LlamaWeights:
        """Gather the weights of `model`; no copy where they are in the precision already."""

        def converted(weight: Tensor) -> Tensor:
            return weight.detach().to(device.precision)

        layers = [
            _Layer(model.shape, **{name: converted(w) for name, w in layer.named_parameters()})
            for layer in model.layers
        ]
        outer = (converted(weight) for weight in (model.embedding, model.norm, model.head))
        return cls(model.shape, layers, *outer)

    def cache_shape(self, n_rows: int, capacity: int) -> tuple[int, ...]:
        """Return the shape of a cache of `capacity` tokens: (layers, 2, B, K, T, D)."""
        shape = self.shape
        return shape.n_layers, 2, n_rows, shape.n_kv_heads, capacity, shape.head_width

    def score(self, hidden: Tensor) -> Tensor:
        """Return the logits of the last layer's output, float32."""
        normed = normalise(hidden, self.norm, self.shape.epsilon)
        return functional.linear(normed, self.head).float()
