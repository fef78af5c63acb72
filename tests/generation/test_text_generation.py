"""Writing without a grammar, against a naive reference."""

import numpy as np
import pytest
import torch

from counterpoise._progress import Stage
from counterpoise.generation._decoding import Sampling
from counterpoise.generation._free_decoding import generate_text
from counterpoise.models import get_model
from counterpoise.models._language_model import resolve_device
from counterpoise.serialization import START, Entry, TokenBatch
from tests.small_models import save_gpt2

CPU = resolve_device("cpu", "float32")
N_TOKENS = 12


@pytest.fixture(scope="module", params=["compact", "gpt2"])
def model(request, tmp_path_factory):
    name = request.param
    if name == "gpt2":
        name = str(save_gpt2(tmp_path_factory.mktemp("gpt2")))
    vocabulary = [Entry("", (piece,)) for piece in range(30)]
    built = get_model(name).load("cpu").build(vocabulary, 0)
    with torch.no_grad():  # peaked enough that a wrong context would show
        getattr(built.head, "weight", built.head).mul_(8)
    return built.eval()


def prompts():
    tokens = np.array([[START, 5, 0, 0], [START, 3, 9, 7], [START, 0, 0, 0]])
    none = np.full_like(tokens, -1)
    return TokenBatch(tokens, none, none, np.array([2, 4, 1]))


@torch.no_grad()
def greedy(model, tokens):
    """Continue one prompt, reading all of it anew for each token; returns its log-probability."""
    tokens, total = list(tokens), 0.0
    while len(tokens) < N_TOKENS:
        at = (torch.tensor([0]), torch.tensor([len(tokens) - 1]))
        logits = model(torch.tensor([tokens]), torch.full((1, len(tokens)), -1), at)
        logits[:, START] = -torch.inf
        log_probability = torch.log_softmax(logits, -1)[0]
        tokens.append(int(log_probability.argmax()))
        total += float(log_probability.max())
    return tokens, total


@pytest.mark.parametrize("batch_size", [2, 8])
def test_it_writes_what_a_naive_reference_writes(model, batch_size):
    sampling = Sampling(temperature=1e-4, batch_size=batch_size)
    rng = np.random.default_rng(0)
    given = prompts()
    tokens, log_likelihood = generate_text(
        model, given, N_TOKENS, sampling, device=CPU, rng=rng, advance=Stage()
    )
    assert tokens.shape == (3, N_TOKENS)
    for row, length in enumerate(given.lengths):
        expected, total = greedy(model, given.tokens[row, :length].tolist())
        assert tokens[row].tolist() == expected
        assert log_likelihood[row] == pytest.approx(total, rel=1e-3, abs=1e-3)


def test_a_prompt_that_is_too_long_is_cut(model):
    sampling = Sampling(batch_size=8)
    rng = np.random.default_rng(0)
    tokens, log_likelihood = generate_text(
        model, prompts(), 3, sampling, device=CPU, rng=rng, advance=Stage()
    )
    assert tokens[1].tolist() == [START, 3, 9]
    assert log_likelihood[1] == 0.0
    assert (tokens[[0, 2], 1:] != START).all()
