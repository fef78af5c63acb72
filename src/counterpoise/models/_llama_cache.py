"""Reading further tokens of a batch of sentences with a Llama.

Weights are converted to the precision once, the cache is allocated ahead, and all rows are at the
same place of their sentences: positions, cache and mask are the same for each.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from counterpoise.grammar._grammar import IntArray
from counterpoise.models._device import Device
from counterpoise.models._llama import Llama, LlamaShape, causal_bias, embed, normalise, rotary

_FIRST_CAPACITY = 32


class LlamaCache:
    """A batch of sentences, read by a Llama; see `counterpoise.models._cache.CachedModel`.

    Shapes below: B rows, L new tokens a row, T tokens in the cache, H heads, K key-value heads,
    D the width of a head.
    """

    def __init__(self, weights: LlamaWeights, n_rows: int, device: Device) -> None:
        self._device = device
        self._weights = weights
        self._n_read = 0
        shape = self._weights.cache_shape(n_rows, _FIRST_CAPACITY)
        self._cache = torch.zeros(shape, dtype=device.cache_precision, device=device.device)
        self._prepare_places()

    def read(self, tokens: IntArray, column_tokens: IntArray, rows: IntArray) -> Tensor:
        """Read further tokens of each row, and score the successors of the last one of `rows`."""
        to, weights = self._device.tensor, self._weights
        n_new = tokens.shape[1]
        n_keys = self._n_read + n_new
        self._reserve(n_keys)
        new = slice(self._n_read, n_keys)
        bias = causal_bias(self._place[:n_keys])[new] if n_new > 1 else None  # (L, T)
        turns = self._turns[new]
        hidden = embed(to(tokens), to(column_tokens), weights.embedding)  # (B, L, width)
        for layer, cache in zip(weights.layers, self._cache[..., :n_keys, :], strict=True):
            hidden = layer.forward(hidden, turns, cache, bias)
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
            self._prepare_places()

    def _prepare_places(self) -> None:
        """Tell the positions that the cache has room for, and what they turn a head by."""
        self._place = torch.arange(self._cache.shape[-2], device=self._device.device)
        self._turns = torch.complex(*rotary(self._place, self._weights.shape))[:, None]


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
        turns: Tensor,
        cache: Tensor,
        bias: Tensor | None,
    ) -> Tensor:
        """Return the layer's output (B, L, width), storing keys and values in the cache.

        Parameters
        ----------
        hidden : Tensor of shape (B, L, width)
            Overwritten.
        turns : Tensor of shape (L, 1, D / 2), complex64
            What each pair of a head is multiplied by.
        cache : Tensor of shape (2, B, K, T, D)
            Keys and values; the last L are set.
        bias : Tensor of shape (L, T), optional
            Added to the scores.
        """
        n_rows, n_new, width = hidden.shape
        h, k = self.shape.n_heads, self.shape.n_kv_heads
        hidden = hidden.view(-1, width)
        normed = normalise(hidden, self.attention_norm, self.shape.epsilon)
        heads = functional.linear(normed, self.qkv).view(n_rows, n_new, h + 2 * k, -1, 2)
        turned = torch.view_as_real(torch.view_as_complex(heads[:, :, : h + k].float()) * turns)
        cache[0, :, :, -n_new:] = turned[:, :, h:].flatten(-2).transpose(1, 2)
        cache[1, :, :, -n_new:] = heads[:, :, h + k :].flatten(-2).transpose(1, 2)
        mixed = self._attend(turned[:, :, :h].to(cache.dtype), cache, bias).to(hidden.dtype)
        hidden.addmm_(mixed, self.output.T)
        normed = normalise(hidden, self.mlp_norm, self.shape.epsilon)
        gate, up = functional.linear(normed, self.gate_up).chunk(2, dim=-1)
        hidden.addmm_(functional.silu(gate).mul_(up), self.down.T)
        return hidden.view(n_rows, n_new, width)

    def _attend(self, queries: Tensor, cache: Tensor, bias: Tensor | None) -> Tensor:
        """Return the mixed values, (B L, H D), of `queries` (B, L, H, D / 2, 2)."""
        n_rows, n_new, h = queries.shape[:3]
        k, _, head_width = cache.shape[2:]
        # heads that share keys and values stand together
        queries = queries.transpose(1, 2).reshape(n_rows * k, h // k * n_new, head_width)
        keys, values = cache.flatten(1, 2)
        added = queries.new_zeros(1) if bias is None else bias.repeat(h // k, 1)
        scores = torch.baddbmm(
            added,
            queries,
            keys.transpose(1, 2),
            beta=0 if bias is None else 1,  # with 0, what is added is not even read
            alpha=head_width**-0.5,
        )
        mixed = torch.bmm(scores.softmax(dim=-1), values)
        return mixed.view(n_rows, h, n_new, -1).transpose(1, 2).reshape(n_rows * n_new, -1)


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
        """Gather the weights of `model`; few copies where they are in the precision already."""

        def converted(weight: Tensor) -> Tensor:
            return weight.detach().to(device.precision)

        in_pairs = _in_pairs(model.shape).to(device.device)
        layers = []
        for layer in model.layers:
            own = {name: converted(weight) for name, weight in layer.named_parameters()}
            own["qkv"] = own["qkv"][in_pairs]
            layers.append(_Layer(model.shape, **own))
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


def _in_pairs(shape: LlamaShape) -> Tensor:
    """Return the rows of `qkv` so that what a position turns together lies side by side.

    The first half of a head turns with its second; as pairs they are complex numbers, and to turn
    them is one product. Queries and keys are ordered alike, so their products are as before.
    """
    n_turned = (shape.n_heads + shape.n_kv_heads) * shape.head_width
    rows = torch.arange(n_turned + shape.n_kv_heads * shape.head_width)
    halves = rows[:n_turned].view(-1, 2, shape.head_width // 2)
    return torch.cat([halves.transpose(1, 2).flatten(), rows[n_turned:]])
