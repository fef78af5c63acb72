"""Charts as inline SVG: geometry only, the style sheet colours them.

Every text passes through `_element`, which escapes it. Marks are told apart by their shape,
not by colour alone: real rows are wide bars or rings, synthetic ones narrow bars or crosses. A mark
with ``data-tip`` shows that text where it is pointed at or reached with the arrow keys.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
from markupsafe import Markup

from counterpoise.metrics import Measure
from counterpoise.report import _summary as parts
from counterpoise.report._summary import signed

_WIDTH = 300
_HEIGHT = 132
_LABELS = 104.0  # room for the labels of horizontal bars
_EM = 10.5  # font size of small labels, as in the style sheet
_THICKNESS = {"real": 0.9, "synthetic": 0.42}  # of bars, as shares of the room for them
_Scale: TypeAlias = Callable[[float], float]
_Bar: TypeAlias = tuple[str, str, str, dict[str, float]]
"""Value, tip, figure beside it, and lengths by class of mark, the widest mark first."""


def column_chart(column: parts.ColumnComparison) -> Markup:
    """Draw the shares of a column's values: vertical bars where they have an order."""
    label = (
        f"{column.name}: shares of each value, real rows and synthetic rows. "
        f"They differ by {column.gap:.0%}."
    )
    bars = []
    for share in column.shares:
        tip = f"{share.label}: real {share.real:.1%}, synthetic {share.synthetic:.1%}"
        lengths = {"real": share.real, "synthetic": share.synthetic}
        bars.append((share.label, tip, f"{share.synthetic:.0%}", lengths))
    if not column.is_ordered:
        return _horizontal_bars("lying", label, bars)
    floor, step, longest = _HEIGHT - 20.0, _WIDTH / max(len(bars), 1), _longest(bars)
    body = Markup()
    for at, (_, tip, _, lengths) in enumerate(bars):
        for name, part in lengths.items():
            width, length = step * _THICKNESS[name], part / longest * (floor - 16)
            place = step * at + (step - width) / 2, floor - length, max(width, 1), length
            body += _rect(name, *place, data_tip=tip)
    body += _line(0, floor, _WIDTH, floor, "axis")
    if bars:  # the last share can be that of the missing cells
        half = _WIDTH / 2 - 4
        first, last = bars[0][0].split(" to ")[0], bars[-1][0].split(" to ")[-1]
        body += _text(0, _HEIGHT - 6, _short(first, half), "small")
        body += _text(_WIDTH, _HEIGHT - 6, _short(last, half), "end small")
    body += _text(_WIDTH, 8, f"{longest:.0%}", "end small")
    return _svg("upright", _WIDTH, _HEIGHT, label, body)


def origin_chart(origins: Sequence[parts.Origin]) -> Markup:
    """Draw how many rows were prompted with each column."""
    bars: list[_Bar] = []
    for origin in origins:
        name, n = origin.column or "(the class alone)", f"{origin.n_rows:,}"
        bars.append((name, f"{name}: {n} rows", n, {"synthetic": origin.n_rows}))
    return _horizontal_bars("origins", "Rows by the column that their prompt held", bars)


def _longest(bars: Sequence[_Bar]) -> float:
    return max((max(lengths.values()) for *_, lengths in bars), default=0.0) or 1.0


def _horizontal_bars(kind: str, label: str, bars: Sequence[_Bar]) -> Markup:
    body, step, unit = Markup(), 17.0, (_WIDTH - _LABELS - 34) / _longest(bars)
    for at, (value, tip, figure, lengths) in enumerate(bars):
        y = 2.0 + at * step
        body += _text(_LABELS - 6, y + 11, _short(value, _LABELS - 6), "end small")
        for name, length in lengths.items():
            thickness = (step - 3) * _THICKNESS[name]
            place = _LABELS, y + (step - 3 - thickness) / 2, length * unit, thickness
            body += _rect(name, *place, data_tip=tip)
        body += _text(_LABELS + max(lengths.values()) * unit + 4, y + 11, figure, "small")
    return _svg(kind, _WIDTH, max(4.0 + len(bars) * step, 20), label, body)


