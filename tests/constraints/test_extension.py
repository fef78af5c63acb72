"""A constraint from outside the package: one class, one registration."""

import numpy as np
import pandas as pd
import pytest

from counterpoise import LLMOverSampler
from counterpoise.constraints import Constraint, register_constraint
from counterpoise.recipes import Recipe


@register_constraint
class EvenSum(Constraint):
    """The sum of two columns of whole numbers is even."""

    def __init__(self, left: str, right: str) -> None:
        self.left = left
        self.right = right

    def accepts(self, table):
        frame = table.to_frame()
        return ((frame[self.left] + frame[self.right]) % 2 == 0).to_numpy()


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.integers(10, size=80), "b": rng.integers(10, size=80)})
    y = np.array([0, 0, 0, 1] * 20)
    recipe = Recipe(epochs=2, interpolation=None)
    sampler = LLMOverSampler(recipe=recipe, constraints=[EvenSum("a", "b")], random_state=0)
    return sampler, sampler.fit_resample(X, y)[0].iloc[80:]


def test_every_row_satisfies_it_and_rejections_are_counted(fitted):
    sampler, synthetic = fitted
    assert ((synthetic["a"] + synthetic["b"]) % 2 == 0).all()
    stats = sampler.rejection_stats_[1]
    assert stats.rejected["not EvenSum(left='a', right='b')"] > 0
    assert stats.n_rows == len(synthetic) == 40


def test_further_rows_satisfy_it_too_also_after_a_round_trip(fitted, tmp_path):
    sampler, _ = fitted
    sampler.save(tmp_path / "saved")
    loaded = LLMOverSampler.load(tmp_path / "saved")
    assert loaded.constraints_ == [EvenSum("a", "b")]
    for one in (sampler, loaded):
        X, _ = one.sample(30, random_state=1)
        assert ((X["a"] + X["b"]) % 2 == 0).all()


def test_it_can_be_tuned(fitted):
    sampler, _ = fitted
    assert sampler.constraints[0].set_params(left="a").get_params() == {"left": "a", "right": "b"}
