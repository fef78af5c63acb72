"""The method as a value: three independent ideas, each with the published choice as default."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Method:
    """What rows are trained on, in what order they are written, and what a prompt holds.

    Attributes
    ----------
    interpolation : {"smotenc", None}
        First idea: train on interpolated minority rows too. None: on real rows only.
    permutation : {"label-first", "all", "none"}
        Second idea: the label comes first and the features follow in a fresh random order.
        ``"all"`` shuffles the label along; ``"none"`` keeps the order of the table.
    condition : {"feature", "label"}
        Third idea: a prompt is the label and the value of one feature, each feature in turn.
        ``"label"``: the label alone.
    train_on : {"minority", "all"}
        The classes to be filled, as published, or every class.
    """

    interpolation: str | None = "smotenc"
    permutation: str = "label-first"
    condition: str = "feature"
    train_on: str = "minority"
