"""On a CUDA device: ``pytest -m gpu``."""

import numpy as np
import pandas as pd
import pytest
import torch

from counterpoise import LLMOverSampler
from counterpoise.models import CompactModel, PretrainedModel
from counterpoise.recipes import Recipe, get_recipe
from tests.small_models import mixed_frame, save_gpt2

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]


def fitted(**arguments: object) -> tuple[LLMOverSampler, pd.DataFrame]:
    sampler = LLMOverSampler(device="cuda", random_state=0, **arguments)
    return sampler, sampler.fit_resample(*mixed_frame())[0]


def test_the_same_seed_gives_the_same_rows() -> None:
    pd.testing.assert_frame_equal(fitted()[1], fitted()[1])


def test_training_ends_as_on_the_processor() -> None:
    recipe = Recipe(epochs=5, interpolation=None)
    on_gpu, _ = fitted(recipe=recipe)
    on_cpu = LLMOverSampler(device="cpu", recipe=recipe, random_state=0).fit(*mixed_frame())
    X, y = mixed_frame()
    scores, expected = (sampler.score_samples(X, y) for sampler in (on_gpu, on_cpu))
    assert np.isfinite(expected[(y == "yes").to_numpy()]).all()
    np.testing.assert_allclose(scores, expected, rtol=1e-3)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("serialization", ["table", "text"])
def test_a_hugging_face_model_generates_valid_rows(tmp_path, precision, serialization) -> None:
    model = PretrainedModel(str(save_gpt2(tmp_path)), precision=precision)
    recipe = get_recipe("imbllm", epochs=1, serialization=serialization)
    sampler, rows = fitted(model=model, recipe=recipe)
    assert len(rows) == 96
    assert len(sampler.sample(5)[0]) == 5


def test_a_saved_sampler_goes_on_with_the_same_rows(tmp_path) -> None:
    sampler, _ = fitted(model=CompactModel(), recipe=Recipe(epochs=2))
    sampler.save(tmp_path / "saved")
    loaded = LLMOverSampler.load(tmp_path / "saved", device="cuda")
    pd.testing.assert_frame_equal(sampler.sample(20)[0], loaded.sample(20)[0])
