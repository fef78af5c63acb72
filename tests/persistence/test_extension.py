"""Classes from outside the package are saved by name, and must be registered to be loaded."""

from __future__ import annotations

import pandas as pd
import pytest

from counterpoise import LLMOverSampler
from counterpoise.columns import _base as columns
from counterpoise.constraints import Constraint, register_constraint
from counterpoise.constraints import _base as constraints
from counterpoise.errors import ModelError
from counterpoise.models import LanguageModel, register_model
from counterpoise.models import _backbone as backbones
from counterpoise.recipes import Recipe
from tests.columns.test_extension import AddressColumn
from tests.models.test_extension import Bigram, BigramModel
from tests.small_models import mixed_frame


class DescribedBigram(BigramModel):
    kind = "toy bigram"

    def describe(self):
        return {"kind": self.kind}

    @classmethod
    def rebuild(cls, description, n_tokens, device):
        return cls(n_tokens, 0)


class ToyModel(Bigram):
    def build(self, entries, seed, device):
        return DescribedBigram(len(entries), seed)


class OlderThan(Constraint):
    def __init__(self, column: str, years: int) -> None:
        self.column = column
        self.years = years

    def accepts(self, table):
        return (table.to_frame()[self.column] > self.years).to_numpy()


@pytest.fixture
def registries(monkeypatch):
    """Copies of the registries, in which the classes above are; by what they are of."""
    own = {
        "constraint": (constraints, "_CONSTRAINTS"),
        "model": (backbones, "_MODELS"),
        "column type": (columns, "_types"),
    }
    for module, name in own.values():
        monkeypatch.setattr(module, name, dict(getattr(module, name)))
    register_constraint(OlderThan)
    register_model("toy", ToyModel)
    return {what: getattr(module, name) for what, (module, name) in own.items()}


@pytest.fixture
def folder(registries, tmp_path):
    X, y = mixed_frame(60)
    X["source"] = [f"10.0.{i % 3}.{i}" for i in range(60)]
    sampler = LLMOverSampler(
        model=ToyModel(batch_size=16),
        recipe=Recipe(epochs=1),
        constraints=[OlderThan("age", 25)],
        random_state=0,
        device="cpu",
    ).fit(X, y)
    assert any(isinstance(column, AddressColumn) for column in sampler.schema_)
    sampler.save(tmp_path / "saved")
    loaded = LLMOverSampler.load(tmp_path / "saved")
    assert loaded.get_params() == sampler.get_params()
    X_loaded = loaded.sample(9, class_="yes")[0]
    pd.testing.assert_frame_equal(X_loaded, sampler.sample(9, class_="yes")[0])
    assert (X_loaded["age"] > 25).all()
    return tmp_path / "saved"


@pytest.mark.parametrize(
    ("what", "name", "shown"),
    [
        ("constraint", "OlderThan", "class 'OlderThan', which is not registered here"),
        ("model", "toy", "class 'ToyModel', which is not registered here"),
        ("column type", "ipv4", "ipv4"),
    ],
)
def test_it_round_trips_and_must_be_registered_to_be_loaded(registries, folder, what, name, shown):
    del registries[what][name]
    with pytest.raises(ModelError, match=shown):
        LLMOverSampler.load(folder)


def test_the_kind_of_a_network_must_be_known(folder, monkeypatch):
    monkeypatch.delitem(LanguageModel._kinds, DescribedBigram.kind)
    with pytest.raises(ModelError, match="no model of the kind 'toy bigram' is known"):
        LLMOverSampler.load(folder)
