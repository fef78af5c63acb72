"""What a metric is, and the list of all of them: to add one, decorate a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar

from counterpoise.metrics._estimate import Estimate
from counterpoise.metrics._sample import Sample

MetricFunction: TypeAlias = Callable[[Sample], float | Estimate | None]
Anchor: TypeAlias = Callable[[MetricFunction, Sample, Sample | None], float | Estimate | None]
_Function = TypeVar("_Function", bound=Callable[..., Any])

_SUSPICIOUS = 0.1
"""How far above chance a value gives a warning."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A function of a sample of rows, and how to read its value.

    Attributes
    ----------
    name, meaning : str
        Name of the function, and the first line of its docstring.
    function : callable
        Takes a `Sample`; returns a float, an `Estimate`, or None where the metric does not apply.
    label : str
        What reports call it.
    aspect : str
        What it is about: ``"diversity"``, ``"fidelity"``, ``"privacy"``, or an aspect of your own.
    better : {"higher", "lower", "real"}
        Which values are good: high ones, low ones, or those near that of held-out real rows.
    equal_size : bool, default=True
        Measure samples of equal size, as the value depends on the number of rows: the value is the
        mean over samples, the interval the middle 95 % of them. False: measure all rows once.
    min_rows, min_holdout : int, default=2, 0
        Real and synthetic rows, and held-out rows, that it takes at least.
    real_anchor : callable, default=None
        Computes the value of real rows from the function, the synthetic sample and the held-out
        one (or None). By default, it is the function's value for the held-out rows.
    warning : str, default=None
        Template, of ``value`` and ``real``, of a warning where the value is surely too high: its
        interval is above that of real rows or, with `chance`, above `chance`, and the value is
        above it by 0.1 or more.
    chance : float, default=None
        Value without leakage, where it is known.
    """

    name: str
    meaning: str
    function: MetricFunction
    label: str
    aspect: str
    better: Literal["higher", "lower", "real"]
    equal_size: bool = True
    min_rows: int = 2
    min_holdout: int = 0
    real_anchor: Anchor | None = None
    warning: str | None = None
    chance: float | None = None

    def lack(self, sample: Sample) -> str:
        """Return which rows `sample` has too few of to be measured; "" if it has enough."""
        if min(len(sample), len(sample.real)) < self.min_rows:
            return f"{self.min_rows} training and as many synthetic rows"
        n_holdout = 0 if sample.holdout is None else len(sample.holdout)
        return f"{self.min_holdout} held-out rows" if n_holdout < self.min_holdout else ""

    def measure(self, sample: Sample) -> Estimate | None:
        """Return the value for `sample`; None if it has none, or too few rows."""
        return None if self.lack(sample) else as_estimate(self.function(sample))

    def measure_real(self, synthetic: Sample, held_out: Sample | None) -> Estimate | None:
        """Return the value of real rows in place of the synthetic ones."""
        if self.real_anchor is not None:
            return as_estimate(self.real_anchor(self.function, synthetic, held_out))
        return None if held_out is None else self.measure(held_out)

    def warn(self, found: Estimate, real: Estimate | None) -> str | None:
        """Return a warning where the value is surely too high."""
        if self.warning is None or found.interval is None:
            return None
        limit = self.chance
        if limit is None:
            limit = real.interval[1] if real is not None and real.interval is not None else 0.0
        elif found.value < limit + _SUSPICIOUS:
            return None
        if found.interval[0] <= limit:
            return None
        real_value = None if real is None else real.value
        return self.warning.format(value=found.value, real=real_value, column=found.column)


METRICS: dict[str, Metric] = {}
"""Every metric by name, in the order in which they are measured and shown."""


def register_metric(label: str, **attributes: Any) -> Callable[[_Function], _Function]:
    """Decorate a function to add it to what `measure_quality` measures and a report shows.

    Parameters
    ----------
    label, **attributes
        As in `Metric`; at least `aspect` and `better`.

    Examples
    --------
    >>> @register_metric("Rows", aspect="size", better="real")
    ... def n_rows(sample):
    ...     "Number of rows."
    ...     return float(len(sample))
    >>> METRICS.pop("n_rows").meaning
    'Number of rows.'
    """

    def register(function: _Function) -> _Function:
        meaning = (inspect.getdoc(function) or "").partition("\n")[0]
        name = function.__name__
        METRICS[name] = Metric(name, meaning, function, label, **attributes)
        return function

    return register


def as_estimate(value: float | Estimate | None) -> Estimate | None:
    """Wrap a plain number."""
    return value if value is None or isinstance(value, Estimate) else Estimate(float(value))
