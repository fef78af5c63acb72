"""The Llama architecture, for short sentences of a table's tokens, without detours.

Projections of one input are one product, the output layer runs only where a token is scored, and
what a general implementation has for other architectures is left out. It gives the numbers that
`transformers` gives for the same weights.

Shapes below: B rows, T tokens a row, H heads, K key-value heads, D the width of a head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from counterpoise.models._base import LanguageModel

_INITIAL_DEVIATION = 0.02


@dataclass(frozen=True, slots=True)
class LlamaShape:
    """Size of a Llama, and its few constants.

    Attributes
    ----------
    n_tokens, width, n_layers, n_heads, n_kv_heads, head_width, feed_forward : int
    epsilon : float
        Of the normalisations.
    rope_theta : float
        Base of the rotary positions.
    is_tied : bool
        Whether the output layer is the embedding.
    longest : int or None
        Most tokens of a sentence that the model was made for; None if there is no limit.
    """

    n_tokens: int
    width: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    head_width: int
    feed_forward: int
    epsilon: float = 1e-6
    rope_theta: float = 10_000.0
    is_tied: bool = False
    longest: int | None = None


class Llama(LanguageModel):
    """A decoder of the Llama architecture; its weights are not set.

    Parameters
    ----------
    shape : LlamaShape
        Its size.
    fused_attention : bool
        Use torch's fused attention; on a processor, plain products are faster for sentences of
        a few dozen tokens.
    """

    def __init__(self, shape: LlamaShape, *, fused_attention: bool = False) -> None:
        super().__init__()
        self.shape = shape
        self.fused_attention = fused_attention
        self.embedding = nn.Parameter(torch.empty(shape.n_tokens, shape.width))
        self.layers = nn.ModuleList(LlamaLayer(shape) for _ in range(shape.n_layers))
        self.norm = nn.Parameter(torch.ones(shape.width))
        if not shape.is_tied:
            self.untied_head = nn.Parameter(torch.empty(shape.n_tokens, shape.width))

    @property
    def longest(self) -> int | None:
        """Most tokens of a sentence that the model can read; None if there is no limit."""
        return self.shape.longest

    @property
    def head(self) -> Tensor:
        """Weights of the output layer, shape (n_tokens, width)."""
        return self.embedding if self.shape.is_tied else self.untied_head

    @torch.no_grad()
    def draw_weights(self, generator: torch.Generator) -> None:
        """Draw all weights anew."""
        for parameter in self.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0.0, _INITIAL_DEVIATION, generator=generator)

    def forward(self, tokens: Tensor, column_tokens: Tensor, at: tuple[Tensor, Tensor]) -> Tensor:
        """Score the tokens that may follow chosen places; see :class:`LanguageModel`."""
        hidden = self.embed(tokens, column_tokens)
        place = torch.arange(tokens.shape[1], device=tokens.device)
        rotation = rotary(place, self.shape)
        bias = None if self.fused_attention else causal_bias(place)
        for layer in self.layers:
            hidden = layer(hidden, rotation, bias)
        return self.score(hidden[at])

    def embed(self, tokens: Tensor, column_tokens: Tensor) -> Tensor:
        """Return the embeddings of the tokens, their cues added."""
        return embed(tokens, column_tokens, self.embedding)

    def score(self, hidden: Tensor) -> Tensor:
        """Return the logits of the last layer's output, float32."""
        normed = normalise(hidden, self.norm, self.shape.epsilon)
        return functional.linear(normed, self.head).float()


class LlamaLayer(nn.Module):
    """One layer; matrices in the order of ``functional.linear``, those of one input stacked."""

    def __init__(self, shape: LlamaShape) -> None:
        super().__init__()
        self.shape = shape
        inner = shape.n_heads * shape.head_width
        stacked = inner + 2 * shape.n_kv_heads * shape.head_width
        self.attention_norm = nn.Parameter(torch.ones(shape.width))
        self.qkv = nn.Parameter(torch.empty(stacked, shape.width))
        self.output = nn.Parameter(torch.empty(shape.width, inner))
        self.mlp_norm = nn.Parameter(torch.ones(shape.width))
        self.gate_up = nn.Parameter(torch.empty(2 * shape.feed_forward, shape.width))
        self.down = nn.Parameter(torch.empty(shape.width, shape.feed_forward))

    def forward(
        self, hidden: Tensor, rotation: tuple[Tensor, Tensor], bias: Tensor | None
    ) -> Tensor:
        """Return the layer's output, (B, T, width).

        Parameters
        ----------
        rotation : pair of Tensors
            As `rotary` returns.
        bias : Tensor of shape (T, T), optional
            Added to the scores; None takes the fused causal attention.
        """
        n_rows, n_tokens = hidden.shape[:2]
        h, k = self.shape.n_heads, self.shape.n_kv_heads
        normed = normalise(hidden, self.attention_norm, self.shape.epsilon)
        heads = functional.linear(normed, self.qkv).view(n_rows, n_tokens, h + 2 * k, -1)
        heads = heads.transpose(1, 2)  # (B, H + 2 K, T, D)
        turned = rotate(heads[:, : h + k], rotation)
        queries, keys, values = turned[:, :h], turned[:, h:], heads[:, h + k :]
        if bias is None:
            mixed = functional.scaled_dot_product_attention(
                queries, keys, values, is_causal=True, enable_gqa=h != k
            )
        else:
            mixed = attend(queries, keys, values, bias)
        mixed = mixed.transpose(1, 2).reshape(n_rows, n_tokens, -1)
        hidden = hidden + functional.linear(mixed, self.output)
        normed = normalise(hidden, self.mlp_norm, self.shape.epsilon)
        return hidden + feed_forward(normed, self.gate_up, self.down)


