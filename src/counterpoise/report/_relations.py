"""Relations between columns: in which share of the real and the synthetic rows each holds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import pandas as pd

from counterpoise.columns import Schema, Table
from counterpoise.constraints import Relation, discover, relation_shares

MAX_NAMED: Final = 3
"""Relations that the summary names, of those that do not hold in every row."""


@dataclass(frozen=True, slots=True)
class RelationShares:
    """A relation between columns, with the shares of the rows in which it holds."""

    text: str
    kind: str  # formula, dependency, one-hot, order, implication or missing
    status: str  # "kept", "declared" (and kept), "not kept" or "nearly true" (and not kept)
    n_rows: int  # real rows that support it
    # shares in [0, 1]; None where there are no rows, or none of which it can be told
    real: float | None  # of the real rows of all classes that the generator was trained on
    holdout: float | None
    synthetic: float | None
    n_exceptions: int  # real rows that break it
    exceptions: tuple[int, ...]  # the first of these, counted from 0

    @property
    def is_kept(self) -> bool:
        """Return whether synthetic rows were held to it."""
        return self.status in ("kept", "declared")


def found_relations(real: pd.DataFrame, schema: Schema) -> list[Relation]:
    """Find relations in real rows; nothing keeps them in synthetic ones."""
    return [replace(one, is_kept=False) for one in discover(Table.from_frame(real, schema))]


def compare_relations(
    relations: Sequence[Relation],
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: Schema,
    *,
    holdout: pd.DataFrame | None = None,
) -> tuple[RelationShares, ...]:
    """Compute the shares of relations; those that are kept come first, nearly true ones last."""
    if not relations:
        return ()

    def shares(rows: pd.DataFrame | None) -> list[float | None]:
        if rows is None:
            return [None] * len(relations)
        found = relation_shares(relations, rows, real=real, schema=schema).tolist()
        return [None if math.isnan(share) else share for share in found]

    each = zip(relations, shares(real), shares(holdout), shares(synthetic), strict=True)
    found = [
        RelationShares(
            text=relation.constraint.text,
            kind=relation.kind,
            status=_status(relation),
            n_rows=relation.n_rows,
            real=of_real,
            holdout=of_holdout,
            synthetic=of_synthetic,
            n_exceptions=relation.n_exceptions,
            exceptions=relation.exceptions,
        )
        for relation, of_real, of_holdout, of_synthetic in each
    ]
    return tuple(sorted(found, key=lambda one: (one.status == "nearly true", not one.is_kept)))


def _status(relation: Relation) -> str:
    if relation.is_kept:
        return "declared" if relation.is_declared else "kept"
    return "nearly true" if relation.n_exceptions else "not kept"


def share_text(share: float | None) -> str:
    """Format a share so that only all rows are 100%, and only no row is 0%.

    >>> share_text(1.0), share_text(0.9996), share_text(0.515), share_text(None)
    ('100%', '99.96%', '51.5%', '-')
    """
    if share is None:
        return "-"
    if share in (0, 1):
        return f"{share:.0%}"
    n_decimals = 1
    while n_decimals < 6 and float(f"{100 * share:.{n_decimals}f}") in (0, 100):
        n_decimals += 1
    return f"{100 * share:.{n_decimals}f}%"


def relation_finding(relations: Sequence[RelationShares]) -> str | None:
    """Say in which rows the relations hold that hold in every real row, or were declared."""
    always = [one for one in relations if one.real == 1 or one.is_kept]
    n_near = sum(one.status == "nearly true" for one in relations)
    if not always and not n_near:
        return None
    broken = [one for one in always if not one.real == one.synthetic == 1]
    n_held = len(always) - len(broken)
    sentences = []
    if n_held:
        subject = (
            "relation between columns holds" if n_held == 1 else "relations between columns hold"
        )
        sentences.append(f"{n_held:,} {subject} in every real row and in every synthetic row.")
    for one in broken[:MAX_NAMED]:
        real = "every real row" if one.real == 1 else f"{share_text(one.real)} of the real rows"
        sentences.append(
            f"\u201c{one.text}\u201d holds in {real} and in {share_text(one.synthetic)} of the "
            "synthetic ones."
        )
    if len(broken) > MAX_NAMED:
        sentences.append(f"So it is with {len(broken) - MAX_NAMED:,} more.")
    if n_near:
        verb = "relation holds" if n_near == 1 else "relations hold"
        sentences.append(f"{n_near:,} {verb} in nearly all real rows: look at the exceptions.")
    return " ".join(sentences)
