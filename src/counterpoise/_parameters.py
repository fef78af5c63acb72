"""Objects with scikit-learn's ``get_params`` and ``set_params``, without importing scikit-learn."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, Self


class Parameters:
    """Base of objects whose parameters `GridSearchCV` can tune and `clone` can copy.

    A subclass takes all its parameters by keyword in ``__init__`` and assigns them to attributes
    of the same names.
    """

    @classmethod
    def _defaults(cls) -> dict[str, Any]:
        """Return the default of each parameter, by name."""
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        return {p.name: p.default for p in parameters if p.kind in kinds}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; with `deep` also those of parameters that have some."""
        params: dict[str, Any] = {}
        for name in self._defaults():
            value = params[name] = getattr(self, name)
            if deep and hasattr(value, "get_params") and not isinstance(value, type):
                nested = value.get_params(deep=True)
                params |= {f"{name}__{key}": item for key, item in nested.items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters; ``name__nested`` sets one of the object that is the parameter `name`.

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        known = self._defaults()
        nested: dict[str, dict[str, Any]] = {}
        for key, value in params.items():
            name, separator, rest = key.partition("__")
            if name not in known:
                raise ValueError(
                    f"{type(self).__name__} has no parameter {name!r}; it has {sorted(known)}"
                )
            if separator:
                nested.setdefault(name, {})[rest] = value
            else:
                setattr(self, name, value)
        for name, values in nested.items():
            getattr(self, name).set_params(**values)
        return self

    def copy(self, **changes: Any) -> Self:
        """Return a new object with the same parameters but for `changes`."""
        return type(self)(**self.get_params(deep=False)).set_params(**changes)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.get_params(deep=False) == other.get_params(deep=False)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._changed())})"

    def _changed(self) -> Iterator[str]:
        for name, default in self._defaults().items():
            value = getattr(self, name)
            if value is not default and repr(value) != repr(default):
                yield f"{name}={value!r}"
