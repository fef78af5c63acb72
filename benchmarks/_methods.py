"""Methods by name: what is done to training rows before a classifier sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from benchmarks._baselines import BASELINES, BaselineOverSampler
from benchmarks._protocols import Protocol
from benchmarks._tables import BenchTable

CLASS_WEIGHTS = "class-weights"
FULL = "full"
LANGUAGE_MODELS = ("great", "taptap", "predllm", "imbllm", "counterpoise")
_FILL_EVERY_CLASS = ("random", "smote", "smotenc", "smoten", "adasyn")
"""What the paper's program lets fill all classes, not the rarest only."""


@dataclass(frozen=True, slots=True)
class Balanced:
    """What a method made of training rows.

    Attributes
    ----------
    X, y
        The training rows, and below them what was made.
    n_synthetic
        How many rows were made.
    figures
        What the method tells of itself: rows presented in training, seconds, share of valid rows.
    """

    X: pd.DataFrame
    y: pd.Series[Any]
    n_synthetic: int
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Method:
    """One way to deal with imbalance.

    Attributes
    ----------
    name
        How it is called in results.
    kind
        A baseline's name, ``"class-weights"``, ``"full"``, or ``"llm"``.
    arguments
        Of the over-sampler.
    """

    name: str
    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def class_weight(self) -> str | None:
        """The classifiers' class weights."""
        return "balanced" if self.kind == CLASS_WEIGHTS else None

    @property
    def recipe(self) -> dict[str, Any] | None:
        """What a language model's recipe says today; None for other methods."""
        if self.kind != "llm":
            return None
        from counterpoise.recipes._base import CHANGEABLE, as_recipe

        changes = {k: v for k, v in self.arguments.items() if k in CHANGEABLE}
        return asdict(as_recipe(self.arguments.get("recipe", "counterpoise"), **changes))

    def resample(
        self,
        X: pd.DataFrame,
        y: pd.Series[Any],
        seed: int,
        *,
        table: BenchTable,
        protocol: Protocol,
        cut: tuple[pd.DataFrame, pd.Series[Any]],
    ) -> Balanced:
        """Balance training rows.

        Parameters
        ----------
        X, y
            Training rows, or the training part of an inner fold.
        seed
            Of the method.
        table
            Which columns are categories, and which class is filled. Its rows are not looked at.
        protocol
            Which classes are filled.
        cut
            Rows that only ``full`` gets to see.
        """
        if self.kind == CLASS_WEIGHTS:
            return Balanced(X, y, 0, {})
        if self.kind == FULL:
            X_full = pd.concat([X, cut[0]], ignore_index=True)
            return Balanced(X_full, pd.concat([y, cut[1]], ignore_index=True), 0, {})
        counts = y.value_counts()
        strategy: Any = {table.positive: int(counts.max())}
        if protocol.as_published and self.kind in _FILL_EVERY_CLASS:
            strategy = "auto"
        sampler = self._sampler(table, strategy, seed)
        X_new, y_new = sampler.fit_resample(X, y)
        return Balanced(X_new, y_new, len(X_new) - len(X), _figures(sampler))

    def _sampler(self, table: BenchTable, strategy: Any, seed: int) -> Any:
        if self.kind == "llm":
            from counterpoise.sampler import LLMOverSampler

            kinds = table.column_kinds
            return LLMOverSampler(
                **self.arguments, sampling_strategy=strategy, column_kinds=kinds, random_state=seed
            )
        return BaselineOverSampler(
            self.kind,
            sampling_strategy=strategy,
            categorical=table.categorical,
            random_state=seed,
            **self.arguments,
        )


def method_names() -> tuple[str, ...]:
    """Return the names of the methods that need no definition."""
    return (BASELINES[0], CLASS_WEIGHTS, FULL, *BASELINES[1:], *LANGUAGE_MODELS)


def build_method(
    name: str, defined: Mapping[str, Mapping[str, Any]], common: Mapping[str, Any]
) -> Method:
    """Return the method of a name.

    Parameters
    ----------
    name
        One of `method_names`, a recipe of the language-model over-sampler, or one of `defined`.
    defined
        Name -> arguments: of `LLMOverSampler`, or of `BaselineOverSampler` where ``method`` is
        among them.
    common
        Arguments that every language model gets unless its own say otherwise.

    Raises
    ------
    ValueError
        If the name means nothing.
    """
    if name in defined:
        arguments = dict(defined[name])
        kind = arguments.pop("method", "llm")
        return Method(name, kind, {**common, **arguments} if kind == "llm" else arguments)
    if name in (CLASS_WEIGHTS, FULL) or name in BASELINES:
        return Method(name, name)
    recipes = _recipes()
    if name not in recipes:
        raise ValueError(
            f"no method {name!r}; there are {', '.join(dict.fromkeys([*method_names(), *recipes]))}"
            " and those that the bench file defines"
        )
    return Method(name, "llm", {**common, "recipe": name})


def _recipes() -> tuple[str, ...]:
    from counterpoise.recipes._base import RECIPES

    return tuple(RECIPES)


def _figures(sampler: Any) -> dict[str, Any]:
    """Return what a sampler tells of its own work."""
    figures: dict[str, Any] = dict(getattr(sampler, "timings_", {}))
    writer = getattr(sampler, "generator_", None)
    if writer is not None:
        figures["n_samples_seen"] = sum(h.n_samples_seen for h in writer.trainings)
    if hasattr(sampler, "model_name_"):
        figures["model"] = sampler.model_name_
    if hasattr(sampler, "k_neighbors_"):
        figures["k_neighbors"] = int(sampler.k_neighbors_)
    return figures
