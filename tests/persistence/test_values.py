"""Parameters, constraints and models come back from JSON as they were."""

from __future__ import annotations

import datetime
import decimal
import json

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from counterpoise import constraints
from counterpoise.constraints import Constraint
from counterpoise.errors import ModelError
from counterpoise.models import AutoModel, Backbone, CompactModel, PretrainedModel
from counterpoise.persistence._folder import read_json, to_json
from counterpoise.persistence._sampler import decode, encode
from counterpoise.recipes import Recipe, get_recipe, recipe_names

PARAMETERS = [
    constraints.Range("age", 18, 75),
    constraints.Range(("a", 1), high=pd.Timestamp("2024-02-29", tz="Europe/Berlin")),
    constraints.Range("price", decimal.Decimal("0.10"), float("inf")),
    constraints.RangeMargin(0.25),
    constraints.Categories("colour", ["red", None, 3, datetime.date(2020, 1, 1)]),
    constraints.FixedCombinations(["state", "city"]),
    constraints.FixedCombinations(("state", "city")),
    constraints.Inequality("low", "<=", "high"),
    constraints.NoCopies(),
    CompactModel(batch_size=8, learning_rate=0.1, precision="bfloat16"),
    PretrainedModel("gpt2", n_layers=3, lora_rank=4, generation_batch_size=7),
    AutoModel(n_layers=2),
    Recipe(train_on="all", epochs=3, validation_fraction=0.25, top_p=0.5, selection="classifier"),
    *map(get_recipe, recipe_names()),
]


@pytest.mark.parametrize("value", PARAMETERS, ids=repr)
def test_parameter_objects_round_trip(value):
    again = decode(json.loads(json.dumps(encode(value))))
    assert again == value
    assert again is not value
    assert type(again) is type(value)


@pytest.mark.parametrize(
    "value", [None, True, -3, 0.1, "x", ["a", ("b", 1)], {"a": [1], 2: {"b": None}}, b"\x00", 2**80]
)
def test_plain_values_round_trip(value):
    again = decode(json.loads(json.dumps(encode(value))))
    assert repr(again) == repr(value)


@pytest.mark.parametrize(
    "array", [np.array([True, False]), np.array(["a", "bcd"]), np.array([1, "x"], dtype=object)]
)
def test_arrays_round_trip(array):
    again = decode(json.loads(json.dumps(encode(array))))
    assert again.dtype == array.dtype
    np.testing.assert_array_equal(again, array)


def test_text_that_is_no_utf_8_and_large_numbers_are_written(tmp_path):
    content = {"\ud800": ["\udfff", 2**127]}
    (tmp_path / "file.json").write_bytes(to_json(content))
    assert read_json(tmp_path / "file.json") == content
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"loss": float("nan")})


def test_scikit_learn_estimators_keep_their_parameters():
    forest = RandomForestClassifier(7, class_weight={0: 1.0, 1: 2.5}, random_state=3)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.5))
    for one in (forest, pipeline):
        recipe = Recipe(selection=[one, "x"])
        again = decode(json.loads(json.dumps(encode(recipe)))).selection[0]
        assert repr(again) == repr(one)
        assert again is not one


def test_a_class_that_is_not_registered_is_named():
    class Odd(Constraint):
        def __init__(self) -> None:
            pass

    class Huge(Backbone):
        def build(self, entries, seed, device):
            raise NotImplementedError

    for value in (Odd(), Huge()):
        name = type(value).__name__
        with pytest.raises(
            ModelError, match=f"parameter model cannot be saved: {name} is not registered"
        ):
            encode(value, "model")
        with pytest.raises(ModelError, match=f"class '{name}', which is not registered here"):
            decode({"object": [name, {}]})


def test_what_cannot_be_stored_is_named():
    with pytest.raises(ModelError, match=r"parameter recipe\.selection cannot be saved.*set"):
        encode(Recipe(selection={1}), "recipe")


@pytest.mark.parametrize(
    "encoded",
    [
        None,
        {},
        {"int": "1"},
        {"list": {"a": 1}},
        {"object": ["os.system", {}]},
        {"object": ["Recipe", {"unknown": {"int": 1}}]},
        {"object": ["SVC", {}]},
        {"array": [{"array": "<U999999999"}, {"list": []}]},
    ],
)
def test_malformed_values_are_refused(encoded):
    with pytest.raises((ModelError, ValueError, TypeError, LookupError, AttributeError)):
        decode(encoded)
