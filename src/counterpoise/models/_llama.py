"""The Llama architecture for short rows, without detours; the compact model is a small one.

Projections of one input are one product, and the output layer runs only where a token is scored.
It computes what `transformers` computes for the same weights.

Shapes below: B rows, T tokens per row, L of them new, H heads, K key-value heads, D head width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional

from counterpoise.grammar._grammar import IntArray
from counterpoise.models._language_model import MAX_PARTS, CachedModel, Device, LanguageModel

_INITIAL_DEVIATION = 0.02
_INITIAL_CAPACITY = 32  # tokens that a cache has room for at first


@dataclass(frozen=True, slots=True)
class LlamaShape:
    """Size of a Llama, and its few constants."""

    n_tokens: int
    width: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    head_width: int
    feed_forward: int
    epsilon: float = 1e-6
    rope_theta: float = 10_000.0
    is_tied: bool = False  # whether the output layer is the embedding
    max_length: int | None = None


class Llama(LanguageModel):
    """A decoder of the Llama architecture; its weights are not set."""

    kind = "llama"
    is_random = False

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
    def max_length(self) -> int | None:
        return self.shape.max_length

    @property
    def head(self) -> Tensor:
        """Weights of the output layer, shape (n_tokens, width)."""
        return self.embedding if self.shape.is_tied else self.untied_head

    def forward(self, tokens: Tensor, column_tokens: Tensor, at: tuple[Tensor, Tensor]) -> Tensor:
        hidden = embed(tokens, column_tokens, self.embedding)
        place = torch.arange(tokens.shape[1], device=tokens.device)
        rotation = rotary(place, self.shape, self.embedding.dtype)
        bias = None if self.fused_attention else causal_bias(place, self.embedding.dtype)
        for layer in self.layers:
            hidden = layer(hidden, rotation, bias)
        return output_logits(hidden[at], self.norm, self.head, self.shape.epsilon)

    def open_cache(self, n_rows: int, device: Device) -> CachedModel:
        return LlamaCache(self, n_rows, device)

    def describe(self) -> dict[str, Any]:
        return {"kind": self.kind, "shape": asdict(self.shape)}

    @classmethod
    def rebuild(cls, description: dict[str, Any], n_tokens: int, device: Device) -> Self:
        shape = msgspec.convert(description["shape"], LlamaShape)
        if shape.n_tokens != n_tokens:
            raise ValueError(f"it has {shape.n_tokens} tokens, and the table {n_tokens}")
        if not 0 < shape.n_layers <= MAX_PARTS:
            raise ValueError(f"it has {shape.n_layers} layers")
        return cls(shape, fused_attention=device.fuses_attention)


class BlockModel(LanguageModel):
    """The models of the blocks of a wide table: each has tokens of its own, layers are shared."""

    kind = "llama blocks"
    is_random = False
    parts: Any  # a Llama for each block

    def __init__(self, parts: Sequence[Llama]) -> None:
        super().__init__()
        first = parts[0]
        for part in parts[1:]:
            if replace(part.shape, n_tokens=0) != replace(first.shape, n_tokens=0):
                raise ValueError("blocks of different models")
            part.layers, part.norm = first.layers, first.norm
        self.parts = nn.ModuleList(parts)

    def forward(self, *_: Any) -> Tensor:
        """Refuse: there is a model for each block."""
        raise NotImplementedError

    def describe(self) -> dict[str, Any]:
        return {"kind": self.kind, "parts": [asdict(part.shape) for part in self.parts]}

    @classmethod
    def rebuild(cls, description: dict[str, Any], n_tokens: int, device: Device) -> Self:  # noqa: ARG003
        if not 0 < len(description["parts"]) <= MAX_PARTS:
            raise ValueError(f"it has {len(description['parts'])} blocks")
        shapes = [{"shape": shape} for shape in description["parts"]]
        return cls([Llama.rebuild(one, one["shape"]["n_tokens"], device) for one in shapes])


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
        """Return the layer's output, (B, T, width); without a `bias` attention is the fused one."""
        n_rows, n_tokens = hidden.shape[:2]
        h, k = self.shape.n_heads, self.shape.n_kv_heads
        normed = normalize(hidden, self.attention_norm, self.shape.epsilon)
        heads = functional.linear(normed, self.qkv).view(n_rows, n_tokens, h + 2 * k, -1)
        heads = heads.transpose(1, 2)  # (B, H + 2 K, T, D)
        rotated = rotate(heads[:, : h + k], rotation)
        queries, keys, values = rotated[:, :h], rotated[:, h:], heads[:, h + k :]
        if bias is None:
            mixed = functional.scaled_dot_product_attention(
                queries, keys, values, is_causal=True, enable_gqa=h != k
            )
        else:
            mixed = attend(queries, keys, values, bias)
        mixed = mixed.transpose(1, 2).reshape(n_rows, n_tokens, -1)
        hidden = hidden + functional.linear(mixed, self.output)
        normed = normalize(hidden, self.mlp_norm, self.shape.epsilon)
        gate, up = functional.linear(normed, self.gate_up).chunk(2, dim=-1)
        return hidden + functional.linear(functional.silu(gate) * up, self.down)


