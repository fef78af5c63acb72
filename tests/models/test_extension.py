"""A model from outside the package: two small classes and one registration."""

import pandas as pd
import pytest
import torch
from torch import nn

from counterpoise import LLMOverSampler
from counterpoise.errors import ModelError
from counterpoise.models import Backbone, LanguageModel, get_model, register_model
from counterpoise.models._backbone import _MODELS
from tests.small_models import mixed_frame


class BigramModel(LanguageModel):
    """The next token depends on the last one and on the column: a table for each, added."""

    def __init__(self, n_tokens, seed):
        super().__init__()
        first = torch.randn(2, n_tokens, n_tokens, generator=torch.Generator().manual_seed(seed))
        self.after_token, self.in_column = (nn.Parameter(0.1 * table) for table in first)

    def forward(self, tokens, column_tokens, at):
        last, column = tokens[at], column_tokens[at]
        return self.after_token[last] + self.in_column[column.clamp(min=0)]


class Bigram(Backbone):
    default_learning_rate = 0.1

    def build(self, entries, seed, device):
        return BigramModel(len(entries), seed)


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setattr("counterpoise.models._backbone._MODELS", dict(_MODELS))
    register_model("bigram", Bigram)


def test_it_fills_the_table_and_generates_further_rows():
    X, y = mixed_frame(100)
    sampler = LLMOverSampler(model="bigram", random_state=0, device="cpu")
    X_new, y_new = sampler.fit_resample(X, y)
    assert y_new.value_counts().to_dict() == {"no": 80, "yes": 80}
    assert sampler.model_name_ == "bigram"
    assert sampler.history_.n_samples_seen > 0
    again = LLMOverSampler(model=Bigram(), random_state=0, device="cpu").fit_resample(X, y)[0]
    pd.testing.assert_frame_equal(again, X_new)
    assert len(sampler.sample(7)[0]) == 7


def test_names_stand_for_objects():
    assert get_model("bigram") == Bigram()
    assert get_model(Bigram(batch_size=8)).load("cpu").batch_size == 8
    with pytest.raises(ModelError, match="model must be a name"):
        get_model(3)
