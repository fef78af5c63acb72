"""The errors that counterpoise raises itself.

Each takes a message and, by keyword, the facts the message is about, so that a caller can act on
them without reading the text. A user's mistake is also a `ValueError`, as scikit-learn expects.
Warnings (`warn_user`) point at the line of the user's code that called the library.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any


class CounterpoiseError(Exception):
    """Base of every error that counterpoise raises itself.

    Its `context` holds, by name, the facts that the message is about. Three of them are attributes
    too, None where they are not known: the name of the `column` at fault, the `class_` of the rows
    at fault, and the `extra` of counterpoise that brings what is missing.
    """

    def __init__(self, message: str, **context: Any) -> None:
        super().__init__(message)
        self.context = context
        self.column: Hashable = context.get("column")
        self.class_: object = context.get("class_")
        self.extra: str | None = context.get("extra")


class SchemaError(CounterpoiseError, ValueError):
    """A table, or a description of one, that cannot be used as it is."""


class DecodingError(CounterpoiseError, RuntimeError):
    """Generation that cannot go on: no allowed continuation, or too few accepted rows."""


class ModelError(CounterpoiseError, ValueError):
    """A language model, or a saved one, that cannot be used as it is."""


class MissingDependencyError(CounterpoiseError, ImportError):
    """An optional dependency that is needed."""


@contextmanager
def needs_extra(extra: str, message: str) -> Iterator[None]:
    """Raise a `MissingDependencyError` with `message` where an import inside fails."""
    try:
        yield
    except ImportError as error:
        raise MissingDependencyError(message, extra=extra) from error


class TableFileError(CounterpoiseError, ValueError):
    """A file that cannot be read as a table, or a path that no file can be written to."""


class TableWriteError(CounterpoiseError, OSError):
    """A table that could not be written, because of a full disk, for example."""


_NOT_THE_USERS = {"contextlib", "counterpoise", "imblearn", "joblib", "sklearn", "sklearn_compat"}
"""Packages that stand between a user's line and the place that warns."""


def warn_user(message: str) -> None:
    """Warn with a `UserWarning` of the line of the user's code that called the library."""
    frame, level = sys._getframe(1), 2
    while frame.f_globals.get("__name__", "").partition(".")[0] in _NOT_THE_USERS and frame.f_back:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, UserWarning, stacklevel=level)
