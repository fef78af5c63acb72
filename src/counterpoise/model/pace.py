"""How fast a model trains here, found out in a few steps that leave no trace.

The steps have a learning rate of zero and generators of their own: weights, gradients, the run's
random numbers and torch's are as before.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from counterpoise.language.grammar import Grammar
from counterpoise.language.sentences import Corpus, draw_orders
from counterpoise.model.device import Device
from counterpoise.model.language_model import LanguageModel
from counterpoise.model.scoring import Scorer

_QUICK_S = 0.2
"""A step that takes longer is timed once, a shorter one three times."""
_MATRIX = 1024


@dataclass(frozen=True, slots=True)
class Pace:
    """What one step of training takes.

    Attributes
    ----------
    seconds_a_row : float
        Of training.
    bytes_kept : int
        By one step for its backward pass.
    """

    seconds_a_row: float
    bytes_kept: int


def measure_pace(
    model: LanguageModel,
    corpus: Corpus,
    grammar: Grammar,
    permutation: str,
    batch_size: int,
    device: Device,
) -> Pace:
    """Time steps of training `model` on rows of `corpus`, after one that is not timed."""
    rng = np.random.default_rng(0)
    scorer = Scorer(model, grammar, device)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=0.0, weight_decay=0.0, fused=True)
    rows = rng.integers(len(corpus), size=batch_size)
    was_training = model.training

    def step() -> float:
        started = time.perf_counter()
        orders = draw_orders(len(rows), corpus.segments.shape[1], permutation, rng)
        log_likelihood, _ = scorer.log_likelihood(corpus.sentences(rows, orders))
        if len(log_likelihood):
            (-log_likelihood.mean()).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        _wait(device)
        return time.perf_counter() - started

    with torch.random.fork_rng():
        model.train()
        with _counting_kept() as kept:
            first = step()
        seconds = [step() for _ in range(1 if first > _QUICK_S else 3)]
    model.train(was_training)
    return Pace(min(seconds) / batch_size, sum(kept.values()))


def measure_matrix_rate(device: Device) -> float:
    """Return how many floating-point operations a second matrix products reach here."""
    one = torch.ones(_MATRIX, _MATRIX, dtype=device.precision, device=device.device)
    seconds = []
    for _ in range(4):
        started = time.perf_counter()
        torch.mm(one, one)
        _wait(device)
        seconds.append(time.perf_counter() - started)
    return 2.0 * _MATRIX**3 / min(seconds[1:])


def free_memory(device: Device) -> int | None:
    """Return how many bytes can still be taken on `device`; None where that is not known."""
    if device.device.type == "cuda":
        return int(torch.cuda.mem_get_info(device.device)[0])
    if device.device.type != "cpu":
        return None
    try:
        with open("/proc/meminfo", encoding="ascii") as file:  # noqa: PTH123 - no path of ours
            sizes = dict(line.split(":", 1) for line in file)
        return int(sizes["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


@contextmanager
def _counting_kept() -> Iterator[dict[int, int]]:
    """Count the bytes that are kept for the backward pass, by where they lie."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield kept


def _wait(device: Device) -> None:
    if device.device.type == "cuda":
        torch.cuda.synchronize(device.device)
