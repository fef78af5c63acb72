"""Ctrl-C: the sampler is as it was before, and works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import torch

from benchmarks._samplers import make_sampler
from counterpoise import LLMOverSampler
from counterpoise.generation import _decoding as generation
from counterpoise.generation._scoring import Scorer
from counterpoise.training._optimizer import AdamW
from tests.small_models import mixed_frame

ROOT = Path(__file__).parents[2]


def unfitted() -> LLMOverSampler:
    return make_sampler(model="compact", precision="float32", epochs=8, random_state=0)


@contextmanager
def interrupting(owner, name, call):
    """Have the `call`-th call of a function press Ctrl-C."""
    original, n_calls = getattr(owner, name), 0

    def called(*arguments, **parameters):
        nonlocal n_calls
        n_calls += 1
        if n_calls == call:
            os.kill(os.getpid(), signal.SIGINT)
        return original(*arguments, **parameters)

    # a process that was started in the background by a script ignores the signal
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(owner, name, called)
            yield
    finally:
        signal.signal(signal.SIGINT, before)


MOMENTS = [
    (Scorer, "log_likelihood", 1),
    (Scorer, "log_likelihood", 3),
    (AdamW, "step", 2),
    (generation, "choose", 1),
    (generation, "choose", 5),
]


@pytest.fixture(scope="module")
def expected() -> pd.DataFrame:
    return unfitted().fit_resample(*mixed_frame(60))[0]


@pytest.mark.parametrize(("owner", "name", "call"), MOMENTS)
def test_a_fit_that_was_interrupted_never_was(owner, name, call, expected, tmp_path):
    sampler = unfitted()
    before = dict(sampler.__dict__)
    state, n_threads = torch.get_rng_state(), torch.get_num_threads()
    with interrupting(owner, name, call), pytest.raises(KeyboardInterrupt):
        sampler.fit_resample(*mixed_frame(60))
    assert sampler.__dict__ == before
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == n_threads
    assert torch.is_grad_enabled()
    assert sampler.fit_resample(*mixed_frame(60))[0].equals(expected)


def test_what_was_fitted_before_still_is(expected):
    sampler, other = unfitted(), unfitted()
    for one in (sampler, other):
        one.fit_resample(*mixed_frame(60))
    with interrupting(Scorer, "log_likelihood", 2), pytest.raises(KeyboardInterrupt):
        sampler.fit_resample(*mixed_frame(50, seed=1))
    assert sampler.sample(5)[0].equals(other.sample(5)[0])
    with interrupting(generation, "choose", 2), pytest.raises(KeyboardInterrupt):
        sampler.sample(5)
    assert len(sampler.sample(5)[0]) == 5


# as above, the command must not inherit that the signal is ignored
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from counterpoise.cli import main
sys.exit(main())
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_the_command_leaves_no_half_written_file(make_churn, tmp_path):
    make_churn(60, 12).to_csv(tmp_path / "churn.csv", index=False)
    command = "resample churn.csv --target churn --set recipe.epochs=100000 -o out.csv"
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *command.split(), "--save", "kept"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(("estimate", "training")):
            break
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    assert [path.name for path in tmp_path.iterdir()] == ["churn.csv"]
