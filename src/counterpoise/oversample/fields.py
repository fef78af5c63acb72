"""Reading a record of JSON strictly: every field of the type it must have, and no other field."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from counterpoise.errors import ModelError

T = TypeVar("T")


class Fields:
    """The fields of one JSON object, each taken once.

    Parameters
    ----------
    record : object
        What should be a JSON object.
    name : str
        Where it is, for messages.

    Raises
    ------
    ModelError
        From every method, if a field is missing or is not what it should be.
    """

    def __init__(self, record: object, name: str) -> None:
        if not isinstance(record, dict):
            raise ModelError(f"{name} should be an object, and is {_shown(record)}")
        self._record = dict(record)
        self._name = name

    def raw(self, field: str) -> Any:
        """Return a field as it is, for a reader that checks it itself."""
        if field not in self._record:
            raise ModelError(f"{self._name} has no field {field!r}")
        return self._record.pop(field)

    def text(self, field: str) -> str:
        """Return a string."""
        return self._of(field, str)

    def flag(self, field: str) -> bool:
        """Return a boolean."""
        return self._of(field, bool)

    def items(self, field: str) -> list[Any]:
        """Return a list."""
        return self._of(field, list)

    def record(self, field: str) -> Fields:
        """Return an object, as fields of its own."""
        return Fields(self.raw(field), f"{self._name}.{field}")

    def whole(self, field: str, low: int = 0, high: int = 2**62) -> int:
        """Return a whole number within bounds."""
        value = self._of(field, int)
        if not low <= value <= high:
            raise ModelError(f"{self._name}.{field} should be {low} to {high}, and is {value}")
        return value

    def number(self, field: str) -> float:
        """Return a finite number that isn't negative."""
        value = self.raw(field)
        if type(value) not in (int, float) or not math.isfinite(value) or value < 0:
            raise ModelError(f"{self._name}.{field} should be a number, and is {_shown(value)}")
        return float(value)

    def one_of(self, field: str, choices: Iterable[str]) -> str:
        """Return one of some strings."""
        value, known = self.text(field), sorted(choices)
        if value not in known:
            raise ModelError(f"{self._name}.{field} should be one of {known}, and is {value!r}")
        return value

    def optional(self, field: str, read: Callable[[str], T]) -> T | None:
        """Return None where the field is null, else what `read`, a method of this, makes of it."""
        if self._record.get(field, 0) is None:
            del self._record[field]
            return None
        return read(field)

    def names(self) -> list[str]:
        """Return the fields that are left."""
        return list(self._record)

    def done(self) -> None:
        """Check that no field is left."""
        if self._record:
            raise ModelError(f"{self._name} has the unknown fields {sorted(self._record)}")

    def _of(self, field: str, kind: type[T]) -> T:
        value = self.raw(field)
        if type(value) is not kind:
            raise ModelError(
                f"{self._name}.{field} should be of type {kind.__name__}, and is {_shown(value)}"
            )
        return value


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}..."
