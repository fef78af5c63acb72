"""A fit to be killed: as a script, it kills itself at a step, or writes its weights and rows."""

from __future__ import annotations

import math
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from benchmarks._samplers import make_sampler
from counterpoise import LLMOverSampler
from counterpoise.training import _checkpoint as checkpoint
from counterpoise.training._checkpoint import Checkpoint, TrainingState, distinct_tensors
from tests.small_models import mixed_frame

_SAVE = Checkpoint.save_now_and_then


def fitted(folder: Path | None, **parameters: Any) -> tuple[LLMOverSampler, str]:
    """A sampler after its fit, and its rows as text; it trains on some rows, on all, on its own."""
    X, y = mixed_frame(100)
    chosen = {
        "model": "compact",
        "recipe": "ranking",
        "precision": "float32",
        "patience": 3,
        "batch_size": 16,
    }
    chosen["interpolation"] = "smotenc"  # more rows, so more steps to be interrupted at
    chosen["refinement"] = "always"
    sampler = make_sampler(
        checkpoint_dir=folder, **{**chosen, "random_state": 5, "learning_rate": 3e-3, **parameters}
    )
    X_new, _ = sampler.fit_resample(X, y)
    return sampler, X_new.to_csv()


def stop_at_step(step: int, stop: Any) -> None:
    """Have `stop` called when `step` steps were trained; checkpoints are written all the time."""
    checkpoint.SECONDS_BETWEEN = 0.0
    checkpoint._SHARE_OF_TIME = math.inf
    n_steps = 0

    def counted(self: Checkpoint, state: TrainingState) -> None:
        nonlocal n_steps
        n_steps += 1
        if n_steps == step:
            stop()
        _SAVE(self, state)

    Checkpoint.save_now_and_then = counted


MOMENTS = ("before it writes", "while it writes", "before the file is replaced")


def kill_at(moment: str) -> None:
    """Kill this process without notice, now or in the midst of the next checkpoint."""

    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def write_half(saved: Any, path: Path) -> None:
        save(saved, path)
        if moment == "while it writes":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        kill()

    if moment == "before it writes":
        kill()
    save, torch.save = torch.save, write_half


def main(folder: str, output: str, step: str, moment: str) -> None:
    stop_at_step(int(step), lambda: kill_at(moment))
    sampler, rows = fitted(Path(folder))
    save_file(distinct_tensors(sampler.generator_.model), f"{output}.safetensors")
    Path(f"{output}.csv").write_text(rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
