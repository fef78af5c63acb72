"""Where a model runs and in which precision: the one place where code paths differ by device."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from counterpoise.errors import ModelError
from counterpoise.models._options import Backbone, CompactModel


@dataclass(frozen=True, slots=True)
class Device:
    """A torch device and the number format of its matrix products.

    Attributes
    ----------
    device : torch.device
        Where tensors live.
    precision : torch.dtype
        ``torch.float32`` or ``torch.bfloat16``. Weights and optimizer state stay in float32;
        with bfloat16 the matrix products of the forward and backward pass run in it.
    """

    device: torch.device
    precision: torch.dtype

    @property
    def fuses_attention(self) -> bool:
        """Whether torch's fused attention is the fastest here.

        On a processor the fused kernel's backward pass in bfloat16 is slower than everything else
        of a step together; sentences are short, so plain matrix products win.
        """
        return self.device.type != "cpu"

    @property
    def cache_precision(self) -> torch.dtype:
        """The number format of the key-value cache.

        A processor multiplies a single query with its keys faster in float32.
        """
        return torch.float32 if self.device.type == "cpu" else self.precision

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context in which the model computes."""
        if self.precision == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.precision)

    def tensor(self, array: Any) -> torch.Tensor:
        """Move a NumPy array to the device."""
        tensor = torch.from_numpy(array)
        if self.device.type == "cuda":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)


def resolve_device(device: str = "auto", precision: str = "auto") -> Device:
    """Choose the device and precision.

    Parameters
    ----------
    device : str
        ``"auto"`` (a CUDA device where there is one, else the processor) or a torch device name.
    precision : {"auto", "float32", "bfloat16"}
        ``"auto"`` takes bfloat16 where the hardware multiplies matrices in it.

    Raises
    ------
    ModelError
        If the device is unknown or not on this machine.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"device={device!r} can't be used here: {reason}") from error
    if precision == "auto":
        precision = "bfloat16" if _multiplies_bfloat16(chosen) else "float32"
    return Device(chosen, torch.bfloat16 if precision == "bfloat16" else torch.float32)


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    # torch names this probe as private; without it we stay in float32, which is always right
    probe = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(probe is not None and probe())


def device_for(model: Backbone, device: str) -> Device:
    """Return the device that `model` runs on, in its precision; see `resolve_device`."""
    precision = model.precision
    if precision == "auto" and isinstance(model, CompactModel):
        precision = "float32"  # so that rows do not depend on what the hardware multiplies in
    return resolve_device(device, precision)
