"""The compact model: a small Llama from scratch, for tables where there is no GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, slots=True)
class CompactSize:
    """Size of a compact model; about 0.6 million parameters beside the embeddings."""

    width: int = 128
    n_layers: int = 3
    n_heads: int = 4
    feed_forward: int = 384


def compact_network(n_tokens: int, seed: int, size: CompactSize | None = None) -> Any:
    """Return a Llama-architecture model with random weights drawn from `seed`."""
    from transformers import LlamaConfig, LlamaForCausalLM

    size = size or CompactSize()
    config = LlamaConfig(
        vocab_size=n_tokens,
        hidden_size=size.width,
        num_hidden_layers=size.n_layers,
        num_attention_heads=size.n_heads,
        num_key_value_heads=size.n_heads,
        intermediate_size=size.feed_forward,
        tie_word_embeddings=False,
        max_position_embeddings=1_000_000,  # rotary positions have no table to run out of
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    with torch.random.fork_rng():  # transformers draws from the global stream
        torch.manual_seed(seed)
        return LlamaForCausalLM(config)
