"""The interface of every language model, and where one runs: device, precision, threads."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from counterpoise.errors import ModelError
from counterpoise.grammar._grammar import IntArray

MAX_PARTS = 1024  # layers, heads or experts in a folder; a forged number must not hang
_GLOBAL_GENERATOR = threading.RLock()
_THREAD = threading.local()  # has `is_single` within `single_thread`
_PRECISIONS = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.bfloat16}


class LanguageModel(nn.Module, ABC):
    """A causal language model whose vocabulary is that of one table.

    A subclass defines `forward`. It may define `open_cache` for faster generation, and a `kind`
    with `describe` and `rebuild` for being saved.
    """

    kind: ClassVar[str] = ""  # the name of the class in a saved model; "" cannot be saved
    is_random: ClassVar[bool] = True  # whether training draws from torch's generator, for dropout
    is_block = False  # whether its vocabulary is that of a block of columns of a wide table
    _kinds: ClassVar[dict[str, type[LanguageModel]]] = {}

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if cls.kind:
            LanguageModel._kinds[cls.kind] = cls

    @staticmethod
    def of_kind(kind: str) -> type[LanguageModel]:
        """Return the class with this `kind`; ModelError where none has been imported."""
        if kind not in LanguageModel._kinds:
            raise ModelError(f"no model of the kind {kind!r} is known; import what defines it")
        return LanguageModel._kinds[kind]

    @property
    def max_length(self) -> int | None:
        """Most tokens of a row that the model can read; None if there is no limit."""
        return None

    @abstractmethod
    def forward(self, tokens: Tensor, column_tokens: Tensor, at: tuple[Tensor, Tensor]) -> Tensor:
        """Return the logits of the tokens that may follow chosen places.

        Parameters
        ----------
        tokens : Tensor of shape (n_rows, length), int64
        column_tokens : Tensor of shape (n_rows, length), int64
            The token whose embedding is added at each place; negative for none.
        at : pair of Tensors of shape (n_places,)
            Row and column of each place of `tokens` whose successor is scored.

        Returns
        -------
        Tensor of shape (n_places, n_tokens), float32 or float64
        """

    def open_cache(self, n_rows: int, device: Device) -> CachedModel:
        """Return the model at the start of `n_rows` rows that are generated together."""
        return _RereadingCache(self, n_rows, device)

    def check_length(self, n_tokens: int) -> None:
        """Raise ModelError if a row of `n_tokens` is longer than the model can read."""
        if self.max_length is not None and n_tokens > self.max_length:
            raise ModelError(
                f"a row of this table takes up to {n_tokens} tokens, but the model reads at most "
                f"{self.max_length}; use serialization='table', or fewer columns"
            )

    def describe(self) -> dict[str, Any]:
        """Return what the model is made of beside its weights and vocabulary, as JSON types."""
        raise ModelError(f"a {type(self).__name__} cannot be saved: it does not describe itself")

    @classmethod
    def rebuild(cls, description: dict[str, Any], n_tokens: int, device: Device) -> Self:  # noqa: ARG003
        """Return a model as described, for `n_tokens` tokens; its weights are loaded afterwards."""
        raise ModelError(f"a saved {cls.__name__} cannot be rebuilt: {description}")


class CachedModel(ABC):
    """A model in the middle of a batch of rows, all of which have as many tokens."""

    @abstractmethod
    def read(self, tokens: IntArray, column_tokens: IntArray, rows: IntArray) -> Tensor:
        """Append tokens to each row, and return the logits of what follows them in some rows.

        Parameters
        ----------
        tokens, column_tokens : ndarray of shape (n_rows, n_new)
            What comes next in each row; anything in a row that is finished.
        rows : ndarray of shape (n_scored,)
            Which rows to score.

        Returns
        -------
        Tensor of shape (n_scored, n_tokens), float32 or float64
        """

    @abstractmethod
    def keep(self, rows: IntArray) -> None:
        """Drop all rows but `rows`, which are then numbered anew."""


class _RereadingCache(CachedModel):
    """Reads each row from its start at every call: right for every model, and slow."""

    def __init__(self, model: LanguageModel, n_rows: int, device: Device) -> None:
        self._model = model
        self._device = device
        self._tokens = self._column_tokens = np.empty((n_rows, 0), dtype=np.int64)

    def read(self, tokens: IntArray, column_tokens: IntArray, rows: IntArray) -> Tensor:
        self._tokens = np.concatenate([self._tokens, tokens], axis=1)
        self._column_tokens = np.concatenate([self._column_tokens, column_tokens], axis=1)
        to = self._device.tensor
        at = to(rows), to(np.full(len(rows), self._tokens.shape[1] - 1))
        with torch.inference_mode(), self._device.autocast():
            logits: Tensor = self._model(to(self._tokens), to(self._column_tokens), at)
        return logits

    def keep(self, rows: IntArray) -> None:
        self._tokens, self._column_tokens = self._tokens[rows], self._column_tokens[rows]


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
    """Return a torch device by name, and a precision; ModelError where it can't be used here."""
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
def global_generator(seed: int) -> Iterator[None]:
    """Seed torch's generator for the block; threads take turns, and it is as before afterwards."""
    with _GLOBAL_GENERATOR, torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


@contextmanager
def single_thread() -> Iterator[None]:
    """Run the block on one thread of torch and OpenMP: on small matrices further ones only wait."""
    if getattr(_THREAD, "is_single", False):  # finding the libraries takes milliseconds
        yield
        return
    n_threads = torch.get_num_threads()
    try:
        with threadpool_limits(limits=1, user_api="openmp"):
            torch.set_num_threads(1)
            _THREAD.is_single = True
            yield
    finally:
        _THREAD.is_single = False
        torch.set_num_threads(n_threads)
