"""The errors that counterpoise raises itself.

Each takes a message and, by keyword, the facts the message is about, so that a caller can act on
them without reading the text. A user's mistake is also a `ValueError`, as scikit-learn expects.
"""

from __future__ import annotations

from collections.abc import Hashable

__all__ = [
    "CounterpoiseError",
    "DecodingError",
    "MissingDependencyError",
    "ModelError",
    "SchemaError",
    "TableFileError",
    "TableWriteError",
]


class CounterpoiseError(Exception):
    """Base of every error that counterpoise raises itself.

    Parameters
    ----------
    message : str
        What was got, what was expected and what to do.
    **context : object
        Facts the message is about.

    Attributes
    ----------
    context : dict of str to object
        The keyword arguments, as given.
    """

    def __init__(self, message: str, **context: object) -> None:
        super().__init__(message)
        self.context = context


class SchemaError(CounterpoiseError, ValueError):
    """A table, or a description of one, that cannot be used as it is.

    Parameters
    ----------
    message : str
        What was got, what was expected and what to do.
    column : Hashable, default=None
        Name of the column at fault, where there is one.
    **context : object
        Further facts, such as the ``value`` at fault.
    """

    def __init__(self, message: str, *, column: Hashable = None, **context: object) -> None:
        super().__init__(message, column=column, **context)
        self.column = column


class DecodingError(CounterpoiseError, RuntimeError):
    """Generation that cannot go on: no allowed continuation, or rows that never came.

    Parameters
    ----------
    message : str
        What happened, and what to do.
    column : Hashable, default=None
        Name of the column that was being written.
    class_ : object, default=None
        Class for which rows were being written.
    **context : object
        Further facts.
    """

    def __init__(
        self,
        message: str,
        *,
        column: Hashable = None,
        class_: object = None,
        **context: object,
    ) -> None:
        super().__init__(message, column=column, class_=class_, **context)
        self.column = column
        self.class_ = class_


class ModelError(CounterpoiseError, ValueError):
    """A language model, or a saved one, that cannot be used as it is."""


class MissingDependencyError(CounterpoiseError, ImportError):
    """An optional dependency that is needed and not installed.

    Parameters
    ----------
    message : str
        What needs it, and what to install.
    extra : str, default=None
        The extra of counterpoise that brings it.
    **context : object
        Further facts.
    """

    def __init__(self, message: str, *, extra: str | None = None, **context: object) -> None:
        super().__init__(message, extra=extra, **context)
        self.extra = extra


class TableFileError(CounterpoiseError, ValueError):
    """A file that cannot be read as a table, or a path that no file can be written to."""


class TableWriteError(CounterpoiseError, OSError):
    """A table that could not be written, because of a full disk, for example."""
