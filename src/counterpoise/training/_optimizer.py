"""AdamW, its learning rate on a schedule, by the functional form that torch has of it.

The class ``torch.optim.AdamW`` computes the same, but imports torch's compiler: 1.5 s of CPU in the
first fit of a process.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw

_MAX_WARMUP_STEPS = 20
_WEIGHT_DECAY = 0.01
_MAX_GRADIENT_NORM = 1.0


class AdamW:
    """Trains `parameters` for `n_steps`; gradients are clipped to a norm of 1.

    The learning rate rises to `peak` in a straight line and falls along a cosine to a tenth of it.
    """

    def __init__(self, parameters: Iterable[Tensor], peak: float, n_steps: int) -> None:
        self.parameters = list(parameters)
        self._peak = peak
        self.n_steps = n_steps  # may change: the schedule is then that of the new length
        self._n_taken = 0
        self._state: dict[str, list[Tensor]] = {
            "exp_avgs": [torch.zeros_like(one.detach()) for one in self.parameters],
            "exp_avg_sqs": [torch.zeros_like(one.detach()) for one in self.parameters],
            "state_steps": [torch.zeros((), device=one.device) for one in self.parameters],
        }

    @torch.no_grad()
    def step(self) -> None:
        """Change the parameters that have a gradient, and drop the gradients."""
        torch.nn.utils.clip_grad_norm_(self.parameters, _MAX_GRADIENT_NORM)
        changed = [at for at, one in enumerate(self.parameters) if one.grad is not None]
        gradients = [one.grad for one in self.parameters if one.grad is not None]
        state = {name: [all_[at] for at in changed] for name, all_ in self._state.items()}
        adamw(
            [self.parameters[at] for at in changed],
            gradients,
            exp_avgs=state["exp_avgs"],
            exp_avg_sqs=state["exp_avg_sqs"],
            max_exp_avg_sqs=[],
            state_steps=state["state_steps"],
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self._peak * _factor(self._n_taken, self.n_steps),
            weight_decay=_WEIGHT_DECAY,
            eps=1e-8,
            maximize=False,
        )
        self._n_taken += 1
        for parameter in self.parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Return where the optimizer stands; its tensors are not copied."""
        return {"n_taken": self._n_taken, **self._state}

    @torch.no_grad()
    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Take over a state of as many parameters of the same shapes."""
        n_taken = saved["n_taken"]
        if not isinstance(n_taken, int) or n_taken < 0:
            raise ValueError(f"{n_taken!r} steps taken")
        for name, tensors in self._state.items():
            if [one.shape for one in saved[name]] != [one.shape for one in tensors]:
                raise ValueError(f"another {name} of the optimizer")
            for own, other in zip(tensors, saved[name], strict=True):
                own.copy_(other)
        self._n_taken = n_taken


def _factor(step: int, n_steps: int) -> float:
    """Return the learning rate of a step over its peak."""
    n_warmup = max(1, min(_MAX_WARMUP_STEPS, n_steps // 10))
    if step < n_warmup:
        return (step + 1) / n_warmup
    done = (step - n_warmup) / max(1, n_steps - n_warmup)
    return 0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
