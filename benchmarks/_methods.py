"""Methods by name: what is done to training rows before a classifier sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from benchmarks._baselines import BASELINES, BaselineOverSampler
from benchmarks._peers import PEERS, generate_rows
from benchmarks._protocols import Protocol
from benchmarks._samplers import make_sampler
from benchmarks._tables import BenchTable, Rows, stack_rows
from counterpoise.comparison._cross_validation import LEARNERS, Learn
from counterpoise.recipes import Recipe, get_recipe, recipe_names

CLASS_WEIGHTS = "class-weights"
FULL = "full"
_LLM, _PEER = "llm", "peer"
TAUGHT = {name.replace(" ", "-"): learn for name, learn in LEARNERS.items()}
"""Methods that change labels, or the classifier, and no rows."""
LANGUAGE_MODELS = ("great", "taptap", "predllm", "imbllm", "counterpoise")
_FILL_EVERY_CLASS = ("random", "smote", "smotenc", "smoten", "adasyn")
"""What the paper's program lets fill all classes, not the rarest only."""


@dataclass(frozen=True, slots=True)
class Balanced:
    """Training rows with the generated rows below them, and what the method measured itself."""

    X: pd.DataFrame
    y: pd.Series[Any]
    n_synthetic: int
    figures: Mapping[str, Any]
    sampler: Any = None


@dataclass(frozen=True, slots=True)
class Method:
    """One way to deal with imbalance: `kind` is a baseline's name or one of the constants here."""

    name: str
    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def class_weight(self) -> str | None:
        return "balanced" if self.kind == CLASS_WEIGHTS else None

    @property
    def learn(self) -> Learn | None:
        """What trains a classifier with the help of a teacher, if the method has one."""
        return TAUGHT.get(self.kind)

    @property
    def recipe(self) -> dict[str, Any] | None:
        """The recipe of a language model, spelled out; None for other methods."""
        return spelled_out_recipe(self.arguments) if self.kind == _LLM else None

    def resample(
        self,
        X: pd.DataFrame,
        y: pd.Series[Any],
        seed: int,
        *,
        table: BenchTable,
        protocol: Protocol,
        cut: Rows,
    ) -> Balanced:
        """Balance training rows, or the training part of an inner fold.

        Of `table` the categorical columns and the class to fill are used, not the rows; `cut` has
        rows that only ``full`` gets to see.
        """
        if self.kind == CLASS_WEIGHTS or self.learn is not None:
            return Balanced(X, y, 0, {})
        if self.kind == FULL:
            return Balanced(*stack_rows((X, y), cut), 0, {})
        counts = y.value_counts()
        n_wanted = int(counts.max())
        if self.kind == _PEER:
            n_rows = n_wanted - int(counts[table.positive])
            rows, figures = generate_rows(self.arguments, table, (X, y), n_rows, seed)
            return Balanced(*stack_rows((X, y), rows), len(rows[0]), figures)
        strategy: Any = {table.positive: n_wanted}
        if protocol.as_published and self.kind in _FILL_EVERY_CLASS:
            strategy = "auto"
        options = {"sampling_strategy": strategy, "random_state": seed}
        if self.kind == _LLM:
            sampler: Any = make_sampler(
                **self.arguments, column_types=table.column_types, **options
            )
        else:
            sampler = BaselineOverSampler(
                self.kind, categorical=table.categorical, **options, **self.arguments
            )
        X_new, y_new = sampler.fit_resample(X, y)
        return Balanced(X_new, y_new, len(X_new) - len(X), sampler_figures(sampler), sampler)


def spelled_out_recipe(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return every value of the recipe that the overrides amount to."""
    changes = {k: v for k, v in overrides.items() if k in Recipe().get_params()}
    spelled_out = get_recipe(overrides.get("recipe", "counterpoise"), **changes).get_params()
    return dict(spelled_out)


def method_names() -> tuple[str, ...]:
    """Return the names of the methods that need no definition."""
    return (BASELINES[0], CLASS_WEIGHTS, *TAUGHT, FULL, *BASELINES[1:], *LANGUAGE_MODELS, *PEERS)


def build_method(
    name: str, defined: Mapping[str, Mapping[str, Any]], common: Mapping[str, Any]
) -> Method:
    """Return the method of a name: one of `method_names`, a recipe, or one of `defined`.

    `defined` maps names to overrides of `LLMOverSampler`; to arguments of `BaselineOverSampler`
    where ``method`` is among them; to options of a peer where ``peer`` is. Every language model
    gets the `common` overrides unless its own say otherwise.
    """
    if name in defined:
        arguments = dict(defined[name])
        if arguments.get("peer") in PEERS:
            return Method(name, _PEER, arguments)
        kind = arguments.pop("method", _LLM)
        return Method(name, kind, {**common, **arguments} if kind == _LLM else arguments)
    if name in (CLASS_WEIGHTS, FULL, *TAUGHT, *BASELINES):
        return Method(name, name)
    if name in PEERS:
        return Method(name, _PEER, {"peer": name})
    if name not in recipe_names():
        known = ", ".join(dict.fromkeys([*method_names(), *recipe_names()]))
        raise ValueError(f"no method {name!r}; there are {known} and those that the plan defines")
    return Method(name, _LLM, {**common, "recipe": name})


def sampler_figures(sampler: Any) -> dict[str, Any]:
    """Return what a sampler measured of its own work."""
    figures: dict[str, Any] = dict(getattr(sampler, "timings_", {}))
    training = getattr(sampler, "training_", None)
    if training is not None:
        figures["n_samples_seen"] = sum(h.n_samples_seen for h in training.trainings)
    if hasattr(sampler, "model_name_"):
        figures["model"] = sampler.model_name_
    if hasattr(sampler, "k_neighbors_"):
        figures["k_neighbors"] = int(sampler.k_neighbors_)
    return figures
