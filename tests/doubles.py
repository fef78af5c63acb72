"""What stands in for the real thing in tests: a sampler that trains nothing, a shell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator


class TickingClock:
    """A clock on which each look at it takes `seconds`, whatever the machine does."""

    def __init__(self, seconds: float = 0.01) -> None:
        self.seconds = seconds
        self.now = 0.0

    def __call__(self) -> float:
        self.now += self.seconds
        return self.now


class CopyingSampler:
    """Stands in for `LLMOverSampler`: fills every class with copies of its first rows."""

    def __init__(self, **arguments: Any) -> None:
        self.arguments = arguments

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {"random_state": None, **self.arguments}

    def set_params(self, **parameters: Any) -> CopyingSampler:
        self.arguments |= parameters
        return self

    def fit_resample(self, X: pd.DataFrame, y: pd.Series[Any]) -> tuple[pd.DataFrame, Any]:
        counts = y.value_counts()
        wanted = self.arguments.get("sampling_strategy", "auto")
        targets = wanted if isinstance(wanted, dict) else dict.fromkeys(counts.index, counts.max())
        rows = [np.arange(len(y))]
        for class_, n_wanted in targets.items():
            of_class = np.flatnonzero(y == class_)
            rows.append(np.resize(of_class, n_wanted - len(of_class)))
        chosen = np.concatenate(rows)
        if len(chosen) > len(y):
            self.model_name_, self.model_reason_ = "copies", "no model is faster"
            self.timings_ = dict.fromkeys(("training_s", "generation_s"), 1.5)
            self.timings_ |= {"training_rows_per_s": 1234.5, "generation_rows_per_s": 99.0}
        return X.iloc[chosen].reset_index(drop=True), y.iloc[chosen].reset_index(drop=True)

    def save(self, folder: Path, *, include_rows: bool) -> None:
        Path(folder).mkdir()


@dataclass
class Shell:
    """Runs commands in this process, in a folder of its own."""

    folder: Path
    samplers: list[CopyingSampler]
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Return a command's exit code, standard output and standard error."""
        from counterpoise.cli import main

        self.capture.readouterr()
        code = main(list(arguments))
        return code, *self.capture.readouterr()

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    @property
    def sampler(self) -> CopyingSampler:
        """The one sampler that was made."""
        (sampler,) = self.samplers
        return sampler

    @property
    def names(self) -> list[str]:
        """The names of all files in the folder."""
        return sorted(entry.name for entry in self.folder.iterdir())


class RecombiningSampler(BaseEstimator):
    """Fills the smallest class with rows whose cells are each drawn from another row of it."""

    def __init__(self, random_state: int | None = None) -> None:
        self.random_state = random_state

    def fit_resample(self, X: pd.DataFrame, y: pd.Series[Any]) -> tuple[pd.DataFrame, Any]:
        rng = np.random.default_rng(self.random_state)
        counts = y.value_counts()
        class_, n = counts.index[-1], int(counts.iloc[0] - counts.iloc[-1])
        own = X[(y == class_).to_numpy()]
        made = pd.DataFrame({c: own[c].to_numpy()[rng.integers(len(own), size=n)] for c in X})
        whole = pd.concat([X, made], ignore_index=True)
        return whole, pd.concat([y, pd.Series([class_] * n)], ignore_index=True)
