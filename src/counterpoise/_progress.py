"""Progress of long work: silent unless asked for, and then on stderr.

A terminal gets a bar with rate and remaining time, a log file a line every ten seconds, and one
when a stage ends.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NoReturn, Protocol, TextIO

_LOG_INTERVAL_S = 10.0
"""Seconds between two lines of one stage where stderr is not a terminal."""

_METER = "{n_fmt}/{total_fmt}{unit} ({percentage:.0f}%) [{elapsed}<{remaining}, {rate_fmt}]"


class Stage(Protocol):
    """One piece of work with a known size; call it with what was done since the last call."""

    def __call__(self, n: int = 1) -> None: ...

    def note(self, text: str) -> None:
        """Show `text` (a loss, say) behind the meter, until the next note."""


class Progress(Protocol):
    """Where long work reports to."""

    def stage(self, name: str, total: int, unit: str) -> AbstractContextManager[Stage]:
        """Open the stage `name` of `total` units; leaving the block closes it, finished or not.

        `unit` is its name in the plural, such as ``"rows"``.
        """


class SilentProgress:
    """Reports nothing."""

    @contextmanager
    def stage(self, name: str, total: int, unit: str) -> Iterator[Stage]:  # noqa: ARG002
        yield _SilentStage()


class BarProgress:
    """A bar for each stage on a terminal, a line now and then in a log; by default on stderr."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    @contextmanager
    def stage(self, name: str, total: int, unit: str) -> Iterator[Stage]:
        stream = sys.stderr if self._stream is None else self._stream
        stage = (_BarStage if stream.isatty() else _LogStage)(stream, name, total, unit)
        try:
            yield stage
        finally:
            stage.close()


def make_progress(verbose: bool) -> Progress:
    """Return a progress on stderr if `verbose`, else a silent one."""
    return BarProgress() if verbose else SilentProgress()


class _SilentStage:
    def __call__(self, n: int = 1) -> None:
        pass

    def note(self, text: str) -> None:
        pass


class _BarStage:
    def __init__(self, stream: TextIO, name: str, total: int, unit: str) -> None:
        from tqdm import tqdm

        # disable=False: TQDM_DISABLE, which silences other libraries' bars, is not meant for ours
        self._bar: tqdm[NoReturn] = tqdm(
            total=total,
            desc=name,
            unit=f" {unit}",
            file=stream,
            dynamic_ncols=True,
            mininterval=0.2,
            disable=False,
        )

    def __call__(self, n: int = 1) -> None:
        self._bar.update(n)

    def note(self, text: str) -> None:
        self._bar.set_postfix_str(text, refresh=False)

    def close(self) -> None:
        self._bar.close()


class _LogStage:
    def __init__(self, stream: TextIO, name: str, total: int, unit: str) -> None:
        self._stream, self._name, self._total, self._unit = stream, name, total, unit
        self._done, self._shown = 0, -1  # units
        self._note = ""
        self._started = self._last_line = time.monotonic()

    def __call__(self, n: int = 1) -> None:
        self._done += n
        now = time.monotonic()
        if now - self._last_line >= _LOG_INTERVAL_S:
            self._last_line = now
            self._write_line(now)

    def note(self, text: str) -> None:
        self._note = text

    def close(self) -> None:
        if self._done != self._shown:
            self._write_line(time.monotonic())

    def _write_line(self, now: float) -> None:
        from tqdm import tqdm

        self._shown = self._done
        elapsed_s, unit = now - self._started, f" {self._unit}"
        meter = tqdm.format_meter(self._done, self._total, elapsed_s, unit=unit, bar_format=_METER)
        note = f", {self._note}" if self._note else ""
        self._stream.write(f"{self._name}: {meter}{note}\n")
        self._stream.flush()
