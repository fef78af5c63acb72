"""Rejection sampling: draw rows, keep the accepted ones, draw again for the rest.

The accepted rows have exactly the distribution of the drawn ones given that they are accepted,
because each row is tested by itself and kept in the order drawn. Selection is given up after a
while: the best of the rows that it rejected are taken then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil, sqrt
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from counterpoise.columns._table import Table
from counterpoise.errors import DecodingError
from counterpoise.generation._decoding import Generated
from counterpoise.generation._prompts import Prompts
from counterpoise.grammar._grammar import IntArray

Draw: TypeAlias = Callable[[int], tuple[Generated, Prompts]]
"""Draws so many rows."""
Accept: TypeAlias = Callable[[Table], npt.NDArray[np.bool_]]
"""Whether each row of a table (label first) is accepted, shape (n_rows,)."""
Margin: TypeAlias = Callable[[Table], npt.NDArray[np.float64]]
"""By how much each row's own class leads, shape (n_rows,); a row is selected from zero up."""

NOT_SELECTED = "a classifier of the real rows finds another class likelier"
"""The reason for which selection rejects a row."""
SELECTION_DRAWS_PER_ROW = 8
"""After so many draws per row, the best of the rows that selection rejected are taken."""
DRAWS_PER_ROW = 50
"""How many draws each row asked for may take on average, unless told otherwise."""
SMALLEST_BOUND = 1000
"""No bound is lower than this: a few rows may be unlucky."""
_MAX_SPARE_ROWS = 256
"""So many more rows than asked for are drawn at first, at most, where rows are selected."""


@dataclass(frozen=True, slots=True)
class RejectionStats:
    """What it took to draw the rows asked for.

    Attributes
    ----------
    n_rows : int
        Rows asked for, and returned.
    n_drawn : int
        Rows drawn; those not needed at the end of the last round among them.
    rejected : mapping of str to int
        Rows rejected, by reason; a row counts for the first reason that rejects it.
    n_fallback : int
        Rows returned although selection rejected them, for lack of better ones.
    """

    n_rows: int = 0
    n_drawn: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    n_fallback: int = 0

    @property
    def n_rejected(self) -> int:
        """Rows rejected, for whatever reason."""
        return sum(self.rejected.values())

    def __add__(self, other: RejectionStats) -> RejectionStats:
        return RejectionStats(
            self.n_rows + other.n_rows,
            self.n_drawn + other.n_drawn,
            dict(Counter(self.rejected) + Counter(other.rejected)),
            self.n_fallback + other.n_fallback,
        )


