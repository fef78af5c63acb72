"""Numbers and sentences as every form of a report shows them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

from counterpoise.metrics import Measure, Quality
from counterpoise.report._summary import ClassSection, StrategyResult, Summary

UNTESTED = "Nothing here says that balancing helps: use counterpoise compare to find out."
NOTES = (
    "Train on these rows, and never test on them: scores on synthetic rows say nothing about "
    "real ones. Balance after you have split off the test rows.",
    "A classifier trained on balanced rows expects the small class far too often: its "
    "probabilities are too high. Decide by a threshold that was tuned on real rows, or "
    "recalibrate (counterpoise.calibration.RecalibratedClassifier).",
    "Synthetic rows are not anonymous: treat them as you treat the real ones.",
)
"""What every user of synthetic rows must know."""

_NONE = "-"
_ROUNDING_ERROR = 1e-9


def count(number: int) -> str:
    """Format a whole number: 12,345."""
    return f"{number:,}"


def figure(number: float | None) -> str:
    """Format a number with three significant digits: 0.612, 12,346, 17.2, 2e-05."""
    if number is None or math.isnan(number):
        return _NONE
    size = abs(number)
    if size < _ROUNDING_ERROR:
        return "0"
    if size < 5e-4:
        return f"{number:.0e}"
    n_decimals = 3 if size < 1 else 2 if size < 10 else 1 if size < 100 else 0
    return f"{number:,.{n_decimals}f}"


def interval(ends: tuple[float, float] | None, *, is_difference: bool = False) -> str:
    """Format an interval: 0.500 to 1.25; of a difference, -0.250 to +0.500."""
    if ends is None or any(math.isnan(end) for end in ends):
        return _NONE
    write = signed if is_difference else figure
    return f"{write(ends[0])} to {write(ends[1])}"


def signed(number: float | None) -> str:
    """Format a difference: +0.042, -3.00."""
    if number is None or math.isnan(number):
        return _NONE
    sign = "+" if number > 0 else "-" if number < 0 else ""
    return f"{sign}{figure(abs(number))}"


def percent(share: float | None) -> str:
    """Format a share: 12%, 0.04%."""
    if share is None or math.isnan(share):
        return _NONE
    hundred = 100 * share
    if hundred and abs(hundred) < 1:
        return f"{hundred:.1g}%"
    return f"{hundred:.0f}%"


def p_value(p: float | None) -> str:
    """Format a p-value: 0.032, < 0.001."""
    if p is None or math.isnan(p):
        return _NONE
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def lead(summary: Summary) -> str:
    """Say in one or two sentences what the report is about."""
    n_real = sum(class_.n_real for class_ in summary.classes)
    balanced = [class_ for class_ in summary.classes if class_.n_synthetic]
    table = f"{count(n_real)} real rows in {len(summary.classes)} classes of {summary.target!r}."
    if not balanced:
        return f"{table} No synthetic rows."
    parts = [
        f"{count(class_.n_synthetic)} of the class {class_.name!r} "
        f"(which has {count(class_.n_real)} real ones)"
        for class_ in balanced
    ]
    return f"{table} Synthetic rows: {'; '.join(parts)}."


def findings(summary: Summary) -> list[tuple[str, str]]:
    """Say what was found on diversity, fidelity, leakage and columns: names and sentences."""
    found = []
    for section in summary.sections:
        of = f" (class {section.name})" if len(summary.sections) > 1 else ""
        found += [(f"{name}{of}.", text) for name, text in _findings(section)]
    return found


def _findings(section: ClassSection) -> Iterator[tuple[str, str]]:
    if (quality := section.quality) is not None:
        if "coverage" in quality:
            measure = quality["coverage"]
            text = f"{percent(measure.value)} of the real rows have a synthetic row close to them"
            beside = _beside_anchor(measure, "with as many held-out real rows it is", percent)
            yield "Diversity", f"{text}{beside}"
        if "detection_auc" in quality:
            measure = quality["detection_auc"]
            text = (
                "A classifier that tries to tell synthetic rows from real ones scores "
                f"{figure(measure.value)} (0.5 is guessing, 1 is certain)"
            )
            beside = _beside_anchor(measure, "on held-out real rows it scores", figure)
            yield "Fidelity", f"{text}{beside}"
        yield "Leakage", _leakage(quality)
    if section.columns:
        widest = section.columns[0]
        text = (
            f"{widest.name} differs most from the real rows: {percent(widest.gap)} of the "
            f"synthetic rows would have to change to match them; "
            f"{percent(widest.expected_gap)} is expected by chance."
        )
        yield "Columns", text


def _beside_anchor(measure: Measure, held_out: str, show: Callable[[float], str]) -> str:
    """Say what held-out rows reach, and whether it lies within the interval."""
    anchor = measure.real_anchor
    if anchor is None:
        return "."
    text = f"; {held_out} {show(anchor)}"
    if measure.interval is None:
        return f"{text}."
    low, high = measure.interval
    explains = "explains" if low <= anchor <= high else "does not explain"
    return f"{text}, a difference that chance {explains}."


def _leakage(quality: Quality) -> str:
    if quality.warnings:
        return " ".join(quality.warnings)
    if not quality.of("privacy"):
        return "Not measured."
    if not quality.n_holdout:
        return "No sign in copies and near copies; more can only be said with held-out rows."
    return "No sign that the synthetic rows give away the training rows."


def result_row(result: StrategyResult, scores: Iterable[str]) -> list[str]:
    """Return the cells of a strategy in a table of the comparison, with the `scores` named."""
    return [
        result.name,
        *(figure(result.scores[name]) for name in scores),
        signed(result.difference),
        interval(result.interval, is_difference=True),
        p_value(result.p_value),
        figure(result.seconds),
    ]
