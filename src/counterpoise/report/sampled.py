"""The report of a fitted over-sampler."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from counterpoise.oversample.frames import as_frame, as_labels
from counterpoise.oversample.recipe import AS_RECIPE
from counterpoise.oversample.sampler import LLMOverSampler
from counterpoise.report.build import Rows, describe_run, summarize
from counterpoise.report.document import Report
from counterpoise.report.summary import Run

__all__ = ["describe_sampler", "report_sampler"]

_STAGES = {"training_s": "Training", "generation_s": "Writing"}


def report_sampler(
    sampler: LLMOverSampler, *, title: str, holdout: tuple[Any, Any] | None = None
) -> Report:
    """Return the report of what a sampler wrote in its last fit; see `LLMOverSampler.report`."""
    if not hasattr(sampler, "_resampled"):
        raise ValueError(
            "this sampler holds no rows to report on: it was loaded, not fitted; call fit_resample"
        )
    whole, labels = sampler._resampled
    target = sampler._caller_types.target_name
    n_real = len(whole) - sampler.n_synthetic_
    y = pd.Series(labels)
    held = None
    if holdout is not None:
        X_held = as_frame(holdout[0]).set_axis(whole.columns, axis=1)
        held = Rows(X_held, pd.Series(np.asarray(as_labels(holdout[1]))))
    summary = summarize(
        Rows(whole.iloc[:n_real], y.iloc[:n_real]),
        Rows(whole.iloc[n_real:], y.iloc[n_real:]),
        sampler.schema_,
        describe_sampler(sampler),
        title=title,
        target="class" if target is None else str(target),
        holdout=held,
        provenance=getattr(sampler, "provenance_", None),
    )
    return Report(summary)


def describe_sampler(sampler: LLMOverSampler) -> Run:
    """Say how a sampler made its rows."""
    timings = getattr(sampler, "timings_", {})
    parameters, recipe = sampler.get_params(), getattr(sampler, "recipe_", None)
    resolved = {
        name: getattr(recipe, name, value) if _is_left_to_recipe(value) else value
        for name, value in parameters.items()
    }
    defaults = type(sampler)().get_params()
    unchanged = {name for name, value in parameters.items() if value == defaults[name]}
    return describe_run(
        resolved,
        {**defaults, **{name: resolved[name] for name in unchanged}},
        model=getattr(sampler, "model_name_", ""),
        model_reason=getattr(sampler, "model_reason_", ""),
        seconds={title: timings[name] for name, title in _STAGES.items() if name in timings},
    )


def _is_left_to_recipe(value: object) -> bool:
    return isinstance(value, str) and value == AS_RECIPE
