"""What options demand of the rows to write: ranges, categories, combinations, inequalities."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import typer

__all__ = ["allowed_categories", "column_ranges", "combinations", "inequalities"]


def column_ranges(given: Iterable[str]) -> dict[str, tuple[Any, Any]] | None:
    """Return ranges by column from texts like ``age=18..65``; an end may be left out.

    Examples
    --------
    >>> column_ranges(["age=18..65", "fee=0.5..", "day=2020-01-01..2020-12-31"])
    {'age': (18, 65), 'fee': (0.5, None), 'day': ('2020-01-01', '2020-12-31')}
    """
    ranges = {}
    for text in given:
        name, equals, ends = text.rpartition("=")
        low, dots, high = ends.partition("..")
        if not (name and equals and dots):
            raise typer.BadParameter(
                f"{text!r} is not of the form COLUMN=LOW..HIGH", param_hint="--between"
            )
        ranges[name] = (_number_or_text(low), _number_or_text(high))
    return ranges or None


def allowed_categories(given: Iterable[str]) -> dict[str, list[Any]] | None:
    """Return allowed categories by column from texts like ``plan=["basic", "plus"]``.

    Examples
    --------
    >>> allowed_categories(['plan=["basic", "plus"]'])
    {'plan': ['basic', 'plus']}
    """
    categories = {}
    for text in given:
        name, equals, listed = text.partition("=[")
        try:
            values = json.loads("[" + listed)
        except json.JSONDecodeError:
            values = None
        if not (name and equals and isinstance(values, list)):
            raise typer.BadParameter(
                f'{text!r} is not of the form COLUMN=["one", "other"]', param_hint="--allowed"
            )
        categories[name] = values
    return categories or None


def combinations(given: Iterable[str]) -> list[tuple[str, ...]] | None:
    """Return tuples of columns from texts like ``state,area_code``.

    Examples
    --------
    >>> combinations(["state, area_code"])
    [('state', 'area_code')]
    """
    return [tuple(name.strip() for name in text.split(",")) for text in given] or None


def inequalities(given: Iterable[str]) -> list[tuple[str, str, str]] | None:
    """Return triples from texts like ``min_price <= max_price``.

    Examples
    --------
    >>> inequalities(["min price <= max price"])
    [('min price', '<=', 'max price')]
    """
    triples = []
    for text in given:
        found = re.fullmatch(r"\s*(.+?)\s+(<=|>=|<|>)\s+(.+?)\s*", text)
        if found is None:
            raise typer.BadParameter(
                f"{text!r} is not of the form COLUMN <= COLUMN, with spaces around the sign",
                param_hint="--require",
            )
        triples.append((found[1], found[2], found[3]))
    return triples or None


def _number_or_text(text: str) -> Any:
    text = text.strip()
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text or None
