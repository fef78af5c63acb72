"""`report`: what a sampler generated, beside the real rows, as HTML, Markdown or JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from counterpoise.columns._frames import as_frame, as_labels
from counterpoise.report._build import LabelledRows, describe_run, summarize
from counterpoise.report._render import in_frame, to_html, to_markdown
from counterpoise.report._summary import Summary

_STAGES = {"training_s": "Training", "generation_s": "Generation"}


@dataclass(frozen=True, slots=True)
class Report:
    """What a `summary` says as HTML, Markdown or JSON. In a notebook, it shows itself."""

    summary: Summary

    def to_html(self, path: str | PathLike[str] | None = None) -> str:
        """Return the report as one HTML document, also written to `path` if given.

        The document loads nothing from anywhere, works from disk, and prints.
        """
        return _written(to_html(self.summary), path)

    def to_markdown(self, path: str | PathLike[str] | None = None) -> str:
        """Return the report as Markdown, also written to `path` if given."""
        return _written(to_markdown(self.summary), path)

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """Return the report as JSON, also written to `path` if given."""
        record = self.summary.to_dict()
        text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
        return _written(f"{text}\n", path)

    def _repr_html_(self) -> str:
        return in_frame(to_html(self.summary))


def report(sampler: Any, *, title: str = "Table", holdout: tuple[Any, Any] | None = None) -> Report:
    """Show what the last `fit_resample` of a sampler generated, beside the real rows.

    Parameters
    ----------
    sampler : LLMOverSampler
        After `fit_resample`.
    title : str, default="Table"
        Name of the table.
    holdout : tuple of (X, y), default=None
        Real rows that `fit_resample` has not seen, in the types of its X and y. Leakage can only
        be measured with them.

    Raises
    ------
    NotFittedError
        Before `fit_resample`.
    ValueError
        If the sampler holds no synthetic rows, as after `fit` or `load`.
    """
    check_is_fitted(sampler, "n_synthetic_")
    if not hasattr(sampler, "_resampled"):
        raise ValueError("this sampler holds no synthetic rows to report on: call fit_resample")
    X, y = sampler._resampled[0], pd.Series(sampler._resampled[1])
    n_real = len(X) - sampler.n_synthetic_
    target, timings = sampler._y_type.name, getattr(sampler, "timings_", {})
    held_out = None
    if holdout is not None:
        X_held_out = as_frame(holdout[0]).set_axis(X.columns, axis=1)
        held_out = LabelledRows(X_held_out, pd.Series(np.asarray(as_labels(holdout[1]))))
    summary = summarize(
        LabelledRows(X.iloc[:n_real], y.iloc[:n_real]),
        LabelledRows(X.iloc[n_real:], y.iloc[n_real:]),
        sampler.schema_,
        describe_run(
            sampler,
            model=getattr(sampler, "model_name_", ""),
            model_reason=getattr(sampler, "model_reason_", ""),
            seconds={title: timings[name] for name, title in _STAGES.items() if name in timings},
        ),
        title=title,
        target="class" if target is None else str(target),
        holdout=held_out,
        provenance=getattr(sampler, "provenance_", None),
    )
    return Report(summary)


def _written(text: str, path: str | PathLike[str] | None) -> str:
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text
