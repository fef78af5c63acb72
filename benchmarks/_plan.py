"""A plan: what a benchmark consists of, as a TOML file."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from benchmarks._methods import LANGUAGE_MODELS, Method, build_method
from benchmarks._protocols import PROTOCOLS, Protocol
from benchmarks._tables import PUBLISHED, TableSpec, find_spec
from counterpoise._table_classifier import CLASSIFIERS

PLAN_FILE = "plan.json"
_RIVALS = ("none", "full", "random", "smote", "smotenc", "adasyn", "ctgan", "tvae")
_CAPS = {"max_train_rows", "max_samples_seen"}
_HONEST_TABLES = ("fuel", "german", "insurance", "car", "sick", "bank")
_HONEST_NATURAL = ("abalone9-18", "yeast6", "flare-F", "car-good", "attrition", "mortgage", "churn")


@dataclass(frozen=True, slots=True)
class Plan:
    """Every table with every method on every split; docs/benchmark.md has an example."""

    protocol: str = "honest"
    tables: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    n_splits: int = 0  # seeds 0 to n_splits - 1; 0 for the protocol's number
    classifiers: tuple[str, ...] = ()  # the protocol's own if none
    model: str = "compact"
    max_samples_seen: int = 0  # training samples that a language model sees, at most; 0: no cap
    max_train_rows: int = 0  # of a table, for all methods alike; 0 for no limit
    threshold_folds: int = -1  # -1 for as many as the protocol says, 0 for no tuned threshold
    limit_s: float = 3600.0  # a run that takes longer is ended and counts as failed
    tune: bool = False  # this and the next three: see `benchmarks._run.perform`
    diversity: bool = True
    fidelity: bool = False
    likelihood: bool = False
    llm: Mapping[str, Any] = field(default_factory=dict)  # overrides of every language model
    method: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # see `build_method`
    cap: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # a table's own limits
    table: tuple[Mapping[str, Any], ...] = ()  # see `TableSpec.from_mapping`

    def __post_init__(self) -> None:
        if self.protocol not in PROTOCOLS:
            raise ValueError(f"protocol must be one of {list(PROTOCOLS)}; got {self.protocol!r}")
        for name in self.classifiers:
            if name not in CLASSIFIERS:
                raise ValueError(f"no classifier {name!r}; there are {', '.join(CLASSIFIERS)}")
        for name, limits in self.cap.items():
            if not set(limits) <= _CAPS:
                raise ValueError(f"cap.{name} may have {', '.join(sorted(_CAPS))}; got {limits}")
        for name in self.tables:
            find_spec(name, self.own_tables)

    def changed(self, **changes: Any) -> Plan:
        """Return the plan with what the command line changes, for every table and model."""
        caps = {
            table: {name: limit for name, limit in limits.items() if name not in changes}
            for table, limits in self.cap.items()
        }
        llm = {name: value for name, value in self.llm.items() if name not in changes}
        return replace(self, cap=caps, llm=llm, **changes)

    @property
    def own_tables(self) -> dict[str, TableSpec]:
        return {str(given["name"]): TableSpec.from_mapping(given) for given in self.table}

    @property
    def resolved_protocol(self) -> Protocol:
        """The protocol, with the changes that the plan makes."""
        protocol, folds = PROTOCOLS[self.protocol], self.threshold_folds
        return replace(
            protocol,
            n_splits=self.n_splits or protocol.n_splits,
            classifiers=self.classifiers or protocol.classifiers,
            threshold_folds=folds if folds >= 0 else protocol.threshold_folds,
        )

    def train_rows_of(self, table: str) -> int:
        """Return how many training rows a table has at most; 0 for no limit."""
        return self.cap.get(table, {}).get("max_train_rows", self.max_train_rows)

    def llm_arguments_of(self, table: str) -> dict[str, Any]:
        """Return the overrides that every language model gets on a table."""
        arguments: dict[str, Any] = {"model": self.model, **self.llm}
        most = self.samples_seen_of(table)
        return {**arguments, "max_samples_seen": most} if most else arguments

    def samples_seen_of(self, table: str) -> int:
        """Return how many training samples a model sees at most; 0 for no limit."""
        return self.cap.get(table, {}).get("max_samples_seen", self.max_samples_seen)

    def method_on(self, name: str, table: str) -> Method:
        """Return a method as it is run on a table."""
        method = build_method(name, self.method, self.llm_arguments_of(table))
        if method.kind != "peer":
            return method
        limits: dict[str, Any] = {"limit_s": 0.9 * self.limit_s}  # it ends before the run is ended
        if most := self.samples_seen_of(table):
            limits["n_samples_seen"] = most
        return replace(method, arguments={**limits, **method.arguments})


def default_plan(protocol: str) -> Plan:
    """Return the benchmark that a protocol's name alone stands for."""
    if protocol == "paper":
        return Plan("paper", tuple(PUBLISHED), (*_RIVALS, *LANGUAGE_MODELS))
    methods = ("none", "class-weights", *_RIVALS[1:], "smoten", *LANGUAGE_MODELS)
    return Plan("honest", (*_HONEST_TABLES, *_HONEST_NATURAL), methods)


def read_plan(path: Path) -> Plan:
    """Read a plan from TOML (or JSON); what it leaves out is the protocol's."""
    text = path.read_text(encoding="utf-8")
    try:
        given = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from error
    known = {f.name for f in fields(Plan)}
    if unknown := set(given) - known:
        raise ValueError(
            f"{path}: unknown key {', '.join(sorted(unknown))}; known are "
            f"{', '.join(sorted(known))}"
        )
    lists = {key: tuple(value) for key, value in given.items() if isinstance(value, list)}
    return replace(default_plan(given.get("protocol", "honest")), **{**given, **lists})


def plan_of(folder: Path) -> Plan:
    """Return the plan of a result folder."""
    path = folder / PLAN_FILE
    return read_plan(path if path.is_file() else folder / "bench.toml")
