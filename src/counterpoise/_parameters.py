"""Objects that are parameters themselves: recipes, constraints, models."""

from __future__ import annotations

import inspect
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator


class Parameters(BaseEstimator):  # type: ignore[misc]
    """Base of objects whose parameters `GridSearchCV` can tune and `clone` can copy.

    A subclass takes all its parameters by keyword in ``__init__`` and assigns them to attributes
    of the same names.
    """

    def copy(self, **changes: Any) -> Self:
        """Return a new object with the same parameters but for `changes`."""
        copied: Self = type(self)(**self.get_params(deep=False)).set_params(**changes)
        return copied

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(self.get_params(deep=False) == other.get_params(deep=False))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:  # in one line and the order of the signature, for messages
        given = self.get_params(deep=False)
        known = inspect.signature(type(self).__init__).parameters
        changed = [name for name in known if name in given]
        changed = [name for name in changed if repr(given[name]) != repr(known[name].default)]
        arguments = ", ".join(f"{name}={shown(given[name])}" for name in changed)
        return f"{type(self).__name__}({arguments})"


def shown(value: object) -> str:
    """Return the repr of a value for messages, where scalars of NumPy's look like Python's own.

    >>> shown({np.str_("yes"): np.int64(324)})
    "{'yes': 324}"
    """
    with np.printoptions(legacy="1.25"):
        return repr(value)
