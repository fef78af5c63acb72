"""Rejection sampling: draw rows, keep the accepted ones, draw again for the rest.

The accepted rows have exactly the distribution of the drawn ones given that they are accepted,
because each row is tested by itself and kept in the order drawn. Selection ends after a while: the
best of the rows that it rejected are taken then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, sqrt
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from counterpoise._progress import Stage
from counterpoise.columns import Table
from counterpoise.errors import DecodingError
from counterpoise.grammar._grammar import BoolArray, FloatArray, IntArray

Accept: TypeAlias = Callable[[Table], BoolArray]
"""Whether each row of a table (label first) is accepted, shape (n_rows,)."""

Select: TypeAlias = Callable[[Table], tuple[BoolArray, FloatArray]]
"""Which rows of a table are selected, and how good the others are in place of lacking ones."""

NOT_SELECTED = "not selected by the classifiers of the real rows"
# Draws per row asked for, on average: at most; and where rows are labelled after they are generated
DRAWS_PER_ROW = 50
DRAWS_PER_LABELLED_ROW = 100
MIN_DRAWS = 1000  # allowed in any case: a few rows may be unlucky
SPARE_SHARE, _MAX_SPARE_ROWS = 0.5, 256  # drawn at first to spare, where rows are selected
_SMALL_POOL = 100  # rows of a pool that are drawn at once, however few are asked for


@dataclass(frozen=True, slots=True)
class GeneratedRows:
    """Generated rows, and how they came about."""

    table: Table  # label first; every cell is within the schema
    condition: IntArray  # (n_rows,): as in the prompts
    log_likelihood: FloatArray  # (n_rows,): in nats, of what the model chose, at temperature 1
    n_invalid: IntArray  # (n_rows,): cells that were impossible as generated, and filled in

    def __len__(self) -> int:
        return len(self.table)

    def take(self, rows: npt.NDArray[Any]) -> GeneratedRows:
        """Select rows by position or by a mask."""
        arrays = self.condition[rows], self.log_likelihood[rows], self.n_invalid[rows]
        return GeneratedRows(self.table.take(rows), *arrays)

    @classmethod
    def concat(cls, parts: Sequence[GeneratedRows]) -> GeneratedRows:
        """Stack rows of one schema; at least one part."""
        arrays = [(part.condition, part.log_likelihood, part.n_invalid) for part in parts]
        stacked = map(np.concatenate, zip(*arrays, strict=True))
        return cls(Table.concat([part.table for part in parts]), *stacked)


class Drawing:
    """Shows drawn rows as the accepted ones that they probably are, and then as those they are."""

    def __init__(self, stage: Stage | None = None) -> None:
        self._stage = stage or Stage()
        self._n_accepted = self._n_rejected = self._n_pending = 0

    def __call__(self, n: int) -> None:
        """Count `n` rows that are not accepted or rejected yet."""
        self._n_pending += n
        n_decided = self._n_accepted + self._n_rejected
        share = (self._n_accepted + 1) / (n_decided + 1)
        self._show(self._n_accepted + int(share * self._n_pending))

    def decide(self, n_accepted: int, n_rejected: int) -> None:
        """Count `n_accepted` and `n_rejected` rows in place of those that were pending."""
        self._n_accepted += n_accepted
        self._n_rejected += n_rejected
        self._n_pending = 0
        self._stage.note(f"{self._n_accepted:,} accepted, {self._n_rejected:,} rejected")
        self._show(self._n_accepted)

    def _show(self, n: int) -> None:
        self._stage(min(n, max(self._stage.total, self._n_accepted)) - self._stage.n)


class PoolDrawing(Drawing):
    """Shows the rows of a pool as the share of them that will be chosen."""

    def __init__(self, drawing: Drawing, share: float) -> None:
        super().__init__()
        self._drawing, self._share = drawing, share

    def choose(self, n_chosen: int, n_rejected: int) -> None:
        """Count the rows that were chosen of the pool, and all others."""
        self._drawing.decide(n_chosen, n_rejected)

    def _show(self, n: int) -> None:
        self._drawing._show(self._drawing._n_accepted + int(self._share * n))


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

    n_rows: int
    n_drawn: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    n_fallback: int = 0

    @property
    def n_rejected(self) -> int:
        """Rows rejected, for whatever reason."""
        return sum(self.rejected.values())

    @classmethod
    def total(cls, parts: Sequence[RejectionStats]) -> RejectionStats:
        """Return what it took to draw the rows of all parts."""
        rejected = Counter[str]()
        for part in parts:
            rejected.update(part.rejected)  # reasons for which none was rejected stay
        counts = ((part.n_rows, part.n_drawn, part.n_fallback) for part in parts)
        n_rows, n_drawn, n_fallback = map(sum, zip(*counts, strict=True))
        return cls(n_rows, n_drawn, dict(rejected), n_fallback)


def draw_accepted(
    draw: Callable[[int], GeneratedRows],
    n_rows: int,
    accept: Mapping[str, Accept],
    select: Select | None = None,
    *,
    selection_draws_per_row: int = 8,
    drawing: Drawing | None = None,
    class_: Any = None,
    max_draws_per_row: int = DRAWS_PER_ROW,
    is_late: Callable[[], bool] = lambda: False,
    advice: str = "ask for fewer rows, or relax what rejects them",
) -> tuple[GeneratedRows, RejectionStats]:
    """Return exactly `n_rows` accepted rows; DecodingError where too few of the draws are accepted.

    `accept` are the tests of a row, by the reason for rejecting it. `select` chooses among those
    that are accepted, for `selection_draws_per_row` draws per row, or until it `is_late`; then the
    best of the others are taken. `drawing` is what shows progress; `class_` and `advice` are for
    the message of an error.
    """
    drawing = drawing or Drawing()
    bound = max(max_draws_per_row * n_rows, MIN_DRAWS)
    selection_bound = min(selection_draws_per_row * n_rows, bound)
    kept: list[GeneratedRows] = []
    not_selected: list[GeneratedRows] = []
    preferences: list[FloatArray] = []
    rejected = Counter[str]()
    n_drawn = n_kept = n_fallback = 0
    n_told = 0, 0  # accepted and rejected
    # a round of few rows takes nearly as long as one of many, so draw some to spare
    n_spare = 0 if select is None else min(int(SPARE_SHARE * n_rows), _MAX_SPARE_ROWS)
    n_next = n_rows + n_spare
    while True:
        rows = draw(n_next)
        n_drawn += len(rows)
        # 1. constraints accept
        for reason, accepts in accept.items():
            is_accepted = accepts(rows.table)
            rejected[reason] += int((~is_accepted).sum())
            rows = rows.take(is_accepted)
        # 2. the selection classifier selects
        if select is not None:
            is_selected, preference = select(rows.table)
            not_selected.append(rows.take(~is_selected))
            preferences.append(preference[~is_selected])
            rejected[NOT_SELECTED] += len(not_selected[-1])
            rows = rows.take(is_selected)
        kept.append(rows.take(np.arange(min(len(rows), n_rows - n_kept))))
        n_kept += len(kept[-1])
        # 3. fallback: the best of those that the classifier rejected
        is_over = n_drawn >= selection_bound or is_late()
        if select is not None and n_kept < n_rows and is_over:
            best = np.argsort(-np.concatenate(preferences), kind="stable")[: n_rows - n_kept]
            kept.append(GeneratedRows.concat(not_selected).take(best))
            select, n_fallback = None, len(best)
            rejected[NOT_SELECTED] -= n_fallback
            n_kept += n_fallback
        n_rejected = sum(rejected.values())
        drawing.decide(n_kept - n_told[0], n_rejected - n_told[1])
        n_told = n_kept, n_rejected
        if n_kept == n_rows:
            stats = RejectionStats(n_rows, n_drawn, dict(rejected), n_fallback)
            return GeneratedRows.concat(kept), stats
        if n_drawn >= bound:
            reasons = ", ".join(f"{n} ({reason})" for reason, n in rejected.most_common() if n)
            of_class = "" if class_ is None else f" of class {class_!r}"
            raise DecodingError(
                f"{n_kept} of {n_rows} rows{of_class} were accepted among {n_drawn} drawn, which "
                f"is the limit; rejected: {reasons}. What to do: {advice}",
                class_=class_,
                n_rows=n_rows,
                n_accepted=n_kept,
                n_drawn=n_drawn,
                rejected=dict(rejected),
            )
        # 4. refill
        n_lacking = n_rows - n_kept
        n_more = ceil(expected_draws(n_lacking + sqrt(n_lacking), n_kept, n_drawn))
        n_left = (bound if select is None else selection_bound) - n_drawn
        n_next = min(n_more, max(n_rows, MIN_DRAWS), n_left)


def choose_from_pool(
    draw: Callable[[int], GeneratedRows],
    n_rows: int,
    n_pool: int,
    accept: Mapping[str, Accept],
    choose: Callable[[Table, int], IntArray],
    *,
    drawing: PoolDrawing,
    is_late: Callable[[], bool],
    **how: Any,
) -> tuple[GeneratedRows, RejectionStats]:
    """Return `n_rows` of `n_pool` accepted rows, those whose positions `choose` returns.

    The pool is smaller where it `is_late` before it is full, or where too few of further draws are
    accepted. The rest is as in `draw_accepted`.
    """
    parts: list[GeneratedRows] = []
    stats: list[RejectionStats] = []
    n_left = n_pool
    while n_left and not (parts and is_late()):
        n = min(max(n_rows, _SMALL_POOL), n_left)
        try:
            rows, stat = draw_accepted(draw, n, accept, drawing=drawing, **how)
        except DecodingError:
            if not parts:
                raise
            break
        parts.append(rows)
        stats.append(stat)
        n_left -= n
    pool, total = GeneratedRows.concat(parts), RejectionStats.total(stats)
    rows = pool.take(choose(pool.table, n_rows))
    rejected = {**total.rejected, NOT_SELECTED: len(pool) - n_rows}
    drawing.choose(n_rows, sum(rejected.values()))
    return rows, RejectionStats(n_rows, total.n_drawn, rejected)


def expected_draws(n_rows: float, n_kept: int, n_drawn: int) -> float:
    """Return about how many draws `n_rows` more rows take, where `n_drawn` gave `n_kept`."""
    return n_rows * (n_drawn + 1) / (n_kept + 1)
