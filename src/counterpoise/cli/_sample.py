"""``counterpoise sample``: rows from a sampler that was kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from counterpoise.cli._terminal import say
from counterpoise.errors import ModelError
from counterpoise.io._files import check_output, write_table


@dataclass(frozen=True, slots=True)
class Sample:
    """What is to be done; an attribute for each option."""

    folder: Path
    n: int
    class_: str | None
    output: Path | None
    overwrite: bool
    device: str
    seed: int | None
    verbose: bool


def run(task: Sample) -> None:
    """Carry `task` out."""
    if task.output is not None:
        check_output(task.output, overwrite=task.overwrite)
    from counterpoise.sampler import LLMOverSampler

    sampler = LLMOverSampler.load(task.folder, device=task.device)
    sampler.set_params(verbose=task.verbose)
    class_ = _class_of(task, sampler.classes_.tolist())
    X, y = sampler.sample(task.n, class_=class_, random_state=task.seed)
    if not isinstance(X, pd.DataFrame):
        raise ModelError(
            f"the sampler in {task.folder} was fitted on arrays, which have no columns to write; "
            "load it in Python"
        )
    rows = X.assign(**{str(getattr(y, "name", None) or "class"): y})
    write_table(rows, task.output)
    if task.verbose and task.output is not None:
        say(f"wrote {len(rows):,} rows to {task.output}")


def _class_of(task: Sample, classes: list[Any]) -> Any:
    """Return the class that is called so on the command line."""
    return next((c for c in classes if str(c) == task.class_), task.class_)
