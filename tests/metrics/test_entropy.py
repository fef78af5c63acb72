"""Entropy estimates against closed forms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from counterpoise.columns import Schema
from counterpoise.metrics import Sample
from counterpoise.metrics._builtin import chow_liu_entropy, entropy


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=60))
def test_entropy_is_the_plug_in_estimate_with_its_correction(codes: list[int]) -> None:
    counts = np.unique(codes, return_counts=True)[1]
    expected = stats.entropy(counts) + (len(counts) - 1) / (2 * len(codes))
    assert entropy(np.array(codes)) == pytest.approx(expected)


def test_the_correction_takes_the_bias_away() -> None:
    random = np.random.default_rng(0)
    samples = [entropy(random.integers(0, 8, 60)) for _ in range(400)]
    # standard error of the mean 0.002; without the correction the mean is 0.058 lower
    assert np.mean(samples) == pytest.approx(np.log(8), abs=0.01)


def chain(n_rows: int, n_columns: int, stays: float, seed: int) -> np.ndarray:
    """A Markov chain over two values: its dependences are a tree."""
    random = np.random.default_rng(seed)
    columns = [random.integers(0, 2, n_rows)]
    for _ in range(n_columns - 1):
        columns.append(np.where(random.random(n_rows) < stays, columns[-1], 1 - columns[-1]))
    return np.column_stack(columns).astype(np.int64)


def test_the_tree_estimate_is_exact_for_trees() -> None:
    bins = chain(20_000, 5, 0.9, seed=1)[:, [3, 0, 4, 1, 2]]  # in no helpful order
    exact = np.log(2) + 4 * stats.entropy([0.9, 0.1])
    # standard error of the estimate about 0.006
    assert chow_liu_entropy(bins) == pytest.approx(exact, abs=0.03)


def test_the_tree_estimate_at_its_ends() -> None:
    random = np.random.default_rng(2)
    column = random.integers(0, 4, 5000)
    assert chow_liu_entropy(column[:, None]) == pytest.approx(entropy(column))
    assert chow_liu_entropy(np.column_stack([column] * 3)) == pytest.approx(
        entropy(column), abs=0.01
    )
    free = random.integers(0, 4, (20_000, 3))
    assert chow_liu_entropy(free) == pytest.approx(3 * np.log(4), abs=0.01)


def test_the_tree_estimate_bounds_what_is_no_tree() -> None:
    random = np.random.default_rng(3)
    pair = random.integers(0, 2, (20_000, 2))
    parity = np.column_stack([pair, pair.sum(axis=1) % 2])
    assert chow_liu_entropy(parity) >= 2 * np.log(2)
    assert chow_liu_entropy(parity) == pytest.approx(3 * np.log(2), abs=0.01)


def test_numbers_are_binned_by_the_real_rows_and_missing_is_a_value() -> None:
    real = pd.DataFrame({"x": np.arange(100.0), "few": [0, 1] * 50, "c": ["a", "b"] * 50})
    real.loc[0, "x"] = np.nan
    made = real.assign(x=5.0)
    sample = Sample.from_frames(real, made, Schema.infer(real))
    bins = sample.real.bins
    assert np.bincount(bins[:, 0]).tolist() == [25, 25, 24, 25, 1] or bins[:, 0].max() == 4
    entropies = [entropy(column) for column in bins.T]
    assert entropies[1] == pytest.approx(np.log(2) + 1 / 200)
    assert entropies[2] == pytest.approx(np.log(2) + 1 / 200)
    assert entropy(sample.bins[:, 0]) == 0