def embed(tokens: Tensor, column_tokens: Tensor, weight: Tensor) -> Tensor:
    """Return the embeddings of `tokens`, those of their columns (negative: none) added."""
    embedded = functional.embedding(tokens, weight)
    of_columns = functional.embedding(column_tokens.clamp(min=0), weight)
    return embedded + of_columns * (column_tokens >= 0)[..., None]


def causal_bias(place: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what is added to the scores of each token for each, shape (T, T)."""
    bias = torch.zeros(len(place), len(place), device=place.device, dtype=dtype)
    return bias.masked_fill_(place > place[:, None], -torch.inf)


def rotary(place: Tensor, shape: LlamaShape, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return cosine and sine of the rotary positions at `place`, each (..., D / 2)."""
    exponent = torch.arange(0, shape.head_width, 2, device=place.device, dtype=dtype)
    angle = place[..., None] * shape.rope_theta ** -(exponent / shape.head_width)
    return angle.cos(), angle.sin()


def rotate(heads: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Turn `heads` (..., T, D) by the rotary positions of their tokens."""
    return _Rotation.apply(heads, *(part.to(heads.dtype) for part in rotation))  # type: ignore[no-any-return,no-untyped-call]


def attend(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
    """Return the mixed values, (B, H, T, D), of attention in plain products.

    `queries` are (B, H, T, D), `keys` and `values` (B, K, T, D), `bias` is (T, T).
    """
    n_rows, h, n_tokens, head_width = queries.shape
    k = keys.shape[1]
    # heads that share keys and values stand together
    queries = (queries * head_width**-0.5).reshape(n_rows, k, h // k * n_tokens, head_width)
    scores = queries @ keys.transpose(-1, -2)
    scores = (scores.view(n_rows, h, n_tokens, n_tokens) + bias).view(n_rows, k, -1, n_tokens)
    mixed = scores.softmax(dim=-1).to(values.dtype) @ values
    return mixed.view(n_rows, h, n_tokens, head_width)


def normalize(hidden: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """Return `hidden` over its root mean square in the last dimension, times `weight`."""
    if not torch.is_grad_enabled():
        return functional.rms_norm(hidden, weight.shape, weight, epsilon)
    return _RootMeanSquareNorm.apply(hidden, weight, epsilon)  # type: ignore[no-any-return,no-untyped-call]


def output_logits(hidden: Tensor, norm: Tensor, head: Tensor, epsilon: float) -> Tensor:
    """Return the logits, float32 or float64."""
    logits = functional.linear(normalize(hidden, norm, epsilon), head)
    return logits.to(_at_least_float32(logits))


def _at_least_float32(tensor: Tensor) -> torch.dtype:
    return torch.promote_types(tensor.dtype, torch.float32)


class _RootMeanSquareNorm(torch.autograd.Function):
    """As ``functional.rms_norm``, whose derivative on a CPU takes twice as many passes."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        dtype = _at_least_float32(hidden)
        scale = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True, dtype=dtype)
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


class LlamaCache(CachedModel):
    """A Llama in the middle of a batch of rows, with a key-value cache allocated ahead."""

    def __init__(self, model: Llama, n_rows: int, device: Device) -> None:
        self._device = device
        self._shape = shape = model.shape

        def converted(weight: Tensor) -> Tensor:
            return weight.detach().to(device.precision)

        self._embedding, self._norm, self._head = map(
            converted, (model.embedding, model.norm, model.head)
        )
        in_pairs = _in_pairs(shape).to(device.device)
        self._layers = []
        for layer in model.layers:
            weights = {name: converted(weight) for name, weight in layer.named_parameters()}
            weights["qkv"] = weights["qkv"][in_pairs]
            self._layers.append(_CachedLayer(shape, **weights))
        self._n_read = 0
        size = shape.n_layers, 2, n_rows, shape.n_kv_heads, _INITIAL_CAPACITY, shape.head_width
        self._cache = torch.zeros(size, dtype=device.cache_precision, device=device.device)
        self._prepare_places()

    @torch.inference_mode()
    def read(self, tokens: IntArray, column_tokens: IntArray, rows: IntArray) -> Tensor:
        to = self._device.tensor
        n_new = tokens.shape[1]
        n_keys = self._n_read + n_new
        self._reserve(n_keys)
        new = slice(self._n_read, n_keys)
        bias = None
        if n_new > 1:
            bias = causal_bias(self._place[:n_keys], self._cache.dtype)[new]  # (L, T)
        hidden = embed(to(tokens), to(column_tokens), self._embedding)  # (B, L, width)
        for layer, cache in zip(self._layers, self._cache[..., :n_keys, :], strict=True):
            hidden = layer.forward(hidden, self._turns[new], cache, bias)
        self._n_read = n_keys
        last = hidden[:, -1].index_select(0, to(rows))
        return output_logits(last, self._norm, self._head, self._shape.epsilon)

    def keep(self, rows: IntArray) -> None:
        self._cache = self._cache.index_select(2, self._device.tensor(rows))

    def _reserve(self, n_keys: int) -> None:
        capacity = self._cache.shape[-2]
        if n_keys > capacity:
            more = (0, 0, 0, max(n_keys - capacity, capacity))
            self._cache = functional.pad(self._cache, more)
            self._prepare_places()

    def _prepare_places(self) -> None:
        """Compute the rotations of all positions that the cache has room for."""
        self._place = torch.arange(self._cache.shape[-2], device=self._device.device)
        dtype = self._device.weight_precision
        self._turns = torch.complex(*rotary(self._place, self._shape, dtype))[:, None]


@dataclass(frozen=True, slots=True)
class _CachedLayer:
    """The weights of one layer, in the precision of the device."""

    shape: LlamaShape
    attention_norm: Tensor
    qkv: Tensor
    output: Tensor
    mlp_norm: Tensor
    gate_up: Tensor
    down: Tensor

    def forward(self, hidden: Tensor, turns: Tensor, cache: Tensor, bias: Tensor | None) -> Tensor:
        """Return the layer's output; `hidden` (B, L, width) and the last L of `cache` are set.

        `turns` (L, 1, D / 2) are complex factors of pairs of a head; `cache` is (2, B, K, T, D).
        """
        n_rows, n_new, width = hidden.shape
        h, k = self.shape.n_heads, self.shape.n_kv_heads
        hidden = hidden.view(-1, width)
        normed = normalize(hidden, self.attention_norm, self.shape.epsilon)
        heads = functional.linear(normed, self.qkv).view(n_rows, n_new, h + 2 * k, -1, 2)
        pairs = heads[:, :, : h + k].to(_at_least_float32(heads))
        turned = torch.view_as_real(torch.view_as_complex(pairs) * turns)
        cache[0, :, :, -n_new:] = turned[:, :, h:].flatten(-2).transpose(1, 2)
        cache[1, :, :, -n_new:] = heads[:, :, h + k :].flatten(-2).transpose(1, 2)
        mixed = self._attend(turned[:, :, :h].to(cache.dtype), cache, bias).to(hidden.dtype)
        hidden.addmm_(mixed, self.output.T)
        normed = normalize(hidden, self.mlp_norm, self.shape.epsilon)
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


def _in_pairs(shape: LlamaShape) -> Tensor:
    """Return the rows of `qkv` so that the two numbers that a rotation mixes lie side by side.

    As pairs they are complex numbers; products of queries and keys are as before.
    """
    n_rotated = (shape.n_heads + shape.n_kv_heads) * shape.head_width
    rows = torch.arange(n_rotated + shape.n_kv_heads * shape.head_width)
    halves = rows[:n_rotated].view(-1, 2, shape.head_width // 2)
    return torch.cat([halves.transpose(1, 2).flatten(), rows[n_rotated:]])


@torch.no_grad()
def compact_model(n_tokens: int, seed: int, width: int, n_layers: int, device: Device) -> Llama:
    """Return a small Llama with random weights; 75,000 of them beside the embeddings by default."""
    shape = LlamaShape(
        n_tokens=n_tokens,
        width=width,
        n_layers=n_layers,
        n_heads=2,
        n_kv_heads=1,
        head_width=width // 2,
        feed_forward=2 * width,
    )
    model = Llama(shape, fused_attention=device.fuses_attention).float()  # whatever the default
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            parameter.normal_(0.0, _INITIAL_DEVIATION, generator=generator)
    return model
