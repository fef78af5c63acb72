"""AdamW by its functional form: what torch's own class computes, without its imports."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch

from counterpoise.training._optimizer import AdamW

N_STEPS = 40


def weights() -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    shapes = [(4, 3), (3,), (2, 2)]
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]


def give_gradients(parameters: list[torch.nn.Parameter], step: int) -> None:
    """Large ones, which are clipped; the last parameter has one in every other step only."""
    generator = torch.Generator().manual_seed(step)
    for at, parameter in enumerate(parameters):
        is_left_out = at == 2 and step % 2
        gradient = 3 * torch.randn(parameter.shape, generator=generator)
        parameter.grad = None if is_left_out else gradient


def test_steps_are_those_of_torch() -> None:
    own, theirs = weights(), weights()
    optimizer = AdamW(own, 0.1, N_STEPS)
    expected = torch.optim.AdamW(theirs, lr=0.1, weight_decay=0.01, fused=True)

    def factor(step: int) -> float:
        if step < 4:
            return (step + 1) / 4
        return 0.55 + 0.45 * math.cos(math.pi * min(1.0, (step - 4) / 36))

    schedule = torch.optim.lr_scheduler.LambdaLR(expected, factor)
    for step in range(N_STEPS + 3):
        give_gradients(own, step)
        optimizer.step()
        assert all(parameter.grad is None for parameter in own)
        give_gradients(theirs, step)
        torch.nn.utils.clip_grad_norm_(theirs, 1.0)
        expected.step()
        schedule.step()
        for mine, other in zip(own, theirs, strict=True):
            torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-7)


def test_a_state_that_was_kept_goes_on_as_the_optimizer_would_have() -> None:
    whole, parts = weights(), weights()
    first = AdamW(parts, 0.1, N_STEPS)
    for optimizer, parameters in ((AdamW(whole, 0.1, N_STEPS), whole), (first, parts)):
        for step in range(10):
            give_gradients(parameters, step)
            optimizer.step()
        if optimizer is first:
            optimizer = AdamW(parts, 0.1, N_STEPS)
            optimizer.load_state_dict(first.state_dict())
        for step in range(10, 20):
            give_gradients(parameters, step)
            optimizer.step()
    for one, other in zip(whole, parts, strict=True):
        assert torch.equal(one, other)


def test_a_state_of_other_parameters_is_refused() -> None:
    state = AdamW(weights(), 0.1, N_STEPS).state_dict()
    with pytest.raises(ValueError, match="another exp_avgs"):
        AdamW(weights()[:2], 0.1, N_STEPS).load_state_dict(state)


def test_a_fit_does_without_torchs_compiler() -> None:
    script = """
import sys, torch
if "torch._dynamo" in sys.modules:  # in another version of torch
    sys.exit()
import pandas as pd
from counterpoise import LLMOverSampler
from counterpoise.recipes import get_recipe
X, y = pd.DataFrame({"a": [1, 2, 3] * 10, "b": ["x", "y"] * 15}), ["usual"] * 20 + ["rare"] * 10
LLMOverSampler(recipe=get_recipe("counterpoise", max_samples_seen=32)).fit_resample(X, y)
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, timeout=300)
