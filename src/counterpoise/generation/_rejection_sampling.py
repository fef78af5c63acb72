"""Draw rows, keep those that are accepted, draw again for the rest: bounded and reported.

The accepted rows have exactly the distribution of the drawn ones given that they are accepted,
because a row is judged by itself and kept in the order drawn (rejection sampling). What is only
preferred is given up after a while: the best of the rows that were put back come then.
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
"""Says of each row of a table (label first) whether it is accepted; shape (n_rows,)."""

Prefer: TypeAlias = Callable[[Table], npt.NDArray[np.float64]]
"""Says how good each row of a table is, shape (n_rows,); from zero up it is good enough."""

NOT_PREFERRED = "a classifier of the real rows finds another class likelier"
"""The reason for which a row that is accepted is put back."""

PREFERRING_DRAWS_PER_ROW = 8
"""After how many draws a row the best of those that were put back are taken."""

ROWS_TO_SPARE = 256
"""At most so many more rows than asked for are drawn at first, where rows are preferred."""

DRAWS_PER_ROW = 50
"""How many draws each row asked for may take on average, unless told otherwise."""
SMALLEST_BOUND = 1000
"""No bound is lower than this: a few rows may be unlucky."""


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
        Rows returned that are not preferred, for lack of better ones.
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


@dataclass
class _Kept:
    """The rows kept so far, in order, and those put back with how good they are."""

    parts: list[tuple[Generated, Prompts]] = field(default_factory=list)
    put_back: list[tuple[Generated, Prompts]] = field(default_factory=list)
    goodness: list[npt.NDArray[np.float64]] = field(default_factory=list)
    n_rows: int = 0

    def keep(self, generated: Generated, prompts: Prompts, rows: IntArray) -> None:
        self.parts.append((generated.take(rows), prompts.take(rows)))
        self.n_rows += len(rows)

    def put_aside(
        self,
        generated: Generated,
        prompts: Prompts,
        rows: IntArray,
        goodness: npt.NDArray[np.float64],
    ) -> None:
        self.put_back.append((generated.take(rows), prompts.take(rows)))
        self.goodness.append(goodness)

    def take_best(self, n_rows: int) -> int:
        """Keep the best `n_rows` of those put back, or all; return how many."""
        generated, prompts = _whole(self.put_back)
        best = np.argsort(-np.concatenate(self.goodness), kind="stable")[:n_rows]
        self.keep(generated, prompts, best)
        return len(best)


def _whole(parts: list[tuple[Generated, Prompts]]) -> tuple[Generated, Prompts]:
    return Generated.concat([g for g, _ in parts]), Prompts.concat([p for _, p in parts])


def draws_expected(n_rows: float, n_kept: int, n_drawn: int) -> float:
    """Return about how many draws `n_rows` more rows take, where `n_drawn` gave `n_kept`."""
    return n_rows * (n_drawn + 1) / (n_kept + 1)


def sample_with_rejection(
    draw: Draw,
    accept: Mapping[str, Accept],
    n_rows: int,
    *,
    prefer: Prefer | None = None,
    class_: Any = None,
    most_drawn: int | None = None,
    advice: str = "ask for fewer rows, or relax what rejects them",
) -> tuple[Generated, Prompts, RejectionStats]:
    """Draw exactly `n_rows` rows that are all accepted.

    Parameters
    ----------
    draw : callable
        From a number of rows to these rows and their prompts.
    accept : mapping of str to callable
        What a row must satisfy, by the reason for which it is rejected otherwise, such as
        ``"copies of training rows"``.
    prefer : callable, optional
        What a row should satisfy beside. With none, and nothing to accept by, there is a single
        draw of `n_rows`.
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
    if not accept and prefer is None:
        return *draw(n_rows), RejectionStats(n_rows, n_rows)
    # where rows are preferred some are put back, and a round takes as long as so many more rows
    n_spare = 0 if prefer is None else min(n_rows // 2, ROWS_TO_SPARE)
    generated, prompts = draw(n_rows + n_spare)
    rejected: Counter[str] = Counter()
    preferring_bound = min(PREFERRING_DRAWS_PER_ROW * n_rows, bound)
    n_drawn, n_fallback, kept = 0, 0, _Kept()
    while True:
        n_drawn += len(generated.table)
        rows = _accepted(generated.table, accept, rejected)
        if prefer is not None:
            goodness = prefer(generated.table.take(rows))
            is_good = goodness >= 0
            kept.put_aside(generated, prompts, rows[~is_good], goodness[~is_good])
            rejected[NOT_PREFERRED] += int((~is_good).sum())
            rows = rows[is_good]
        kept.keep(generated, prompts, rows[: n_rows - kept.n_rows])
        if prefer is not None and kept.n_rows < n_rows and n_drawn >= preferring_bound:
            prefer, n_fallback = None, kept.take_best(n_rows - kept.n_rows)
            rejected[NOT_PREFERRED] -= n_fallback
        if kept.n_rows == n_rows:
            break
        if n_drawn >= bound:
            raise _too_few(kept.n_rows, n_rows, n_drawn, rejected, class_, advice)
        # with something to spare, for a round of a few rows takes nearly as long as one of many
        n_lacking = n_rows - kept.n_rows
        n_more = ceil(draws_expected(n_lacking + sqrt(n_lacking), kept.n_rows, n_drawn))
        left = (bound if prefer is None else preferring_bound) - n_drawn
        generated, prompts = draw(min(n_more, max(n_rows, SMALLEST_BOUND), left))
    return *_whole(kept.parts), RejectionStats(n_rows, n_drawn, dict(rejected), n_fallback)


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
