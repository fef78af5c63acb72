"""What is left behind where a fit does not come to its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def as_before_unless_done(fitted: object) -> Iterator[None]:
    """Put the attributes of `fitted` back where the block fails, or is interrupted by Ctrl-C.

    What was fitted before still is, and nothing is fitted by half.
    """
    before = dict(fitted.__dict__)
    try:
        yield
    except BaseException:
        fitted.__dict__.clear()
        fitted.__dict__.update(before)
        raise
