"""Writing without a grammar: the model goes on from a prompt, whatever it makes of it."""

from __future__ import annotations

import numpy as np
import torch

from counterpoise.language.grammar import IntArray
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
            n_read = np.zeros_like(n_written)
            reader = open_reader(len(batch))
            while (rows := np.flatnonzero(n_written < n_tokens)).size:
                # 1. read what was written since the last turn; score what may follow
                lengths = np.where(n_written < n_tokens, n_written - n_read, 0)
                place = n_read[:, None] + np.arange(lengths.max())
                pending = np.take_along_axis(batch, np.minimum(place, n_tokens - 1), axis=1)
                logits = reader.read(pending, np.full_like(pending, -1), lengths, rows)
                n_read += lengths
                # 2. choose any token but the start of a sentence
                logits[:, START] = -torch.inf
                choice, log_probability = choose(logits, sampling, generator)
                batch[rows, n_written[rows]] = choice.cpu().numpy()
                log_likelihood[start + rows] += log_probability.double().cpu().numpy()
                n_written[rows] += 1
            advance(len(batch))
    return tokens, log_likelihood
