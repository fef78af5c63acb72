"""Data-parallel training: processes that ``torchrun`` started share each batch, and the rows.

All do the same from the same seed, but each learns from its share of a batch, and gradients are
averaged (DistributedDataParallel). What is measured, seconds and held-out losses, is that of the
first process: all decide alike.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from counterpoise.generation._scoring import Scorer
from counterpoise.grammar._grammar import IntArray
from counterpoise.serialization import SerializedTable, TokenBatch
from counterpoise.training._checkpoint import Clock
from counterpoise.training._loop import Part

_T = TypeVar("_T")
_is_joined = False


@contextmanager
def data_parallel() -> Iterator[bool]:
    """Let fits within the block share their work with the other processes of ``torchrun``.

    Every process has to do the same there. Yields whether this one is the first, which is the one
    that writes; without ``torchrun`` it is, and nothing else happens.
    """
    global _is_joined
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or "RANK" not in os.environ:
        yield True
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group()
    _is_joined, is_first = True, dist.get_rank() == 0
    try:
        with warnings.catch_warnings():
            if not is_first:
                warnings.simplefilter("ignore")
            yield is_first
    finally:
        _is_joined = False
        dist.destroy_process_group()


def place() -> tuple[int, int]:
    """Return which of how many processes this one is."""
    return (dist.get_rank(), dist.get_world_size()) if _is_joined else (0, 1)


def agree(value: _T, rng: np.random.Generator | None = None) -> _T:
    """Return the value of the first process, and set `rng` to its state there."""
    if not _is_joined:
        return value
    both: list[Any] = [value, None if rng is None else rng.bit_generator.state]
    dist.broadcast_object_list(both)
    if rng is not None:
        rng.bit_generator.state = both[1]
    agreed: _T = both[0]
    return agreed


def agreed_clock(clock: Clock) -> Clock:
    """Return a clock that shows the same everywhere, if all look at it as often."""
    return (lambda: agree(clock())) if _is_joined else clock


def shared(parts: Sequence[Part]) -> Sequence[Part]:
    """Return what this process learns of `parts`; of a wide table's blocks, all of it."""
    if not _is_joined or len(parts) > 1:
        return parts
    (part,) = parts
    return [Part(_SharedScorer(part.scorer), _SharedTable.of(part.corpus), part.held_out)]


def gather(value: _T) -> list[_T]:
    """Return the values of all processes."""
    values: list[Any] = [value]
    if _is_joined:
        values = [None] * place()[1]
        dist.all_gather_object(values, value)
    return values


def spread(generate: Callable[..., _T], n_rows: int, rng: np.random.Generator) -> list[_T]:
    """Return what each process generates of `n_rows` rows, from random numbers of its own."""
    which, n_processes = place()
    if n_processes == 1:
        return [generate(n_rows, rng=rng)]
    first, end = (n_rows * at // n_processes for at in (which, which + 1))
    own = np.random.default_rng([int(rng.integers(2**31)), which])
    return gather(generate(end - first, rng=own))


class _SharedTable(SerializedTable):
    """Rows of which each process gets its share of a batch."""

    @classmethod
    def of(cls, table: SerializedTable) -> _SharedTable:
        return cls(table.segments, table.tokens, table.states, table.column_tokens)

    def token_batch(self, rows: IntArray, orders: IntArray) -> TokenBatch:
        which, n_processes = place()
        # at least one row, though then some are in more than one share
        share = np.arange(which, max(len(rows), n_processes), n_processes) % len(rows)
        return SerializedTable.token_batch(self, rows[share], orders[share])


class _SharedScorer(Scorer):
    """Scores the rows of a share; derivatives of the mean are those of the whole batch."""

    def __init__(self, scorer: Scorer) -> None:
        self.__dict__.update(scorer.__dict__)
        self._model: Any = DistributedDataParallel(scorer._model, broadcast_buffers=False)

    def log_likelihood(
        self, token_batch: TokenBatch, temperature: float = 1.0
    ) -> tuple[Tensor, IntArray, IntArray]:
        scores, rows, columns = super().log_likelihood(token_batch, temperature)
        if torch.is_grad_enabled():  # the mean of means counts each token alike
            n_tokens = torch.tensor(float(len(scores)), device=scores.device)
            dist.all_reduce(n_tokens)
            scores = scores * (len(scores) * place()[1] / n_tokens)
        return scores, rows, columns

    def loss_per_row(self, *args: Any) -> float:
        return agree(super().loss_per_row(*args))
