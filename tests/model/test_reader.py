"""Both readers give the same numbers, whatever the rows do."""

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from counterpoise.language.vocabulary import Entry
from counterpoise.model.backbone import load_backbone
from counterpoise.model.device import resolve_device
from counterpoise.model.language_model import LanguageModel
from counterpoise.model.llama import LlamaReader, is_plain_llama
from counterpoise.model.reader import NetworkReader, prepare

CPU = resolve_device("cpu", "float32")
N_TOKENS = 40


def shared_heads() -> LanguageModel:
    """A Llama whose queries share keys and values, as SmolLM2's."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=N_TOKENS,
            hidden_size=48,
            num_hidden_layers=3,
            num_attention_heads=6,
            num_key_value_heads=2,
            intermediate_size=64,
            rope_theta=100_000.0,
            tie_word_embeddings=True,
        )
        network = LlamaForCausalLM(config)
    network.set_attn_implementation("eager")
    entries = [Entry("", (i,)) for i in range(N_TOKENS)]
    return LanguageModel(network, entries, pretrained=True).eval()


def compact() -> LanguageModel:
    return load_backbone("compact", device=CPU).build([Entry("")] * N_TOKENS, 0).eval()


@torch.no_grad()
@pytest.mark.parametrize("build", [compact, shared_heads])
@pytest.mark.parametrize("kind", ["in step", "ragged", "some finish"])
def test_readers_agree(build, kind):
    model, rng = build(), np.random.default_rng(0)
    n_rows = 7
    one, other = prepare(model, CPU)(n_rows), NetworkReader(model, n_rows, CPU)
    assert isinstance(one, LlamaReader)
    for turn in range(40):  # past the first capacity of the cache
        longest = int(rng.integers(1, 4))
        lengths = np.full(n_rows, longest)
        if kind != "in step":
            lengths = rng.integers(1, longest + 1, n_rows)
        if kind == "some finish":
            lengths[: turn // 8] = 0
        if lengths.max() < longest:
            lengths[-1] = longest
        tokens = rng.integers(0, N_TOKENS, (n_rows, longest))
        cues = np.where(rng.random((n_rows, longest)) < 0.5, tokens[::-1], -1)
        rows = np.flatnonzero(lengths)
        found = one.read(tokens, cues, lengths, rows)
        expected = other.read(tokens, cues, lengths, rows)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_only_a_plain_llama_is_read_as_one():
    assert is_plain_llama(compact())
    assert isinstance(prepare(compact(), CPU)(3), LlamaReader)
    with_bias = shared_heads()
    with_bias.network.config.attention_bias = True
    scaled = shared_heads()
    scaled.network.config.rope_parameters = {"rope_type": "llama3", "rope_theta": 1e4}
    for model in (with_bias, scaled):
        assert not is_plain_llama(model)
        assert isinstance(prepare(model, CPU)(3), NetworkReader)
