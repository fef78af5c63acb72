"""Progress of long work: silent unless asked for, and then on stderr.

A terminal gets a bar with rate and remaining time, a log file a line every ten seconds, and one
when a stage ends.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

_LOG_INTERVAL_S = 10.0
"""Seconds between two lines of one stage where stderr is not a terminal."""

_LINE = (
    "{desc}{n_fmt}/{total_fmt}{unit} ({percentage:.0f}%) [{elapsed}<{remaining}, {rate_fmt}]"
    "{postfix}\n"
)


class Stage:
    """One piece of work of a known size; call it with what was done since the last call."""

    def __call__(self, n: int = 1) -> None:
        pass

    def note(self, text: str) -> None:
        """Show `text` (a loss, say) behind the meter, until the next note."""


class Progress:
    """Where long work reports to; this one shows nothing."""

    @contextmanager
    def stage(self, name: str, total: int, unit: str) -> Iterator[Stage]:  # noqa: ARG002
        """Open the stage `name` of `total` units; leaving the block closes it, finished or not.

        `unit` is its name in the plural, such as ``"rows"``.
        """
        yield Stage()


class BarProgress(Progress):
    """A bar for each stage on a terminal, a line now and then in a log; by default on stderr."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    @contextmanager
    def stage(self, name: str, total: int, unit: str) -> Iterator[Stage]:
        stream = self._stream or sys.stderr
        stage_class = _BarStage if stream.isatty() else _LogStage
        stage = stage_class(total=total, desc=f"{name}: ", unit=f" {unit}", file=stream)
        try:
            yield stage
        finally:
            stage.close()


def make_progress(verbose: bool) -> Progress:
    """Return a progress on stderr if `verbose`, else a silent one."""
    return BarProgress() if verbose else Progress()


class _BarStage(Stage):
    def __init__(self, **options: Any) -> None:
        from tqdm import tqdm

        # disable=False: TQDM_DISABLE, which silences other libraries' bars, is not meant for ours
        self._bar: Any = tqdm(disable=False, dynamic_ncols=True, mininterval=0.2, **options)

    def __call__(self, n: int = 1) -> None:
        self._bar.update(n)

    def note(self, text: str) -> None:
        self._bar.set_postfix_str(text, refresh=False)

    def close(self) -> None:
        self._bar.close()


class _LogStage(_BarStage):
    def __init__(self, **options: Any) -> None:
        super().__init__(bar_format=_LINE, delay=math.inf, **options)  # shows nothing by itself
        self._last_line_s, self._n_shown = 0.0, -1

    def __call__(self, n: int = 1) -> None:
        super().__call__(n)
        elapsed_s = self._bar.format_dict["elapsed"]
        if elapsed_s - self._last_line_s >= _LOG_INTERVAL_S:
            self._last_line_s = elapsed_s
            self._write_line()

    def close(self) -> None:
        if self._bar.n != self._n_shown:
            self._write_line()
        super().close()

    def _write_line(self) -> None:
        self._n_shown = self._bar.n
        self._bar.fp.write(str(self._bar))
        self._bar.fp.flush()
