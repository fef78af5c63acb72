"""The compact model: a small Llama from scratch, for tables where there is no GPU."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from counterpoise.model.llama import Llama, LlamaShape


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
