"""Where a model runs, in which precision and on how many threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from counterpoise.errors import ModelError

_PRECISIONS = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Device:
    """A torch device and the number format of its matrix products.

    With bfloat16 only matrix products run in it: weights and optimizer state stay in float32.
    """

    device: torch.device
    precision: torch.dtype
    is_single_threaded: bool = False  # the model is so small that more threads are slower

    def threads(self) -> AbstractContextManager[None]:
        """Return the context in which the model is trained and generates."""
        return single_thread() if self.is_single_threaded else nullcontext()

    @property
    def fuses_attention(self) -> bool:
        """Whether torch's fused attention is fastest; on a CPU, with short rows, it is not."""
        return self.device.type != "cpu"

    @property
    def cache_precision(self) -> torch.dtype:
        """The number format of the key-value cache; on a CPU float32 is faster than bfloat16."""
        if self.device.type == "cpu" and self.precision == torch.bfloat16:
            return torch.float32
        return self.precision

    @property
    def weight_precision(self) -> torch.dtype:
        """The number format of weights and optimizer state."""
        return torch.float64 if self.precision == torch.float64 else torch.float32

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context in which the model computes."""
        if self.precision != torch.bfloat16:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.precision)

    def tensor(self, array: Any) -> torch.Tensor:
        """Return a NumPy array as a tensor on the device."""
        tensor = torch.from_numpy(array)
        if self.device.type == "cuda":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)


def resolve_device(device: str = "auto", precision: str = "auto") -> Device:
    """Return a torch device by name, and a precision; ModelError where it can't be used here.

    ``"auto"`` is a CUDA device where there is one, and bfloat16 where the hardware multiplies
    matrices in it.
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
    return Device(chosen, _PRECISIONS[precision])


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    # torch names this probe as private; without it we stay in float32, which is always right
    probe = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(probe is not None and probe())


@contextmanager
def single_thread() -> Iterator[None]:
    """Run the block on one thread of torch and OpenMP; restore the numbers afterwards.

    On matrices as small as the compact model's, further threads mostly spin while they wait for
    each other: beside other busy processes that makes a fit many times slower.
    """
    n_threads = torch.get_num_threads()
    try:
        with threadpool_limits(limits=1, user_api="openmp"):
            if n_threads > 1:
                torch.set_num_threads(1)
            yield
    finally:
        if n_threads > 1:
            torch.set_num_threads(n_threads)
