"""Progress of long work: log lines for services, and where asked for a bar on stderr.

Each stage has a line in the log (`logging`, logger ``counterpoise``, level INFO) where it begins
and where it ends. A terminal also gets a bar with rate and remaining time, a redirected stderr a
line every ten seconds, and one when a stage ends.
"""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO, TypeAlias

Advance: TypeAlias = Callable[[int], object]  # takes how much was done since the last call
_LOG = logging.getLogger("counterpoise")

_LINE_INTERVAL_S = 10.0  # seconds between two lines of one stage where stderr is not a terminal
_LINE = (
    "{desc}{n_fmt}/{total_fmt}{unit} ({percentage:.0f}%) [{elapsed}<{remaining}, {rate_fmt}]"
    "{postfix}\n"
)


class Stage:
    """One piece of work; call it with what was done since the last call."""

    def __init__(self, total: int = 0, bar: Any = None, *, as_lines: bool = False) -> None:
        self.n, self.total, self.text = 0, total, ""
        self._bar, self._as_lines, self._last_line_s = bar, as_lines, 0.0

    def __call__(self, n: int = 1) -> None:
        """Add `n`, which is negative where less was done than thought."""
        self.n += n
        if self._bar is None:
            return
        self._bar.total = max(self.total, self.n)
        self._bar.update(n)
        elapsed_s = self._bar.format_dict["elapsed"] if self._as_lines else 0.0
        if elapsed_s - self._last_line_s >= _LINE_INTERVAL_S and self.n < self.total:
            self._last_line_s = elapsed_s
            self._bar.fp.write(str(self._bar))

    def note(self, text: str) -> None:
        """Show `text` (a loss, say) behind the meter, until the next note."""
        self.text = text
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)

    def close(self, *, is_finished: bool) -> None:
        """End the stage, with all of it done if it is finished, however much that was."""
        self.total = self.n if is_finished else self.total
        if self._bar is not None:
            self._bar.total = self.total
            if self._as_lines:
                self._bar.fp.write(str(self._bar))
            else:
                self._bar.refresh()
            self._bar.close()


class Progress:
    """Where long work reports to; this one writes to the log only."""

    @contextmanager
    def stage(self, name: str, total: int, unit: str) -> Iterator[Stage]:
        """Open the stage `name` of `total` units, in the plural; leaving the block closes it."""
        _LOG.info("%s: %s %s to do", name, f"{total:,}", unit)
        started = time.perf_counter()
        stage = self._open(name, total, unit)
        is_finished = False
        try:
            yield stage
            is_finished = True
        finally:
            stage.close(is_finished=is_finished)
            done = f"{stage.n:,} {unit} in {time.perf_counter() - started:.1f} s"
            more = f", {stage.text}" if stage.text else ""
            _LOG.info("%s: %s%s%s", name, "" if is_finished else "ended after ", done, more)

    def say(self, text: str) -> None:
        """Report a line that belongs to no stage."""
        _LOG.info("%s", text)

    def _open(self, name: str, total: int, unit: str) -> Stage:  # noqa: ARG002
        return Stage(total)


class BarProgress(Progress):
    """A bar for each stage on a terminal, a line now and then elsewhere; by default on stderr."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def say(self, text: str) -> None:
        super().say(text)
        _Shown(self._stream).write(f"{text}\n")

    def _open(self, name: str, total: int, unit: str) -> Stage:
        from tqdm import tqdm

        stream: Any = _Shown(self._stream)
        as_lines = not stream.isatty()
        # disable=False: TQDM_DISABLE, which silences other libraries' bars, is not meant for ours
        options = {"desc": f"{name}: ", "unit": f" {unit}", "file": stream, "disable": False}
        if as_lines:  # the bar shows nothing itself
            options |= {"bar_format": _LINE, "delay": math.inf}
        return Stage(
            total,
            tqdm(total=total, dynamic_ncols=True, mininterval=0.2, **options),
            as_lines=as_lines,
        )


def make_progress(verbose: bool) -> Progress:
    """Return a progress on stderr if `verbose`, else one that only writes to the log."""
    return BarProgress() if verbose else Progress()


class _Shown:
    """A stream that drops what cannot be written: a closed or full stderr ends no work."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream: Any = stream or sys.stderr  # None where there is no console

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError, AttributeError):
            self._stream.write(text)
            self._stream.flush()

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        with suppress(OSError, ValueError, AttributeError):
            return bool(self._stream.isatty())
        return False

    def __getattr__(self, name: str) -> Any:  # tqdm asks for the encoding and the width
        return getattr(self._stream, name)