def association_chart(association: parts.Association, which: str) -> Markup:
    """Draw one of the two matrices, ``"real"`` or ``"synthetic"``; more opaque is stronger."""
    names, matrix = association.names, getattr(association, which)
    cell = max(8.0, min(18.0, 300 / len(names)))
    left, top = 110.0, 4.0
    side = cell * len(names)
    body = Markup()
    for row, name in enumerate(names):
        y = top + row * cell
        body += _text(left - 5, y + cell * 0.75, _short(name, left - 5), "end small")
        for at, other in enumerate(names):
            value = matrix[row][at]
            tip, opacity = f"{name} and {other}: {value:.2f}", f"{abs(value):.2f}"
            place = left + at * cell, y, cell - 1, cell - 1
            body += _rect("cell", *place, fill_opacity=opacity, data_tip=tip)
    body += _rect("frame", left - 1, top - 1, side + 1, side + 1)
    label = f"How strongly each pair of columns is associated, {which} rows"
    return _svg("association", left + side + 4, top + side + 4, label, body)


def map_chart(row_map: parts.RowMap) -> Markup:
    """Draw the map: rings for real rows of the class, crosses for synthetic ones, else dots."""
    width, height, edge = 640.0, 420.0, 14.0
    xs, ys = zip(*(point for layer in row_map.layers for point in layer.points), strict=True)
    to_x = _scale(min(xs), max(xs), edge, width - edge)
    to_y = _scale(min(ys), max(ys), height - edge, edge)
    body = _rect("frame", 0.5, 0.5, width - 1, height - 1)
    styles = (
        ("real", "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0"),
        ("synthetic", "m-2.5-2.5l5 5m0-5l-5 5"),
        ("other", "h0"),
    )
    for at in (2, 1, 0):  # the others lie below, the real rows on top
        name, shape = styles[at]
        points = row_map.layers[at].points
        path = "".join(f"M{_number(to_x(x))} {_number(to_y(y))}{shape}" for x, y in points)
        body += _element("path", class_=f"mark {name}", data_layer=str(at), d=path)
    shown = "; ".join(f"{layer.name}, {len(layer.points)} shown" for layer in row_map.layers)
    variance = f"{sum(row_map.explained):.0%} of the variance of the real rows"
    label = f"Map of rows on two axes that hold {variance}: {shown}"
    return _svg("map", width, height, label, body)


def measure_chart(measure: Measure) -> Markup:
    """Draw a value beside its anchors on one line."""
    width, height, edge = 190.0, 22.0, 8.0
    anchors = {
        "held-out real": measure.real_anchor,
        "repeated": measure.duplicate_anchor,
        "shuffled": measure.shuffled_anchor,
    }
    ends = measure.interval
    if ends is None or not all(map(math.isfinite, ends)):
        ends = (measure.value, measure.value)
    numbers = [n for n in (measure.value, *ends, *anchors.values()) if n is not None and n == n]
    low, high = min([0.0, *numbers]), max([0.0, *numbers])
    scale = _scale(low, 1.0 if low == 0 and high <= 1 else high, edge, width - edge)
    middle = height / 2
    body = _line(edge, middle, width - edge, middle, "axis")
    if measure.real_anchor is not None:
        x = scale(measure.real_anchor)
        body += _line(x, 3, x, height - 3, "held-out")
    if measure.duplicate_anchor is not None:
        body += _path("duplicated", scale(measure.duplicate_anchor), middle - 4, "l4 7h-8z")
    if measure.shuffled_anchor is not None:
        body += _path("shuffled", scale(measure.shuffled_anchor) - 4, middle - 4, "h8v8h-8z")
    if ends[0] < ends[1]:
        body += _line(scale(ends[0]), middle, scale(ends[1]), middle, "interval")
    if measure.value == measure.value:  # not NaN
        body += _path("value", scale(measure.value), middle - 5, "l5 5l-5 5l-5-5z")
    label = f"{measure.label}: {measure.value:.3g}" + "".join(
        f"; {name} rows {number:.3g}" for name, number in anchors.items() if number is not None
    )
    return _svg("measure", width, height, label, body)


