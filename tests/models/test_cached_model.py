"""Cached inference gives the numbers of reading each row from its start."""

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from counterpoise.models import get_model
from counterpoise.models._huggingface import (
    HuggingFaceCache,
    HuggingFaceModel,
    is_plain_llama,
    plain_llama,
)
from counterpoise.models._language_model import LanguageModel, resolve_device
from counterpoise.models._llama import LlamaCache
from counterpoise.serialization import Entry

CPU = resolve_device("cpu", "float32")
N_TOKENS = 40


def network(*, shares_heads: bool) -> HuggingFaceModel:
    """A Llama as `transformers` has it; SmolLM2's queries share keys and values."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=N_TOKENS,
            hidden_size=48,
            num_hidden_layers=3,
            num_attention_heads=6,
            num_key_value_heads=2 if shares_heads else 6,
            intermediate_size=64,
            rope_theta=100_000.0,
            tie_word_embeddings=shares_heads,
        )
        llama = LlamaForCausalLM(config)
    llama.set_attn_implementation("eager")
    return HuggingFaceModel(llama, [Entry("", (i,)) for i in range(N_TOKENS)]).eval()


@torch.no_grad()
@pytest.mark.parametrize("shares_heads", [True, False])
def test_all_caches_agree(shares_heads):
    """Also where rows are dropped, and past the first capacity of the cache."""
    model, rng = network(shares_heads=shares_heads), np.random.default_rng(0)
    n_rows = 9
    llama = plain_llama(model, fused_attention=False)
    caches = [
        llama.open_cache(n_rows, CPU),
        model.open_cache(n_rows, CPU),
        LanguageModel.open_cache(llama, n_rows, CPU),  # the naive one
    ]
    assert isinstance(caches[0], LlamaCache)
    for turn in range(40):
        if turn % 10 == 9:
            kept = np.sort(rng.permutation(n_rows)[: n_rows - 2])
            n_rows = len(kept)
            for cache in caches:
                cache.keep(kept)
        tokens = rng.integers(0, N_TOKENS, (n_rows, int(rng.integers(1, 4))))
        column_tokens = np.where(rng.random(tokens.shape) < 0.5, tokens[::-1], -1)
        rows = np.flatnonzero(rng.random(n_rows) < 0.7)
        found, other, naive = (cache.read(tokens, column_tokens, rows) for cache in caches)
        torch.testing.assert_close(found, naive, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(other, naive, atol=1e-4, rtol=1e-4)
    assert n_rows == 1


def random_rows(rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
    tokens = rng.integers(0, N_TOKENS, (5, 9))
    column_tokens = np.where(rng.random((5, 9)) < 0.5, tokens[::-1], -1)
    rows, columns = np.nonzero(rng.random((5, 9)) < 0.7)
    return tuple(map(torch.from_numpy, (tokens, column_tokens, rows, columns)))


@pytest.mark.parametrize("shares_heads", [True, False])
@pytest.mark.parametrize("fused_attention", [True, False])
def test_our_llama_computes_what_transformers_does(shares_heads, fused_attention):
    """Logits and derivatives, whichever way attention is computed."""
    theirs = network(shares_heads=shares_heads)
    ours = plain_llama(theirs, fused_attention=fused_attention)
    tokens, column_tokens, rows, columns = random_rows(np.random.default_rng(0))
    at = rows, columns
    expected, found = theirs(tokens, column_tokens, at), ours(tokens, column_tokens, at)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    expected.square().mean().backward()
    found.square().mean().backward()
    layer = theirs.network.base_model.layers[1]
    qkv = [getattr(layer.self_attn, f"{name}_proj").weight.grad for name in "qkv"]
    pairs = {
        "embedding": theirs.network.get_input_embeddings().weight.grad,
        "layers.1.qkv": torch.cat(qkv),
        "layers.1.attention_norm": layer.input_layernorm.weight.grad,
        "layers.1.down": layer.mlp.down_proj.weight.grad,
        "norm": theirs.network.base_model.norm.weight.grad,
    }
    for name, gradient in pairs.items():
        found_gradient = ours.get_parameter(name).grad
        torch.testing.assert_close(found_gradient, gradient, atol=1e-6, rtol=1e-4)


def test_only_a_plain_llama_becomes_ours():
    assert is_plain_llama(network(shares_heads=True))
    compact = get_model("compact").load("cpu").build([Entry("")] * N_TOKENS, 0).eval()
    assert isinstance(compact.open_cache(3, CPU), LlamaCache)
    with_bias = network(shares_heads=True)
    with_bias.network.config.attention_bias = True
    scaled = network(shares_heads=True)
    scaled.network.config.rope_parameters = {"rope_type": "llama3", "rope_theta": 1e4}
    for model in (with_bias, scaled):
        assert not is_plain_llama(model)
        assert isinstance(model.open_cache(3, CPU), HuggingFaceCache)
