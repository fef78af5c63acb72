"""Every measure of synthetic rows at once, each beside what real and what repeated rows reach."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from counterpoise.evaluate.arms import Arms
from counterpoise.evaluate.distance import encode
from counterpoise.evaluate.leakage_measures import leakage_measures
from counterpoise.evaluate.measure import ColumnQuality, Measure, Quality
from counterpoise.evaluate.sample_measures import (
    column_figures,
    diversity_measures,
    realism_measures,
)
from counterpoise.table import Schema

__all__ = ["ASPECTS", "measure_quality"]

ASPECTS = ("diversity", "realism", "leakage")


def measure_quality(
    train: pd.DataFrame,
    holdout: pd.DataFrame | None,
    synthetic: pd.DataFrame,
    schema: Schema,
    *,
    aspects: Collection[str] = ASPECTS,
    max_rows: int = 2000,
    n_draws: int = 40,
    random_state: Any = None,
) -> Quality:
    """Measure how varied, how real and how leaky synthetic rows of one class are.

    Each figure stands beside two anchors: what held-out real rows reach in place of the synthetic
    ones, and what training rows repeated at random reach.

    Parameters
    ----------
    train : DataFrame of shape (n_train, n_columns)
        Real rows of the class that the generator was trained on; at least two.
    holdout : DataFrame of shape (n_holdout, n_columns) or None
        Real rows of the class that it has not seen, drawn at random from where `train` is from.
        None (or fewer than two): the real anchors and two measures of leakage are left out.
    synthetic : DataFrame of shape (n_synthetic, n_columns)
        What the generator wrote; at least two rows.
    schema : Schema
        What the columns are. It may lack the label.
    aspects : collection of {"diversity", "realism", "leakage"}, default=all three
        What to measure.
    max_rows : int, default=2000
        Of each of the three frames, no more than this many rows are used, drawn at random: time
        and memory grow with the square of it.
    n_draws : int, default=40
        Samples that measures of diversity and realism are taken on.
    random_state : int, RandomState instance or None, default=None
        Draws the samples.

    Returns
    -------
    Quality
        The figures.

    Raises
    ------
    ValueError
        If there are fewer than two training or synthetic rows, a frame lacks a column, or an
        aspect is unknown.

    Notes
    -----
    Many measures of diversity and realism depend on the number of rows. So they are taken on
    samples of equal size: as many rows as the holdout has (or as `train` has, without one), drawn
    from the synthetic rows without replacement, `n_draws` times. The value is the mean, the
    interval the middle 95 % of the samples. The held-out rows are one such sample of real rows: a
    real anchor outside of the interval is a difference that the draw of rows does not explain.
    Where there are too few synthetic rows for several samples, there is no interval. The distinct
    row rate is that of all the synthetic rows; the classifiers take as many rows as there are.
    Intervals of leakage are those of :mod:`counterpoise.evaluate.leakage`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> real = pd.DataFrame({"a": rng.normal(size=90).round(2), "b": rng.choice(["x", "y"], 90)})
    >>> quality = measure_quality(
    ...     real[:60], real[60:], real[:60], Schema.infer(real), aspects=["leakage"], random_state=0
    ... )
    >>> quality["exact_copies"].value, quality["exact_copies"].real_anchor, quality.leaks
    (1.0, 0.0, True)
    """
    _check(train, synthetic, aspects)
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31, size=4))
    n_holdout = 0 if holdout is None else len(holdout)
    has_holdout = n_holdout >= 2
    frames = [train, *([holdout] if holdout is not None and has_holdout else []), synthetic]
    frames = [_capped(frame, max_rows, rng) for frame in frames]
    rows = encode(schema, frames[:-1], frames[-1:])
    held = rows[1] if has_holdout else None
    measures: list[Measure] = []
    columns: tuple[ColumnQuality, ...] = ()
    warnings: list[str] = []
    notes = [] if has_holdout else ["There are no held-out rows, so nothing to anchor figures to."]
    n_compared = 0
    if "diversity" in aspects or "realism" in aspects:
        arms = Arms.of(rows[0], held, rows[-1], n_draws, rng)
        n_compared = arms.n_compared
        columns = column_figures(arms)
        if "diversity" in aspects:
            measures += diversity_measures(arms)
        if "realism" in aspects:
            found, notes_ = realism_measures(arms, rng)
            measures, notes = measures + found, notes + notes_
    if "leakage" in aspects:
        found, warnings, notes_ = leakage_measures(rows[0], held, rows[-1], frames, rng)
        measures, notes = measures + found, notes + notes_
    return Quality(
        len(train),
        n_holdout,
        len(synthetic),
        n_compared,
        tuple(measures),
        columns,
        tuple(warnings),
        tuple(notes),
    )


def _capped(frame: pd.DataFrame, max_rows: int, rng: np.random.Generator) -> pd.DataFrame:
    if len(frame) <= max_rows:
        return frame
    return frame.iloc[np.sort(rng.choice(len(frame), max_rows, replace=False))]


def _check(train: pd.DataFrame, synthetic: pd.DataFrame, aspects: Collection[str]) -> None:
    for name, frame in (("train", train), ("synthetic", synthetic)):
        if len(frame) < 2:
            raise ValueError(f"{name} must have at least 2 rows to be measured; got {len(frame)}")
    unknown = sorted(set(aspects) - set(ASPECTS))
    if unknown or not aspects:
        raise ValueError(f"aspects must be some of {ASPECTS}; got {list(aspects)!r}")
