"""What happened in a training, and where an unfinished one stands."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(slots=True)
class History:
    """What happened in training.

    Attributes
    ----------
    samples_seen : list of int
        Rows presented at each look.
    train_loss : list of float
        Mean negative log-likelihood a chosen token since the look before, nats.
    held_out_loss : list of float
        Negative log-likelihood a held-out row, nats; empty without held-out rows.
    best_n_samples_seen : int
        Rows presented to the weights that were kept.
    seconds, best_seconds : float
        Wall time in all, and until the weights that were kept.
    stopped_by : {"length", "held-out rows", "max_time"}
        What ended it: all rows were presented; held-out rows got no likelier; time was up.
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
        """Rows presented in all, repeats included."""
        return self.samples_seen[-1] if self.samples_seen else 0


@dataclass(slots=True)
class TrainingState:
    """Where a training stands between two steps, beside its weights and its optimizer.

    Attributes
    ----------
    next_look : int
        Rows presented at the next look.
    n_batches, n_presented : int
        Steps taken, and rows presented in them.
    losses : list of Tensor
        Loss of each step since the last look.
    best_loss : float
        Lowest held-out loss so far.
    best_weights : dict of str to Tensor, or None
        The weights that had it.
    history : History
        What has happened.
    """

    next_evaluation: int
    n_batches: int = 0
    n_samples_seen: int = 0
    losses: list[Tensor] = field(default_factory=list)
    best_loss: float = math.inf
    best_weights: dict[str, Tensor] | None = None
    history: History = field(default_factory=History)


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """When training has to stop, whatever it has reached.

    Attributes
    ----------
    deadline : float
        On the clock of ``time.perf_counter``, in seconds.
    repeats : float
        How often the training up to its best weights is still to be repeated before the deadline:
        about once after a training that only finds out how long to train.
    """

    deadline: float
    repeats: float = 0.0

    def is_over(self, best_seconds: float) -> bool:
        """Whether to stop now, where the best weights took `best_seconds` to reach."""
        return time.perf_counter() + self.repeats * best_seconds >= self.deadline
