"""What a person sees: errors and warnings in one line, no messages of libraries, aligned tables."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

_ENVIRONMENT = {
    # threads that spin while they wait make small matrix products many times slower on busy cores
    "GOMP_SPINCOUNT": "10000",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",  # the default of other libraries' bars; ours are enabled explicitly
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}

_MAX_PART = 1000  # characters at the beginning, and at the end, of a long message

# a user of ours could not act on the warnings of these packages
_IGNORED_PACKAGES = ("accelerate", "gguf", "huggingface_hub", "peft", "torch", "transformers")


def run(group: click.Group, arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; a failure is one line on stderr."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    _keep_numbers_of_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a class name in another locale
    command = group.commands.get(arguments[0]) if arguments else None
    options = [one for one in command.params if isinstance(one, click.Option)] if command else []
    flags = {str(one.name): one.opts[0] for one in options}  # by the parameter that they set
    try:
        with (
            _unwinding_on_signals(),
            warnings.catch_warnings(),
            group.make_context("counterpoise", [*arguments]) as ctx,
        ):
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = partial(_show_warning, flags)
            group.invoke(ctx)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except KeyboardInterrupt:
        say("counterpoise: interrupted")
        return 130
    except _Ended as ended:
        return 128 + int(ended.args[0])
    except BrokenPipeError:  # which the interpreter would report again when it ends
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except Exception as error:  # noqa: BLE001
        if "--debug" in arguments:
            traceback.print_exc()
        code, message = _describe(error)
        say(f"counterpoise: error: {_in_options(message, flags)}")
        return code
    return 0


def _keep_numbers_of_streams() -> None:
    """Open nothing in the place of a closed stream, or what is meant for it goes to our files."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


class _Ended(BaseException):
    """A signal that ends the command; its argument is the number of the signal."""


@contextlib.contextmanager
def _unwinding_on_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP, unless ignored, end a command as Ctrl-C does: no draft is left."""
    is_main = threading.current_thread() is threading.main_thread()  # no other gets signals
    known = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    ours = [n for n in known if is_main and signal.getsignal(n) == signal.SIG_DFL]

    def end(number: int, _: object) -> None:
        for each in ours:
            signal.signal(each, signal.SIG_IGN)  # the cleaning up is not to be interrupted
        raise _Ended(number)

    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def say(text: str) -> None:
    """Write a line for people, to stderr; one that cannot be shown ends no work."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # full, closed, or none at all
        sys.stderr.write(f"{printable(text)}\n")
        sys.stderr.flush()


def printable(text: str) -> str:
    """Return a text without what controls a terminal: a name in the table can hold anything."""
    return "".join(
        one if one.isprintable() or one in "\n\u00a0" else one.encode("unicode_escape").decode()
        for one in text
    )


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines of columns: the first aligned left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in rows
    )


def _describe(error: Exception) -> tuple[int, str]:
    """Return the exit code and the message for an error."""
    from counterpoise.errors import CounterpoiseError, MissingDependencyError

    if isinstance(error, click.ClickException):
        return error.exit_code, error.format_message()
    message = str(error)
    if isinstance(error, MissingDependencyError | ValueError) and message:
        return 2, message
    if isinstance(error, CounterpoiseError):
        return 1, message
    if isinstance(error, OSError) and error.strerror:
        return 1, f"{error.strerror}: {error.filename!r}" if error.filename else error.strerror
    is_out_of_memory = isinstance(error, MemoryError) or "DefaultCPUAllocator" in message
    if is_out_of_memory or type(error).__name__ == "OutOfMemoryError":
        smaller = "--set model.batch_size=8 and --set model.generation_batch_size=64"
        return 1, f"Out of memory. Try {smaller}, or --model compact."
    return 1, f"{type(error).__name__}: {message or 'no message'} (--debug shows where)"


def _in_options(message: str, flags: Mapping[str, str]) -> str:
    """Return a message on one line, not too long, with options in place of Python's parameters."""
    text = re.sub(r"Convert it with `[^`]*`", "Rewrite its cells", " ".join(message.split()))
    text = re.sub(r"\bRecipe\((\w+)='?(\w+)'?\)", r"--set recipe.\1=\2", text)
    for name, flag in flags.items():
        text = re.sub(rf"(?<!['`\w.-]){name}=('?)([\w./:-]+)\1", rf"{flag} \2", text)
        if "_" in name:  # others are words too
            text = re.sub(rf"(?<!['`\w.-]){name}(?!['`\w])", flag, text)
    if len(text) > 3 * _MAX_PART:  # of a very long cell
        text = f"{text[:_MAX_PART]} ... {text[-_MAX_PART:]}"
    return text


def _show_warning(
    flags: Mapping[str, str], message: Warning | str, _: type[Warning], filename: str, *__: Any
) -> None:
    if not any(package in Path(filename).parts for package in _IGNORED_PACKAGES):
        say(f"counterpoise: warning: {_in_options(str(message), flags)}")
