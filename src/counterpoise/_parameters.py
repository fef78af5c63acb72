"""Objects that are parameters themselves (recipes, constraints, models), and checks of values."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral
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


@dataclass(frozen=True, slots=True)
class Number:
    """Numbers that a parameter can be: in words, for messages, and as a rule."""

    text: str
    holds: Callable[[Any], bool]
    kind: type = Integral

    def allows(self, value: Any) -> bool:
        is_number = isinstance(value, self.kind) and not isinstance(value, bool)
        return is_number and bool(self.holds(value))


def at_least(low: int) -> Number:
    return Number(f"a whole number from {low} up", lambda n: n >= low)


def check_parameter(
    name: str, value: object, *allowed: object, error: type[ValueError] = ValueError
) -> None:
    """Raise unless a value is among the `allowed` ones or is an allowed `Number`."""
    for one in allowed:
        if one.allows(value) if isinstance(one, Number) else _is_equal(value, one):
            return
    either = [one.text if isinstance(one, Number) else repr(one) for one in allowed]
    text = " or ".join(filter(None, [", ".join(either[:-1]), either[-1]]))
    raise error(f"{name} must be {text}; got {shown(value)}")


def _is_equal(value: object, one: object) -> bool:
    """Whether two values are equal; an array, which has no truth value, equals none."""
    return value is one or (not getattr(value, "ndim", 0) and bool(value == one))


def check_parameters(
    owner: object, allowed: Mapping[str, tuple[Any, ...]], error: type[ValueError] = ValueError
) -> None:
    """Check each parameter of an object, by name; see `check_parameter`."""
    for name, values in allowed.items():
        check_parameter(name, getattr(owner, name), *values, error=error)


def shown(value: object) -> str:
    """Return the repr of a value for messages, where scalars of NumPy's look like Python's own.

    >>> shown({np.str_("yes"): np.int64(324)})
    "{'yes': 324}"
    """
    with np.printoptions(legacy="1.25"):
        return repr(value)
