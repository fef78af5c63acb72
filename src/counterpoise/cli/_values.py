"""What the texts of options stand for."""

from __future__ import annotations

import json
from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import Any, TypeVar

import typer

_NAMED_STRATEGIES = ("auto", "minority", "not minority", "not majority", "all")

Number = TypeVar("Number", bound=float)


def number_or(
    number: type[Number], text: str, option: str, words: Sequence[str] = ("auto",)
) -> Number | str:
    """Return the number that `text` is, or `text` itself if it is one of `words`.

    Raises
    ------
    typer.BadParameter
        If `text` is neither.

    Examples
    --------
    >>> number_or(int, "auto", "--batch-size"), number_or(int, "12", "--batch-size")
    ('auto', 12)
    """
    if text in words:
        return text
    try:
        return number(text)
    except ValueError:
        what = {"int": "a whole number"}.get(number.__name__, "a number")
        raise typer.BadParameter(
            f"{text!r} is neither {' nor '.join((*words, what))}", param_hint=option
        ) from None


def column_names(given: Iterable[str], columns: Collection[str]) -> list[str]:
    """Return the columns that are given one by one or with commas between.

    Examples
    --------
    >>> column_names(["zip,plan", "fee, total"], ["zip", "plan", "fee, total"])
    ['zip', 'plan', 'fee, total']
    """
    names: list[str] = []
    for text in given:
        names += [text] if text in columns else [name.strip() for name in text.split(",")]
    return names


def column_types(given: Iterable[str]) -> dict[str, str]:
    """Return kinds by column from texts like ``zip=categorical``.

    Raises
    ------
    typer.BadParameter
        If a text is not of that form, or a column is given two kinds.

    Examples
    --------
    >>> column_types(["zip=categorical", "a=b=text"])
    {'zip': 'categorical', 'a=b': 'text'}
    """
    kinds: dict[str, str] = {}
    for text in given:
        name, equals, kind = text.rpartition("=")
        if not (equals and name and kind):
            raise typer.BadParameter(
                f"{text!r} is not of the form COLUMN=KIND", param_hint="--kind"
            )
        if kinds.setdefault(name, kind) != kind:
            raise typer.BadParameter(
                f"{name!r} cannot be both {kinds[name]} and {kind}", param_hint="--kind"
            )
    return kinds


def parse_strategy(text: str) -> str | float | dict[str, int]:
    """Return a strategy as imbalanced-learn names it; a dict's keys are still texts.

    Raises
    ------
    typer.BadParameter
        If `text` is no strategy.

    Examples
    --------
    >>> parse_strategy("minority"), parse_strategy("0.5"), parse_strategy('{"yes": 900}')
    ('minority', 0.5, {'yes': 900})
    """
    if text in _NAMED_STRATEGIES:
        return text
    if text.lstrip().startswith("{"):
        return _counts(text)
    try:
        return float(text)
    except ValueError:
        named = ", ".join(_NAMED_STRATEGIES)
        raise typer.BadParameter(
            f'{text!r} is none of {named}, nor a number, nor JSON like {{"yes": 900}}',
            param_hint="--strategy",
        ) from None


def _counts(text: str) -> dict[str, int]:
    try:
        counts: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError as error:
        raise typer.BadParameter(
            f"{text!r} is not JSON: {error}", param_hint="--strategy"
        ) from None
    for name, count in counts.items():
        if type(count) is not int or count < 1:
            raise typer.BadParameter(
                f"the rows of class {name!r} are to be a whole number above 0, not {count!r}",
                param_hint="--strategy",
            )
    return counts


def strategy_for_classes(
    strategy: str | float | dict[str, int], classes: Sequence[Hashable]
) -> str | float | dict[Hashable, int]:
    """Return the strategy with the classes of a target in place of their texts.

    Raises
    ------
    typer.BadParameter
        If there is no class of such a text.

    Examples
    --------
    >>> strategy_for_classes({"1": 900}, [0, 1])
    {1: 900}
    """
    if not isinstance(strategy, dict):
        return strategy
    by_text = {str(class_): class_ for class_ in classes}
    unknown = [name for name in strategy if name not in by_text]
    if unknown:
        raise typer.BadParameter(
            f"the target has no class {unknown[0]!r}; it has {', '.join(map(repr, by_text))}",
            param_hint="--strategy",
        )
    return {by_text[name]: count for name, count in strategy.items()}
