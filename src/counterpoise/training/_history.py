"""What happened in a training, where an unfinished one stands, and when it has to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from torch import Tensor

Clock: TypeAlias = Callable[[], float]
"""Returns seconds since some moment, as ``time.perf_counter``."""


@dataclass(slots=True)
class History:
    """What happened in a training.

    Attributes
    ----------
    samples_seen : list of int
        Training samples seen at each evaluation.
    train_loss : list of float
        Mean negative log-likelihood per chosen token since the evaluation before, in nats.
    held_out_loss : list of float
        Negative log-likelihood per held-out row, in nats; empty without held-out rows.
    best_n_samples_seen : int
        Training samples seen by the weights that were kept.
    seconds, best_seconds : float
        Wall time in all, and until the weights that were kept.
    stopped_by : {"length", "held-out rows", "max_time"}
        What ended it: all samples were seen; held-out rows got no likelier; time was up.
    """

    samples_seen: list[int] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    held_out_loss: list[float] = field(default_factory=list)
    best_n_samples_seen: int = 0
    seconds: float = 0.0
    best_seconds: float = 0.0
    stopped_by: str = "length"

    @property
    def n_samples_seen(self) -> int:
        """Training samples seen in all, repeats included."""
        return self.samples_seen[-1] if self.samples_seen else 0


@dataclass(slots=True)
class TrainingState:
    """Where a training stands between two steps, beside its weights and its optimizer."""

    next_evaluation: int
    """Training samples seen at the next evaluation."""
    n_batches: int = 0
    n_samples_seen: int = 0
    losses: list[Tensor] = field(default_factory=list)
    """Of each step since the last evaluation."""
    best_loss: float = math.inf
    """The lowest held-out loss so far, of `best_weights`."""
    best_weights: dict[str, Tensor] | None = None
    history: History = field(default_factory=History)


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """When training has to stop.

    Attributes
    ----------
    deadline : float
        On the `clock`, in seconds.
    repeats : float
        How often the training up to its best weights is still to be repeated before the deadline:
        about once after a search.
    """

    deadline: float
    repeats: float = 0.0
    clock: Clock = time.perf_counter

    def is_over(self, best_seconds: float) -> bool:
        """Whether to stop now, where the best weights took `best_seconds` to reach."""
        return self.clock() + self.repeats * best_seconds >= self.deadline