def forest_chart(
    results: Sequence[parts.StrategyResult], score: str, smallest_difference: float
) -> Markup:
    """Draw each strategy's difference from doing nothing, with its interval."""
    shown = [(result, result.difference) for result in results if result.difference is not None]
    ends = [end for result, value in shown for end in (value, *(result.interval or ()))]
    reach = max([abs(end) for end in ends if math.isfinite(end)] + [2 * smallest_difference])
    left, width, step = 180.0, 560.0, 26.0
    scale = _scale(-reach, reach, left + 10, width - 90)
    bottom = 8 + step * len(shown)
    low, high = scale(-smallest_difference), scale(smallest_difference)
    body = _rect("no-matter", low, 4, high - low, bottom)
    body += _line(scale(0), 4, scale(0), bottom + 4, "zero")
    for row, (result, difference) in enumerate(shown):
        y = 4 + step * (row + 0.5)
        tip = f"{result.name}: {difference:+.3g} in {score}"
        body += _text(left, y + 4, _short(result.name, left * _EM / 12), "end")
        if result.interval is not None:
            low, high = result.interval
            tip += f", 95 % interval {low:+.3g} to {high:+.3g}"
            body += _line(scale(low), y, scale(high), y, "interval")
            for end in (low, high):
                body += _line(scale(end), y - 4, scale(end), y + 4, "interval")
        body += _element("circle", class_="value", cx=scale(difference), cy=y, r=5, data_tip=tip)
        body += _text(width - 80, y + 4, signed(difference), "")
    for tick in (-reach, 0.0, reach):
        body += _text(scale(tick), bottom + 18, f"{tick:+.3g}" if tick else "0", "middle small")
    label = f"Difference in {score} from doing nothing, with 95 % intervals"
    return _svg("forest", width, bottom + 26, label, body)


def _scale(low: float, high: float, start: float, end: float) -> _Scale:
    """Map numbers to positions, linearly; numbers beyond an end are placed at it."""
    return partial(np.interp, xp=(low, high if high > low else low + 1), fp=(start, end))


def _svg(kind: str, width: float, height: float, label: str, body: Markup) -> Markup:
    box = f"0 0 {_number(width)} {_number(height)}"
    size = {"width": width, "height": height}
    # the keyboard stops only at charts with marks to walk through
    focus = {"tabindex": "0"} if "data-tip=" in body else {}
    own = {"role": "img", **focus, "aria_label": label}
    return _element("svg", body, class_=f"chart {kind}", viewBox=box, **size, **own)


def _rect(name: str, x: float, y: float, width: float, height: float, **more: str) -> Markup:
    return _element("rect", class_=name, x=x, y=y, width=width, height=height, **more)


def _text(x: float, y: float, text: str, name: str) -> Markup:
    return _element("text", text, x=x, y=y, class_=name)


def _path(name: str, x: float, y: float, shape: str) -> Markup:
    return _element("path", class_=name, d=f"M{_number(x)} {y}{shape}")


def _line(x1: float, y1: float, x2: float, y2: float, name: str) -> Markup:
    return _element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=name)


def _element(tag: str, content: str | None = None, **attributes: str | float) -> Markup:
    """Write an element: texts are escaped, numbers get one decimal at most."""
    written = Markup()
    for name, value in attributes.items():
        shown = value if isinstance(value, str) else _number(value)
        written += Markup(' {}="{}"').format(name.strip("_").replace("_", "-"), shown)
    if content is None:
        return Markup("<{}{}/>").format(tag, written)
    return Markup("<{0}{1}>{2}</{0}>").format(tag, written, content)


def _number(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _short(text: str, room: float) -> str:
    """Leave out what is too much in the middle, as many names differ at their end alone."""
    n = len(text)
    while n and sum(map(_width, shown := _middle_cut(text, n))) > room:
        n -= 1
    return shown if n else "…"


def _middle_cut(text: str, n: int) -> str:
    return text if n == len(text) else f"{text[: n - n // 3]}…{text[len(text) - n // 3 :]}"


def _width(character: str) -> float:
    """Estimate the width of a small label's character, rather too wide, as fonts differ."""
    is_wide = character in "mwMW@%" or unicodedata.east_asian_width(character) in "WF"
    is_narrow = character in " iljtfrI.,:;|!()[]'-"
    return _EM * (1.0 if is_wide else 0.42 if is_narrow else 0.75 if character.isupper() else 0.64)