def embed(tokens: Tensor, column_tokens: Tensor, weight: Tensor) -> Tensor:
    """Return the embeddings of `tokens`, with those of their cues (negative: none) added."""
    embedded = functional.embedding(tokens, weight)
    cued = functional.embedding(column_tokens.clamp(min=0), weight)
    return embedded + cued * (column_tokens >= 0)[..., None]


def causal_bias(place: Tensor) -> Tensor:
    """Return what is added to the scores of each token for each, shape (T, T)."""
    bias = torch.zeros(len(place), len(place), device=place.device)
    return bias.masked_fill_(place > place[:, None], -torch.inf)


def rotary(place: Tensor, shape: LlamaShape) -> tuple[Tensor, Tensor]:
    """Return cosine and sine of the rotary positions at `place`, each (..., D / 2), float32."""
    exponent = torch.arange(0, shape.head_width, 2, device=place.device) / shape.head_width
    angle = place[..., None] * shape.rope_theta**-exponent
    return angle.cos(), angle.sin()


def rotate(heads: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Turn `heads` (..., T, D) by the rotary positions of their tokens."""
    return _Rotation.apply(heads, *(part.to(heads.dtype) for part in rotation))  # type: ignore[no-any-return,no-untyped-call]


def attend(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor | None) -> Tensor:
    """Return the mixed values, (B, H, L, D), of attention in plain products.

    Parameters
    ----------
    queries : Tensor of shape (B, H, L, D)
    keys, values : Tensors of shape (B, K, T, D)
    bias : Tensor that broadcasts to (B, H, L, T), optional
        Added to the scores.
    """
    n_rows, h, n_new, head_width = queries.shape
    k, n_keys = keys.shape[1:3]
    # heads that share keys and values stand together
    queries = (queries * head_width**-0.5).reshape(n_rows, k, h // k * n_new, head_width)
    scores = queries @ keys.transpose(-1, -2)
    if bias is not None:
        scores = (scores.view(n_rows, h, n_new, n_keys) + bias).view(n_rows, k, -1, n_keys)
    mixed = scores.softmax(dim=-1).to(values.dtype) @ values
    return mixed.view(n_rows, h, n_new, head_width)


def feed_forward(normed: Tensor, gate_up: Tensor, down: Tensor) -> Tensor:
    """Return the output of a layer's gated perceptron."""
    gate, up = functional.linear(normed, gate_up).chunk(2, dim=-1)
    return functional.linear(functional.silu(gate) * up, down)


def normalise(hidden: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """Return `hidden` over its root mean square in the last dimension, times `weight`."""
    if not torch.is_grad_enabled():
        return functional.rms_norm(hidden, weight.shape, weight, epsilon)
    return _RootMeanSquareNorm.apply(hidden, weight, epsilon)  # type: ignore[no-any-return,no-untyped-call]


class _RootMeanSquareNorm(torch.autograd.Function):
    """As ``functional.rms_norm``, whose derivative on a processor takes twice as many passes."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        scale = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True, dtype=torch.float32)
        scale = scale.square_().div_(hidden.shape[-1]).add_(epsilon).rsqrt_().to(hidden.dtype)
        normed = hidden * scale
        ctx.save_for_backward(normed, weight, scale)
        result: Tensor = normed * weight
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        normed, weight, scale = ctx.saved_tensors
        weighted = gradient * weight
        along = torch.linalg.vecdot(weighted, normed)[..., None] / normed.shape[-1]
        of_weight = torch.linalg.vecdot(gradient.flatten(0, -2).T, normed.flatten(0, -2).T)
        return torch.addcmul(weighted, normed, along, value=-1).mul_(scale), of_weight, None


class _Rotation(torch.autograd.Function):
    """Rotary positions; the derivative is the rotation back."""

    @staticmethod
    def forward(ctx: Any, heads: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        ctx.save_for_backward(cosine, sine)
        return _turn(heads, cosine, sine)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        cosine, sine = ctx.saved_tensors
        return _turn(gradient, cosine, -sine), None, None


def _turn(heads: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    one, other = heads.chunk(2, dim=-1)
    turned = torch.empty_like(heads)
    first, second = turned.chunk(2, dim=-1)
    torch.mul(one, cosine, out=first).addcmul_(other, sine, value=-1)
    torch.mul(other, cosine, out=second).addcmul_(one, sine)
    return turned


# The compact model: a small Llama from scratch, for tables where there is no GPU.


@dataclass(frozen=True, slots=True)
class CompactSize:
    """Size of a compact model; about 75,000 parameters beside the embeddings."""

    width: int = 64
    n_layers: int = 2
    n_heads: int = 2
    n_kv_heads: int = 1
    feed_forward: int = 128


def compact_model(
    n_tokens: int, seed: int, size: CompactSize | None = None, *, fused_attention: bool = False
) -> Llama:
    """Return a model for `n_tokens` tokens, with random weights drawn from `seed`."""
    size = size or CompactSize()
    shape = LlamaShape(
        n_tokens=n_tokens,
        width=size.width,
        n_layers=size.n_layers,
        n_heads=size.n_heads,
        n_kv_heads=size.n_kv_heads,
        head_width=size.width // size.n_heads,
        feed_forward=size.feed_forward,
    )
    model = Llama(shape, fused_attention=fused_attention)
    model.draw_weights(torch.Generator().manual_seed(seed))
    return model
