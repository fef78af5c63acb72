"""The rows to be judged and the two anchors, as samples of equal size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from counterpoise.evaluate.comparison import Comparison, Reference, hold_against
from counterpoise.evaluate.distance import IntArray, Rows
from counterpoise.evaluate.interval import Interval

__all__ = ["Arm", "Arms"]


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """Rows of one origin, and the samples of them that measures are taken on.

    Attributes
    ----------
    whole : Comparison
        All the rows, held against the training rows.
    draws : tuple of ndarray of shape (n_compared,)
        Which rows each sample has; one sample where there are no more rows than it needs.
    """

    whole: Comparison
    draws: tuple[IntArray, ...]

    @classmethod
    def of(
        cls, real: Reference, rows: Rows, n_compared: int, n_draws: int, rng: np.random.Generator
    ) -> Arm:
        """Draw up to `n_draws` samples of `n_compared` of the rows, without replacement."""
        n = len(rows)
        draws = [
            rng.choice(n, n_compared, replace=False).astype(np.int64)
            for _ in range(n_draws if n > n_compared else 1)
        ]
        return cls(hold_against(real, rows), tuple(draws))

    def samples(self) -> Iterator[Comparison]:
        """Yield one comparison a sample."""
        return (self.whole.take(draw) for draw in self.draws)

    def measure(self, measure: Callable[[Comparison], float]) -> tuple[float, Interval | None]:
        """Return the mean over the samples, and where the middle 95 % of them lie."""
        values = np.array([measure(sample) for sample in self.samples()])
        if len(values) == 1:
            return float(values[0]), None
        low, high = np.quantile(values, [0.025, 0.975])
        return float(values.mean()), (float(low), float(high))


@dataclass(frozen=True, slots=True, eq=False)
class Arms:
    """The rows to be judged, beside the two anchors.

    Attributes
    ----------
    real : Reference
        The training rows.
    synthetic : Arm
        The rows to be judged.
    holdout : Arm or None
        Real rows that the generator has not seen; None where there are fewer than two.
    duplicates : Arm
        Training rows drawn at random with replacement, as many as there are synthetic rows.
    n_compared : int
        Rows of a sample.
    """

    real: Reference
    synthetic: Arm
    holdout: Arm | None
    duplicates: Arm
    n_compared: int

    @classmethod
    def of(
        cls,
        train: Rows,
        holdout: Rows | None,
        synthetic: Rows,
        n_draws: int,
        rng: np.random.Generator,
    ) -> Arms:
        """Bring the rows, all encoded together, to samples of equal size."""
        real = Reference(train)
        n_compared = min(len(synthetic), len(train) if holdout is None else len(holdout))
        repeated = train.take(rng.integers(len(train), size=len(synthetic)))
        synthetic_, duplicates = (
            Arm.of(real, rows, n_compared, n_draws, rng) for rows in (synthetic, repeated)
        )
        real_ = None if holdout is None else Arm.of(real, holdout, n_compared, n_draws, rng)
        return cls(real, synthetic_, real_, duplicates, n_compared)