@dataclass(frozen=True, slots=True)
class RejectionSampler:
    """Draws exactly as many accepted rows as asked for.

    Attributes
    ----------
    draw : callable
        From a number of rows to these rows and their prompts.
    accept : mapping of str to callable
        What a row must satisfy, by the reason for which it is rejected otherwise.
    margin : callable, optional
        Of the selection classifier, which a row should satisfy too.
    class_ : object, optional
        The class that is generated, for the message of an error.
    max_draws_per_row : int
        On average.
    advice : str
        What the user can do when these are spent; the end of the message.
    """

    draw: Draw
    accept: Mapping[str, Accept]
    margin: Margin | None = None
    class_: Any = None
    max_draws_per_row: int = DRAWS_PER_ROW
    advice: str = "ask for fewer rows, or relax what rejects them"

    def sample(self, n_rows: int) -> tuple[Generated, Prompts, RejectionStats]:
        """Return `n_rows` accepted rows; DecodingError where too few of the draws are accepted."""
        if not self.accept and self.margin is None:
            return *self.draw(n_rows), RejectionStats(n_rows, n_rows)
        bound = max(self.max_draws_per_row * n_rows, SMALLEST_BOUND)
        selection_bound = min(SELECTION_DRAWS_PER_ROW * n_rows, bound)
        margin, rejected, kept = self.margin, Counter[str](), _KeptRows()
        n_drawn = n_fallback = 0
        # a round of few rows takes nearly as long as one of many, so draw some to spare
        n_next = n_rows + (0 if margin is None else min(n_rows // 2, _MAX_SPARE_ROWS))
        while True:
            generated, prompts = self.draw(n_next)
            n_drawn += len(generated.table)
            # 1. constraints accept
            rows = self._accepted(generated.table, rejected)
            # 2. the selection classifier accepts
            if margin is not None:
                margins = margin(generated.table.take(rows))
                is_selected = margins >= 0
                kept.reject(generated, prompts, rows[~is_selected], margins[~is_selected])
                rejected[NOT_SELECTED] += int((~is_selected).sum())
                rows = rows[is_selected]
            kept.keep(generated, prompts, rows[: n_rows - kept.n_rows])
            # 3. fallback: the best of those that the classifier rejected
            if margin is not None and kept.n_rows < n_rows and n_drawn >= selection_bound:
                margin, n_fallback = None, kept.keep_best_rejected(n_rows - kept.n_rows)
                rejected[NOT_SELECTED] -= n_fallback
            if kept.n_rows == n_rows:
                stats = RejectionStats(n_rows, n_drawn, dict(rejected), n_fallback)
                return *_concatenated(kept.parts), stats
            if n_drawn >= bound:
                raise self._too_few(kept.n_rows, n_rows, n_drawn, rejected)
            # 4. refill
            n_lacking = n_rows - kept.n_rows
            n_more = ceil(expected_draws(n_lacking + sqrt(n_lacking), kept.n_rows, n_drawn))
            n_left = (bound if margin is None else selection_bound) - n_drawn
            n_next = min(n_more, max(n_rows, SMALLEST_BOUND), n_left)

    def _accepted(self, table: Table, rejected: Counter[str]) -> npt.NDArray[np.intp]:
        """Return the positions of the accepted rows, and count the others in `rejected`."""
        is_accepted = np.ones(len(table), dtype=bool)
        for reason, accepts in self.accept.items():
            passes = accepts(table)
            rejected[reason] += int((is_accepted & ~passes).sum())
            is_accepted &= passes
        return np.flatnonzero(is_accepted)

    def _too_few(
        self, n_kept: int, n_rows: int, n_drawn: int, rejected: Counter[str]
    ) -> DecodingError:
        reasons = ", ".join(f"{n} ({reason})" for reason, n in rejected.most_common() if n)
        of_class = "" if self.class_ is None else f" of class {self.class_!r}"
        return DecodingError(
            f"{n_kept} of {n_rows} rows{of_class} were accepted among {n_drawn} drawn, which is "
            f"the limit; rejected: {reasons}. What to do: {self.advice}",
            class_=self.class_,
            n_rows=n_rows,
            n_accepted=n_kept,
            n_drawn=n_drawn,
            rejected=dict(rejected),
        )


@dataclass
class _KeptRows:
    """The rows kept so far, in order, and those that selection rejected, with their margins."""

    parts: list[tuple[Generated, Prompts]] = field(default_factory=list)
    rejected: list[tuple[Generated, Prompts]] = field(default_factory=list)
    margins: list[npt.NDArray[np.float64]] = field(default_factory=list)
    n_rows: int = 0

    def keep(self, generated: Generated, prompts: Prompts, rows: IntArray) -> None:
        self.parts.append((generated.take(rows), prompts.take(rows)))
        self.n_rows += len(rows)

    def reject(
        self,
        generated: Generated,
        prompts: Prompts,
        rows: IntArray,
        margins: npt.NDArray[np.float64],
    ) -> None:
        self.rejected.append((generated.take(rows), prompts.take(rows)))
        self.margins.append(margins)

    def keep_best_rejected(self, n_rows: int) -> int:
        """Keep the best `n_rows` of the rejected rows, or all; return how many."""
        generated, prompts = _concatenated(self.rejected)
        best = np.argsort(-np.concatenate(self.margins), kind="stable")[:n_rows]
        self.keep(generated, prompts, best)
        return len(best)


def _concatenated(parts: list[tuple[Generated, Prompts]]) -> tuple[Generated, Prompts]:
    return Generated.concat([g for g, _ in parts]), Prompts.concat([p for _, p in parts])


def expected_draws(n_rows: float, n_kept: int, n_drawn: int) -> float:
    """Return about how many draws `n_rows` more rows take, where `n_drawn` gave `n_kept`."""
    return n_rows * (n_drawn + 1) / (n_kept + 1)
