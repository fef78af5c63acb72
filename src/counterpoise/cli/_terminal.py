"""What a person sees: errors and warnings in one line, no chatter; tables in columns."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Final, TextIO

FAILURE: Final = 1
MISTAKE: Final = 2
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141

_ENVIRONMENT = {
    # threads that wait soon give way instead of spinning on: where other work keeps the cores busy,
    # spinning makes small matrix products many times slower
    "GOMP_SPINCOUNT": "10000",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",  # the default of other libraries' bars; ours says that it is wanted
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}

_CHATTERING = ("accelerate", "gguf", "huggingface_hub", "peft", "torch", "transformers")
"""Packages whose warnings tell their users nothing that a user of ours could act on."""


def say(text: str) -> None:
    """Write a line for people."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def say_error(message: str) -> None:
    """Write an error in one line."""
    say(f"counterpoise: error: {_one_line(message)}")


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines of columns: the first to the left, the others to the right.

    Examples
    --------
    >>> print(aligned([("class", "rows"), ("a", "5")]))
    class  rows
    a         5
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in rows
    )


def prepare_libraries() -> None:
    """Ask the libraries below for silence and manners, before their import.

    What the user has set in the environment stays as it is.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def reported(*, debug: bool) -> Iterator[None]:
    """Turn what goes wrong inside into one line on standard error and an exit code.

    Parameters
    ----------
    debug
        Whether to write the traceback as well.

    Raises
    ------
    typer.Exit
        In place of whatever was raised.
    """
    import typer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = _show_warning
        try:
            yield
        except (typer.Exit, typer.Abort, typer.TyperException):
            raise
        except KeyboardInterrupt:
            say("counterpoise: interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            _drop_standard_output()
            raise typer.Exit(BROKEN_PIPE) from None
        except Exception as error:
            if debug:
                traceback.print_exc()
            code, message = _judge(error)
            say_error(message)
            raise typer.Exit(code) from error


def _judge(error: Exception) -> tuple[int, str]:
    """Return the exit code and the message for an error."""
    from counterpoise.errors import CounterpoiseError, MissingDependencyError

    message = str(error)
    if isinstance(error, MissingDependencyError | ValueError) and message:
        return MISTAKE, message
    if isinstance(error, CounterpoiseError):
        return FAILURE, message
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return FAILURE, (
            "Out of memory. Try a smaller --batch-size or --generation-batch-size, "
            "or --model compact."
        )
    return FAILURE, f"{type(error).__name__}: {message or 'no message'} (--debug shows where)"


def _show_warning(
    message: Warning | str,
    category: type[Warning],  # noqa: ARG001
    filename: str,
    lineno: int,  # noqa: ARG001
    file: TextIO | None = None,  # noqa: ARG001
    line: Any = None,  # noqa: ARG001
) -> None:
    parts = filename.replace("\\", "/").split("/")
    if not any(package in parts for package in _CHATTERING):
        say(f"counterpoise: warning: {_one_line(str(message))}")


def _one_line(message: str) -> str:
    return " ".join(message.split())


def _drop_standard_output() -> None:
    """Point standard output nowhere, or the interpreter complains about the pipe when it ends."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
