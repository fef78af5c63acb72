"""What a benchmark consists of: one TOML file, read, completed and written again."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from benchmarks._methods import LANGUAGE_MODELS
from benchmarks._protocols import PROTOCOLS, Protocol
from benchmarks._tables import PUBLISHED, TABLES, TableSpec
from counterpoise.comparison._classifiers import CLASSIFIERS

_RIVALS = ("none", "full", "random", "smote", "smotenc", "adasyn", "ctgan", "tvae")
_CAPS = {"max_train_rows", "max_samples_seen"}
_HONEST_TABLES = ("fuel", "german", "insurance", "car", "sick", "bank")
_HONEST_NATURAL = ("abalone9-18", "yeast6", "flare-F", "car-good", "attrition", "mortgage", "churn")


@dataclass(frozen=True, slots=True)
class Plan:
    """A benchmark: every table with every method on every split.

    Attributes
    ----------
    protocol
        ``"paper"`` or ``"honest"``.
    tables, methods
        Names, in the order in which they are run and shown.
    n_splits
        Splits of each table, seeds 0 to n_splits - 1.
    classifiers
        Names of classifiers; the protocol's own if none.
    model
        Backbone of the language models.
    max_samples_seen
        Rows presented in the training of a language model, at most; 0 for no limit but its own.
    max_train_rows
        Training rows of a table, at most, for all methods alike; 0 for no limit.
    threshold_folds
        Inner folds for a tuned threshold; -1 for as many as the protocol says, 0 for none.
    limit_s
        Seconds after which a run is ended and counts as failed.
    tune
        Whether classifiers are tuned on the inner folds.
    diversity
        Whether the diversity of the synthetic rows is measured.
    llm
        Further arguments of every language model.
    method
        Name -> arguments of methods of one's own: those of ``LLMOverSampler`` (such as ``recipe``
        and ``temperature``), or of ``BaselineOverSampler`` where ``method`` is among them.
    cap
        Name of a table -> its own ``max_train_rows`` and ``max_samples_seen``.
    table
        Tables of one's own, see `TableSpec.from_mapping`.
    """

    protocol: str = "honest"
    tables: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    n_splits: int = 0
    classifiers: tuple[str, ...] = ()
    model: str = "compact"
    max_samples_seen: int = 0
    max_train_rows: int = 0
    threshold_folds: int = -1
    limit_s: float = 3600.0
    tune: bool = False
    diversity: bool = True
    llm: Mapping[str, Any] = field(default_factory=dict)
    method: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    cap: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    table: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        if self.protocol not in PROTOCOLS:
            raise ValueError(f"protocol must be one of {list(PROTOCOLS)}; got {self.protocol!r}")
        unknown = [name for name in self.classifiers if name not in CLASSIFIERS]
        if unknown:
            raise ValueError(f"no classifier {unknown[0]!r}; there are {', '.join(CLASSIFIERS)}")
        for name, limits in self.cap.items():
            if not set(limits) <= _CAPS:
                raise ValueError(f"cap.{name} may have {', '.join(sorted(_CAPS))}; got {limits}")
        known = {*TABLES, *self.own_tables}
        unknown = [name for name in self.tables if name not in known]
        if unknown:
            raise ValueError(f"no table {unknown[0]!r}; there are {', '.join(sorted(known))}")

    @property
    def own_tables(self) -> dict[str, TableSpec]:
        """Tables of the user's own, by name."""
        return {str(given["name"]): TableSpec.from_mapping(given) for given in self.table}

    @property
    def resolved_protocol(self) -> Protocol:
        """The protocol, with what the plan changes in it."""
        protocol = PROTOCOLS[self.protocol]
        changes: dict[str, Any] = {}
        if self.n_splits:
            changes["n_splits"] = self.n_splits
        if self.classifiers:
            changes["classifiers"] = self.classifiers
        if self.threshold_folds >= 0:
            changes["threshold_folds"] = self.threshold_folds
        return replace(protocol, **changes)

    def train_rows_of(self, table: str) -> int:
        """Return how many training rows a table has at most; 0 for no limit."""
        return self.cap.get(table, {}).get("max_train_rows", self.max_train_rows)

    def llm_arguments_of(self, table: str) -> dict[str, Any]:
        """Return the arguments that every language model gets on a table."""
        arguments: dict[str, Any] = {"model": self.model, **self.llm}
        most = self.cap.get(table, {}).get("max_samples_seen", self.max_samples_seen)
        return {**arguments, "max_samples_seen": most} if most else arguments


def default_plan(protocol: str) -> Plan:
    """Return the benchmark that a protocol's name alone stands for."""
    if protocol == "paper":
        return Plan("paper", tuple(PUBLISHED), (*_RIVALS, *LANGUAGE_MODELS))
    methods = ("none", "class-weights", *_RIVALS[1:], "smoten", *LANGUAGE_MODELS)
    return Plan("honest", (*_HONEST_TABLES, *_HONEST_NATURAL), methods)


def read_plan(path: Path) -> Plan:
    """Read a bench file.

    Raises
    ------
    ValueError
        If it is no TOML, or a key or a value is not known.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from error
    known = {f.name for f in fields(Plan)}
    unknown = set(given) - known
    if unknown:
        raise ValueError(
            f"{path}: unknown key {', '.join(sorted(unknown))}; known are "
            f"{', '.join(sorted(known))}"
        )
    lists = {key: tuple(value) for key, value in given.items() if isinstance(value, list)}
    start = default_plan(given.get("protocol", "honest"))
    return replace(start, **{**given, **lists})


def write_plan(plan: Plan, path: Path) -> None:
    """Write a plan such that `read_plan` reads the same."""
    content = asdict(plan)
    nested = {key: content.pop(key) for key in ("llm", "method", "cap", "table")}
    lines = [f"{key} = {_toml(value)}" for key, value in content.items()]
    lines += _section("llm", nested["llm"])
    for name, arguments in nested["method"].items():
        lines += _section(f"method.{json.dumps(name)}", arguments)
    for name, limits in nested["cap"].items():
        lines += _section(f"cap.{json.dumps(name)}", limits)
    for given in nested["table"]:
        lines += ["", "[[table]]", *(f"{key} = {_toml(value)}" for key, value in given.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _section(name: str, content: Mapping[str, Any]) -> list[str]:
    if not content:
        return []
    return ["", f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in content.items())]


def _toml(value: Any) -> str:
    """Write a plain value; JSON's spelling of text, numbers and booleans is TOML's too."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)
