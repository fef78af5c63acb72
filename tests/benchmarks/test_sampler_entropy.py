"""Entropies of a real, tiny sampler: consistent with its rows, and its ablations."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks._entropy import SamplerRows, measure_cross_entropy, measure_entropy
from benchmarks._samplers import make_sampler
from counterpoise import LLMOverSampler
from tests.small_models import mixed_frame


def fitted(**arguments: object) -> LLMOverSampler:
    X, y = mixed_frame(80)
    chosen = {
        "recipe": "ranking-no-selection",
        "interpolation": "smotenc",
        "precision": "float32",
    }
    sampler = make_sampler(model="compact", epochs=4, random_state=0, **{**chosen, **arguments})
    sampler.fit_resample(X, y)
    return sampler


@pytest.fixture(scope="module")
def sampler() -> LLMOverSampler:
    return fitted()


def test_the_rest_is_what_provenance_says(sampler: LLMOverSampler) -> None:
    rows = SamplerRows(sampler)
    drawn = rows.draw(40, np.random.default_rng(0))
    logs = rows.log_probabilities(drawn.codes, drawn.orders)
    first = drawn.orders[:, 1]
    assert (logs[:, 0] == 0).all()
    assert np.isfinite(logs).all()
    found = measure_entropy(sampler, n_rows=200, n_orders=1)
    said = -sampler.provenance_["log_likelihood"].to_numpy()
    error = np.hypot(found.rest.error, said.std(ddof=1) / np.sqrt(len(said)))
    assert abs(found.rest.value - said.mean()) < 4 * error  # 1 in 15,000, and the seed is fixed
    shares = [np.exp(logs[first == at, at]).sum() for at in np.unique(first)]
    assert all(share > 0 for share in shares)


def test_bounds_are_in_order_and_starts_exact(sampler: LLMOverSampler) -> None:
    found = measure_entropy(sampler, n_rows=60, n_orders=2)
    assert found.given_order.value < found.upper.value
    assert found.lower.value <= found.upper.value + 4 * found.lower.error
    assert found.start.error == 0.0
    assert len(found.starts) == 6
    counts = sampler.generator_.value_counts.values(SamplerRows(sampler).label, 1)[1]
    shares = counts / counts.sum()
    assert found.starts[0] is not None
    assert found.starts[0].value == pytest.approx(-(shares * np.log(shares)).sum())
    assert found.starts[5] is not None
    assert found.starts[5].value == pytest.approx(0.0)  # a constant column


def test_a_lower_temperature_and_the_label_alone(sampler: LLMOverSampler) -> None:
    own = measure_entropy(sampler, n_rows=80, n_orders=1, condition="label")
    cold = measure_entropy(sampler, n_rows=80, n_orders=1, condition="label", temperature=0.3)
    assert cold.upper.value < own.lower.value
    # what a start is drawn from has no temperature
    starts = [
        measure_entropy(sampler, n_rows=10, n_orders=1, temperature=t).start for t in (1, 0.3)
    ]
    assert starts[0] == starts[1]


@pytest.mark.parametrize("permutation", ["none", "condition-first"])
def test_a_fixed_order_needs_no_bounds(permutation: str) -> None:
    sampler = fitted(permutation=permutation)
    for condition in ("feature", "label"):
        found = measure_entropy(sampler, n_rows=60, condition=condition)
        assert found.lower == found.upper
    assert len(found.starts) == 1


def test_cross_entropy_leaves_out_what_has_no_probability(sampler: LLMOverSampler) -> None:
    X, y = mixed_frame(80)
    rows = X[y == "yes"].head(6).copy()
    rows.iloc[0, rows.columns.get_loc("age")] = 999
    found, n_rows = measure_cross_entropy(sampler, rows)
    assert n_rows == 5
    assert np.isfinite(found.value)


def test_what_cannot_be_measured_is_refused(sampler: LLMOverSampler) -> None:
    with pytest.raises(ValueError, match="condition must be"):
        measure_entropy(sampler, condition="row")
    with pytest.raises(ValueError, match="class_ must be one of"):
        measure_entropy(sampler, class_="no")
