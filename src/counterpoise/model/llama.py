"""The Llama architecture, for inference without detours.

Weights are converted to the precision once, projections of one input are one product, the cache is
allocated ahead, and each row's tokens lie in it without gaps, however far apart the rows are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from counterpoise.language.grammar import IntArray
from counterpoise.model.device import Device
from counterpoise.model.language_model import LanguageModel

_FIRST_CAPACITY = 32


def is_plain_llama(model: LanguageModel) -> bool:
    """Return whether `model` computes what :class:`LlamaReader` does, and nothing more."""
    config = model.network.config
    if getattr(config, "model_type", None) != "llama" or not model.head_is_plain:
        return False
    rope = getattr(config, "rope_parameters", None) or {}
    projections = [m for m in model.network.modules() if hasattr(m, "in_features")]
    return (
        rope.get("rope_type") == "default"
        and config.hidden_act == "silu"
        and not config.attention_bias
        and not config.mlp_bias
        and all(type(module) is nn.Linear for module in projections)  # no adapters on top
    )


class LlamaReader:
    """A batch of sentences, read by a plain Llama; see `counterpoise.model.reader.Reader`.

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
        # 2. the layers
        rotation = weights.rotation(place)
        hidden = weights.embed(to(tokens), to(cues))  # (B, L, width)
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
    """One layer; matrices in the order of ``functional.linear``, those of one input stacked."""

    n_heads: int
    n_kv_heads: int
    epsilon: float
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
        n_rows, n_new, width = hidden.shape
        h, k = self.n_heads, self.n_kv_heads
        normed = functional.rms_norm(hidden, (width,), self.attention_norm, self.epsilon)
        heads = functional.linear(normed, self.qkv).view(n_rows, n_new, h + 2 * k, -1)
        heads = heads.transpose(1, 2)  # (B, H + 2 K, L, D)
        turned = _rotate(heads[:, : h + k], rotation)
        new = torch.stack([turned[:, h:], heads[:, h + k :]]).to(cache.dtype)  # (2, B, K, L, D)
        if isinstance(where, slice):
            cache[:, :, :, where] = new
        else:
            rows = torch.arange(n_rows, device=where.device)[:, None]
            cache[:, rows, :, where] = new.permute(1, 3, 0, 2, 4)  # (B, L, 2, K, D)
        keys, values = cache[:, :, :, :n_keys]
        queries = turned[:, :h].to(cache.dtype)
        # heads that share keys and values stand together: (B, K, H / K * L, D)
        queries = queries.reshape(n_rows, k, h // k * n_new, -1)
        scores = queries @ keys.transpose(-1, -2) * keys.shape[-1] ** -0.5
        if bias is not None:
            scores = scores.view(n_rows, h, n_new, n_keys) + bias
            scores = scores.view(n_rows, k, -1, n_keys)
        mixed = scores.softmax(dim=-1) @ values  # (B, K, H / K * L, D)
        mixed = mixed.to(hidden.dtype).view(n_rows, h, n_new, -1)
        mixed = mixed.transpose(1, 2).reshape(n_rows, n_new, -1)
        hidden = hidden + functional.linear(mixed, self.output)
        normed = functional.rms_norm(hidden, (width,), self.mlp_norm, self.epsilon)
        gate, up = functional.linear(normed, self.gate_up).chunk(2, dim=-1)
        return hidden + functional.linear(functional.silu(gate) * up, self.down)


@dataclass(frozen=True, slots=True)
class LlamaWeights:
    """The weights of a plain Llama in the precision of a device."""

    layers: list[_Layer]
    embedding: Tensor
    norm: Tensor
    head: Tensor
    head_width: int
    inverse_frequency: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, model: LanguageModel, device: Device) -> LlamaWeights:
        """Gather the weights of `model`."""
        network: Any = model.network
        config, body = network.config, network.base_model

        def gather(*modules: nn.Module) -> Tensor:
            stacked = torch.cat([module.get_parameter("weight") for module in modules])
            return stacked.to(device.precision)

        layers = [
            _Layer(
                n_heads=config.num_attention_heads,
                n_kv_heads=config.num_key_value_heads,
                epsilon=config.rms_norm_eps,
                attention_norm=gather(layer.input_layernorm),
                qkv=gather(layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj),
                output=gather(layer.self_attn.o_proj),
                mlp_norm=gather(layer.post_attention_layernorm),
                gate_up=gather(layer.mlp.gate_proj, layer.mlp.up_proj),
                down=gather(layer.mlp.down_proj),
            )
            for layer in body.layers
        ]
        return cls(
            layers=layers,
            embedding=gather(network.get_input_embeddings()),
            norm=gather(body.norm),
            head=gather(model.head),
            head_width=layers[0].output.shape[1] // config.num_attention_heads,
            inverse_frequency=body.rotary_emb.inv_freq.float(),
        )

    def cache_shape(self, n_rows: int, capacity: int) -> tuple[int, ...]:
        """Return the shape of a cache of `capacity` tokens: (layers, 2, B, K, T, D)."""
        n_kv_heads = self.layers[0].n_kv_heads
        return len(self.layers), 2, n_rows, n_kv_heads, capacity, self.head_width

    def rotation(self, place: Tensor) -> tuple[Tensor, Tensor]:
        """Return cosine and sine of the rotary embedding at `place`, each (B, 1, L, D)."""
        angle = place[:, None, :, None] * self.inverse_frequency
        angle = torch.cat([angle, angle], dim=-1)
        return angle.cos().to(self.embedding.dtype), angle.sin().to(self.embedding.dtype)

    def embed(self, tokens: Tensor, cues: Tensor) -> Tensor:
        """Return the embeddings of the tokens, their cues added."""
        embedded = functional.embedding(tokens, self.embedding)
        cued = functional.embedding(cues.clamp(min=0), self.embedding)
        return embedded + cued * (cues >= 0)[..., None]

    def score(self, hidden: Tensor) -> Tensor:
        """Return the logits of the last layer's output, float32."""
        epsilon = self.layers[0].epsilon
        normed = functional.rms_norm(hidden, hidden.shape[-1:], self.norm, epsilon)
        return functional.linear(normed, self.head).float()


def _rotate(heads: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    cosine, sine = rotation
    one, other = heads.chunk(2, dim=-1)
    return heads * cosine + torch.cat([-other, one], dim=-1) * sine
