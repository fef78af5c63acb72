"""Draw rows, keep those that are accepted, draw again for the rest: bounded and reported.

The accepted rows have exactly the distribution of the drawn ones given that they are accepted,
because a row is judged by itself and kept in the order drawn (rejection sampling).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from counterpoise.errors import DecodingError
from counterpoise.model.generation import Generated
from counterpoise.oversample.condition import Prompts
from counterpoise.table import Table

Draw: TypeAlias = Callable[[int], tuple[Generated, Prompts]]
"""Draws so many rows."""
Accept: TypeAlias = Callable[[Table], npt.NDArray[np.bool_]]
"""Says of each row of a table (label first) whether it is accepted; shape (n_rows,)."""

DRAWS_PER_ROW = 50
"""How many draws each row asked for may take on average, unless told otherwise."""
SMALLEST_BOUND = 1000
"""No bound is lower than this: a few rows may be unlucky."""


@dataclass(frozen=True, slots=True)
class Redraws:
    """What it took to draw the rows asked for.

    Attributes
    ----------
    n_rows : int
        Rows asked for, and returned.
    n_drawn : int
        Rows drawn; those not needed at the end of the last round among them.
    rejected : mapping of str to int
        Rows rejected, by reason; a row counts for the first reason that rejects it.
    """

    n_rows: int = 0
    n_drawn: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)

    @property
    def n_rejected(self) -> int:
        """Rows rejected, for whatever reason."""
        return sum(self.rejected.values())

    def __add__(self, other: Redraws) -> Redraws:
        return Redraws(
            self.n_rows + other.n_rows,
            self.n_drawn + other.n_drawn,
            dict(Counter(self.rejected) + Counter(other.rejected)),
        )


def redraw(
    draw: Draw,
    accept: Mapping[str, Accept],
    n_rows: int,
    *,
    class_: Any = None,
    most_drawn: int | None = None,
    advice: str = "ask for fewer rows, or relax what rejects them",
) -> tuple[Generated, Prompts, Redraws]:
    """Draw exactly `n_rows` rows that are all accepted.

    Parameters
    ----------
    draw : callable
        From a number of rows to these rows and their prompts.
    accept : mapping of str to callable
        What a row must satisfy, by the reason for which it is rejected otherwise, such as
        ``"copies of training rows"``. With none, there is a single draw of `n_rows`.
    class_ : object, optional
        The class being written, for the message of an error.
    most_drawn : int, optional
        Rows that may be drawn in all, ``max(DRAWS_PER_ROW * n_rows, SMALLEST_BOUND)`` by
        default.
    advice : str
        What the user can do when that is spent; the end of the message.

    Returns
    -------
    generated : Generated
    prompts : Prompts
    redraws : Redraws

    Raises
    ------
    DecodingError
        When `most_drawn` rows are drawn and too few of them accepted.
    """
    bound = max(DRAWS_PER_ROW * n_rows, SMALLEST_BOUND) if most_drawn is None else most_drawn
    generated, prompts = draw(n_rows)
    if not accept:
        return generated, prompts, Redraws(n_rows, n_rows)
    rejected: Counter[str] = Counter()
    n_drawn, n_kept, kept = 0, 0, []
    while True:
        n_drawn += len(generated.table)
        rows = _accepted(generated.table, accept, rejected)[: n_rows - n_kept]
        kept.append((generated.take(rows), prompts.take(rows)))
        n_kept += len(rows)
        if n_kept == n_rows:
            break
        if n_drawn >= bound:
            raise _too_few(n_kept, n_rows, n_drawn, rejected, class_, advice)
        share = (n_kept + 1) / (n_drawn + 1)
        n_next = min(ceil((n_rows - n_kept) / share), max(n_rows, SMALLEST_BOUND), bound - n_drawn)
        generated, prompts = draw(n_next)
    redraws = Redraws(n_rows, n_drawn, dict(rejected))
    return Generated.concat([g for g, _ in kept]), Prompts.concat([p for _, p in kept]), redraws


def _accepted(
    table: Table, accept: Mapping[str, Accept], rejected: Counter[str]
) -> npt.NDArray[np.intp]:
    """Return the positions of the accepted rows, and count the others in `rejected`."""
    is_accepted = np.ones(len(table), dtype=bool)
    for reason, is_right in accept.items():
        passes = is_right(table)
        rejected[reason] += int((is_accepted & ~passes).sum())
        is_accepted &= passes
    return np.flatnonzero(is_accepted)


def _too_few(
    n_kept: int,
    n_rows: int,
    n_drawn: int,
    rejected: Counter[str],
    class_: Any,
    advice: str,
) -> DecodingError:
    reasons = ", ".join(f"{n} ({reason})" for reason, n in rejected.most_common() if n)
    of_class = "" if class_ is None else f" of class {class_!r}"
    return DecodingError(
        f"{n_kept} of {n_rows} rows{of_class} were accepted among {n_drawn} drawn, which is the "
        f"most that may be; rejected: {reasons}. What to do: {advice}",
        class_=class_,
        n_rows=n_rows,
        n_accepted=n_kept,
        n_drawn=n_drawn,
        rejected=dict(rejected),
    )
