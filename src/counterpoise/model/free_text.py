"""Writing without a grammar: the model goes on from a prompt, whatever it makes of it."""

from __future__ import annotations

import numpy as np
import torch

from counterpoise.language.grammar import NO_CUE, IntArray
from counterpoise.language.sentences import Sentences
from counterpoise.language.vocabulary import START
from counterpoise.model.device import Device
from counterpoise.model.generation import FloatArray, Sampling, choose
from counterpoise.model.language_model import LanguageModel
from counterpoise.model.reader import prepare
from counterpoise.progress import Progress


@torch.no_grad()
def write_text(
    model: LanguageModel,
    prompts: Sentences,
    n_tokens: int,
    sampling: Sampling,
    *,
    device: Device,
    rng: np.random.Generator,
    progress: Progress,
) -> tuple[IntArray, FloatArray]:
    """Continue each of `prompts` up to `n_tokens` in all.

    Returns
    -------
    tokens : ndarray of shape (n_rows, n_tokens), int64
        The prompt and what the model wrote; a prompt longer than that is cut.
    log_likelihood : ndarray of shape (n_rows,), float64
        Log-probability, in nats, of what was written, at temperature 1.
    """
    n_rows = len(prompts.tokens)
    tokens = np.full((n_rows, n_tokens), START, dtype=np.int64)
    longest = min(prompts.tokens.shape[1], n_tokens)
    tokens[:, :longest] = prompts.tokens[:, :longest]
    log_likelihood = np.zeros(n_rows)
    model.eval()
    generator = torch.Generator(device=device.device)
    open_reader = prepare(model, device)
    with progress.stage("writing", total=n_rows, unit="rows") as advance:
        for start in range(0, n_rows, sampling.batch_size):
            generator.manual_seed(int(rng.integers(2**63)))
            batch = tokens[start : start + sampling.batch_size]  # a view: filled in place
            n_written = np.minimum(prompts.lengths[start : start + len(batch)], n_tokens)
            n_read = 0
            reader = open_reader(len(batch))
            while (shortest := int(n_written.min())) < n_tokens:
                # 1. read as much as every row has; score what may follow in those that end there
                pending = batch[:, n_read:shortest]
                rows = np.flatnonzero(n_written == shortest)
                logits = reader.read(pending, np.full_like(pending, NO_CUE), rows)
                n_read = shortest
                # 2. choose any token but the start of a sentence
                logits[:, START] = -torch.inf
                choice, log_probability = choose(logits, sampling, generator)
                batch[rows, shortest] = choice.cpu().numpy()
                log_likelihood[start + rows] += log_probability.double().cpu().numpy()
                n_written[rows] += 1
            advance(len(batch))
    return tokens, log_likelihood
