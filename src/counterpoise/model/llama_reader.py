"""Reading further tokens of a batch of sentences with a Llama.

Weights are converted to the precision once, the cache is allocated ahead, and all rows are at the
same place of their sentences: positions, cache and mask are the same for each.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from counterpoise.language.grammar import IntArray
from counterpoise.model.device import Device
from counterpoise.model.llama import (
    Llama,
    LlamaShape,
    attend,
    causal_bias,
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
        self._n_read = 0
        shape = self._weights.cache_shape(n_rows, _FIRST_CAPACITY)
        self._cache = torch.zeros(shape, dtype=device.cache_precision, device=device.device)
        self._turns()

    def read(self, tokens: IntArray, cues: IntArray, rows: IntArray) -> Tensor:
        """Read further tokens of each row, and score the successors of the last one of `rows`."""
        to, weights = self._device.tensor, self._weights
        n_new = tokens.shape[1]
        n_keys = self._n_read + n_new
        self._reserve(n_keys)
        new = slice(self._n_read, n_keys)
        bias = causal_bias(self._place[:n_keys])[new] if n_new > 1 else None  # (L, T)
        rotation = self._cosine[new], self._sine[new]
        hidden = embed(to(tokens), to(cues), weights.embedding)  # (B, L, width)
        for layer, cache in zip(weights.layers, self._cache[..., :n_keys, :], strict=True):
            hidden = layer.forward(hidden, rotation, cache, bias)
        self._n_read = n_keys
        return weights.score(hidden[:, -1].index_select(0, to(rows)))

    def keep(self, rows: IntArray) -> None:
        """Go on with `rows` alone."""
        self._cache = self._cache.index_select(2, self._device.tensor(rows))

    def _reserve(self, n_keys: int) -> None:
        capacity = self._cache.shape[-2]
        if n_keys > capacity:
            more = (0, 0, 0, max(n_keys - capacity, capacity))
            self._cache = functional.pad(self._cache, more)
            self._turns()

    def _turns(self) -> None:
        """Tell the positions that the cache has room for, and what they turn a head by."""
        self._place = torch.arange(self._cache.shape[-2], device=self._device.device)
        self._cosine, self._sine = rotary(self._place, self._weights.shape)


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
        bias: Tensor | None,
    ) -> Tensor:
        """Return the layer's output (B, L, width), storing keys and values in the cache.

        Parameters
        ----------
        cache : Tensor of shape (2, B, K, T, D)
            Keys and values; the last L are set.
        bias : Tensor of shape (L, T), optional
            Added to the scores.
        """
        n_rows, n_new, _ = hidden.shape
        h, k = self.shape.n_heads, self.shape.n_kv_heads
        normed = normalise(hidden, self.attention_norm, self.shape.epsilon)
        heads = functional.linear(normed, self.qkv).view(n_rows, n_new, h + 2 * k, -1)
        heads = heads.transpose(1, 2)  # (B, H + 2 K, L, D)
        turned = rotate(heads[:, : h + k], rotation)
        cache[0, :, :, -n_new:] = turned[:, h:]
        cache[1, :, :, -n_new:] = heads[:, h + k :]
        keys, values = cache
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
