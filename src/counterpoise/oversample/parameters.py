"""What each parameter of the over-sampler may be, as scikit-learn checks it."""

from __future__ import annotations

from numbers import Integral, Real
from os import PathLike
from typing import Any, Final

from sklearn.utils._param_validation import Interval, StrOptions

from counterpoise.oversample.recipe import AS_RECIPE, CHOICES, Recipe

PARAMETER_CONSTRAINTS: Final[dict[str, Any]] = {
    "model": [str],
    "recipe": [str, Recipe],
    "serialization": [StrOptions({AS_RECIPE, *CHOICES["serialization"]})],
    "decoding": [StrOptions({AS_RECIPE, *CHOICES["decoding"]})],
    "interpolation": [StrOptions({AS_RECIPE, "smotenc"}), None],
    "permutation": [StrOptions({AS_RECIPE, *CHOICES["permutation"]})],
    "condition": [StrOptions({AS_RECIPE, *CHOICES["condition"]})],
    "selection": [StrOptions({AS_RECIPE, "classifier"}), None],
    "refinement": [StrOptions({AS_RECIPE, "auto", "always"}), None],
    "train_on": [StrOptions({AS_RECIPE, *CHOICES["train_on"]})],
    "epochs": [Interval(Integral, 1, None, closed="left"), StrOptions({AS_RECIPE, "auto"})],
    "max_presentations": [Interval(Integral, 1, None, closed="left"), None],
    "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "learning_rate": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
    "validation_fraction": [
        Interval(Real, 0, 1, closed="left"),
        StrOptions({AS_RECIPE, "auto"}),
    ],
    "patience": [Interval(Integral, 1, None, closed="left")],
    "temperature": [Interval(Real, 0, None, closed="neither"), StrOptions({AS_RECIPE})],
    "top_p": [Interval(Real, 0, 1, closed="right")],
    "generation_batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "lora_rank": [Interval(Integral, 1, None, closed="left"), None],
    "n_layers": [Interval(Integral, 1, None, closed="left"), None],
    "column_kinds": [dict, None],
    "range_margin": [Interval(Real, 0, None, closed="left")],
    "ranges": [dict, None],
    "categories": [dict, None],
    "fixed_combinations": ["array-like", None],
    "inequalities": ["array-like", None],
    "allow_copies": ["boolean"],
    "device": [str],
    "precision": [StrOptions({"auto", "float32", "bfloat16"})],
    "max_time": [Interval(Real, 0, None, closed="neither"), None],
    "checkpoint_dir": [str, PathLike, None],
    "random_state": ["random_state"],
    "verbose": ["boolean"],
}
