"""`save_sampler` and `load_sampler`; the package docstring says what is in the files.

Whatever is read is checked against the schema (no code may stand for a value that its column can't
have), and a sampler that was loaded must describe itself exactly as its file does.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

import msgspec
import numpy as np
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_weights

from counterpoise.columns._base import ABSENT
from counterpoise.columns._schema import Schema
from counterpoise.columns._table import Table
from counterpoise.columns._text import TextColumn
from counterpoise.constraints import Constraint
from counterpoise.constraints._fixed_combinations import Combination, Layout
from counterpoise.constraints._set import ConstraintSet
from counterpoise.errors import ModelError
from counterpoise.generation._generator import RowGenerator
from counterpoise.generation._prompts import ValueCounts
from counterpoise.grammar._grammar import IntArray
from counterpoise.models import AutoModel, get_model
from counterpoise.models._device import Device
from counterpoise.models._huggingface import HuggingFaceTokenizer
from counterpoise.persistence._classifiers import (
    ESTIMATORS_FILE,
    TREES,
    read_selection,
    write_selection,
)
from counterpoise.persistence._folder import (
    Record,
    check_folder,
    new_folder,
    read_json,
    refuse_malformed,
    to_json,
    typed,
    write_json,
    write_manifest,
)
from counterpoise.persistence._model import describe_model, read_tensors, rebuild_model
from counterpoise.persistence._values import decode, decode_caller, encode, encode_caller
from counterpoise.recipes import Recipe, get_recipe
from counterpoise.serialization._serializer import Serializer, TextParts
from counterpoise.training._checkpoint import History, distinct_tensors
from counterpoise.training._fit import FitResult
from counterpoise.training._plan import build_serializer
from counterpoise.training._rows import TrainingRows

_SAMPLER, _WEIGHTS, _COUNTS = "sampler.json", "weights.safetensors", "value_counts.safetensors"
_TOKENIZER = "tokenizer.json"
_ROWS, _TEXTS = "rows.safetensors", "rows.json"
_REQUIRED = frozenset({_SAMPLER, _WEIGHTS, _COUNTS})
_OPTIONAL = frozenset({_TOKENIZER, TREES, ESTIMATORS_FILE, _ROWS, _TEXTS})

_LONGEST_TEXT = 1_000_000
"""Characters; a forged length must not fill the memory."""
_LARGE_MODEL = 50_000_000
"""Weights from which on `save` does not load the whole folder to check what it wrote."""


class _Timings(TypedDict):
    training_s: float
    training_rows_per_s: float
    generation_s: float
    generation_rows_per_s: float


class _Sampler(Record):
    """What ``sampler.json`` holds; `Any` is a value that `encode` returned."""

    parameters: dict[str, Any]
    recipe: Any
    constraints: Any
    """The fitted constraints, with the parameters of each."""
    schema: dict[str, Any]
    """The user's columns, label first."""
    combinations: list[list[int]]
    """The positions of the columns of each fixed combination; its values are in the tensors."""
    text_parts: dict[int, TextParts]
    """By the position of the column of free text; the pieces of each part are found again."""
    serializer: str
    """SHA-256 of the tokens and the grammar, which are built again from the schema."""
    model: dict[str, Any]
    model_name: str
    model_reason: str
    generation_batch_size: int
    classes: Any
    strategy: Any
    n_synthetic: int
    caller: dict[str, Any]
    history: History
    search: History | None
    refinement: History | None
    timings: _Timings
    random_state: dict[str, Any]


class _Texts(Record):
    """What ``rows.json`` holds: beside a number, the strings that codes of free text point to."""

    n_real: int
    """How many of the training rows are real, not interpolated."""
    texts: dict[str, dict[int, tuple[str, ...]]]
    """By "training" or "real", and the position of the column."""


def save_sampler(sampler: Any, folder: Path, *, include_rows: bool, overwrite: bool) -> None:
    """Write a fitted `LLMOverSampler` to a folder; see :meth:`LLMOverSampler.save`."""
    from counterpoise import __version__

    generator: RowGenerator = sampler.generator_
    if generator.labeller is not None:
        raise ModelError(
            "a sampler whose rows are labelled by XGBoost cannot be saved: a file of XGBoost "
            "can't be checked; use a recipe whose prompt holds the label"
        )
    if generator.parser is not None:
        raise ModelError(
            "a sampler that generates without a grammar cannot be saved: it replaces unparsable "
            "cells from real rows; use decoding='grammar'"
        )
    record = _describe(sampler)
    constraints: ConstraintSet = sampler._constraint_set
    weights = distinct_tensors(generator.model)
    with new_folder(folder, overwrite=overwrite) as unfinished:
        write_json(unfinished / _SAMPLER, record)
        save_weights({n: t.cpu().contiguous() for n, t in weights.items()}, unfinished / _WEIGHTS)
        save_file(_count_tensors(generator.value_counts, constraints), unfinished / _COUNTS)
        if generator.selection_classifier is not None:
            write_selection(generator.selection_classifier, unfinished)
        if isinstance(generator.serializer.tokenizer, HuggingFaceTokenizer):
            text = generator.serializer.tokenizer.to_json()
            (unfinished / _TOKENIZER).write_text(text, encoding="utf-8")
        if include_rows:
            if constraints.real_rows is None:
                raise ModelError("include_rows=True, but this sampler was loaded without rows")
            _write_rows(unfinished, sampler.training_.rows, constraints.real_rows)
        write_manifest(unfinished, __version__)
        if sum(tensor.numel() for tensor in weights.values()) < _LARGE_MODEL:
            load_sampler(type(sampler), unfinished, None)  # what can't be loaded is not saved


def load_sampler(cls: Any, folder: Path, device: str | None) -> Any:
    """Return the saved sampler, an object of `cls`; see :meth:`LLMOverSampler.load`."""
    names = check_folder(folder, _REQUIRED, _OPTIONAL)
    with refuse_malformed(folder):
        return _load(cls, folder, names, device)


def _describe(sampler: Any) -> _Sampler:
    generator: RowGenerator = sampler.generator_
    constraints: ConstraintSet = sampler._constraint_set
    training: FitResult = sampler.training_
    parameters = sampler.get_params(deep=False)
    if callable(parameters["sampling_strategy"]):
        parameters["sampling_strategy"] = dict(sampler.sampling_strategy_)
    return _Sampler(
        parameters={name: encode(value, name) for name, value in parameters.items()},
        recipe=encode(generator.recipe, "recipe"),
        constraints=encode(list(constraints.constraints), "constraints"),
        schema=constraints.layout.schema.to_dict(),
        combinations=[list(c.members) for c in constraints.layout.combinations],
        text_parts={
            position: replace(cell.parts, parts=tuple((text, ()) for text, _ in cell.parts.parts))
            for position, cell in enumerate(generator.serializer.cells)
            if cell.parts is not None
        },
        serializer=_digest(generator.serializer),
        model=describe_model(generator.model),
        model_name=sampler.model_name_,
        model_reason=sampler.model_reason_,
        generation_batch_size=sampler._generation_batch_size,
        classes=encode(sampler.classes_, "classes_"),
        strategy=encode({class_: int(n) for class_, n in sampler.sampling_strategy_.items()}),
        n_synthetic=int(sampler.n_synthetic_),
        caller=encode_caller(sampler._caller_types),
        history=training.history,
        search=training.search,
        refinement=training.refinement,
        timings=sampler.timings_,
        random_state=dict(sampler._rng.bit_generator.state),
    )


def _load(cls: Any, folder: Path, names: frozenset[str], device: str | None) -> Any:
    raw = read_json(folder / _SAMPLER)
    record = typed(raw, _Sampler, folder / _SAMPLER)
    parameters = {name: decode(value) for name, value in record.parameters.items()}
    if device is not None:
        parameters["device"] = device
    sampler = cls(**parameters)
    sampler._validate_params()
    get_recipe(sampler.recipe).validate()
    schema = Schema.from_dict(record.schema)
    sampler.recipe_ = _read_recipe(record.recipe)
    sampler.schema_ = Schema(schema.columns[1:])
    sampler.classes_ = decode(record.classes)
    sampler.sampling_strategy_ = decode(record.strategy)
    counts = *sampler.sampling_strategy_.values(), record.n_synthetic, record.generation_batch_size
    if not all(type(n) is int and n >= 0 for n in counts) or record.generation_batch_size == 0:
        raise ModelError("a number of rows is negative, or none at all")
    sampler.n_synthetic_ = record.n_synthetic
    sampler._generation_batch_size = record.generation_batch_size
    sampler.n_features_in_ = len(sampler.schema_)
    feature_names = [column.name for column in sampler.schema_]
    if all(isinstance(name, str) for name in feature_names):  # as in scikit-learn
        sampler.feature_names_in_ = np.array(feature_names, dtype=object)
    sampler.model_name_, sampler.model_reason_ = record.model_name, record.model_reason
    sampler._caller_types = decode_caller(record.caller, len(sampler.schema_))
    sampler.timings_ = dict(record.timings)
    sampler._rng = np.random.Generator(np.random.PCG64())
    sampler._rng.bit_generator.state = record.random_state
    _load_generator(sampler, record, schema, folder, names)
    _check_same(raw, sampler, device)
    return sampler


def _load_generator(
    sampler: Any, record: _Sampler, schema: Schema, folder: Path, names: frozenset[str]
) -> None:
    """Set the constraints of `sampler`, its generator and how that was trained."""
    tensors = _read_arrays(folder / _COUNTS)
    combinations = _read_combinations(record.combinations, tensors, schema)
    constraints = decode(record.constraints)
    if type(constraints) is not list or not all(isinstance(c, Constraint) for c in constraints):
        raise ModelError("the constraints are no list of constraints")
    layout = Layout(schema, combinations)
    real = _empty(schema)
    learned = layout.join(real)
    corpus, n_real = learned, 0
    if names & {_ROWS, _TEXTS}:
        corpus, real, n_real = _read_rows(folder, learned.schema, schema)
    value_counts = _read_value_counts(tensors, learned.schema)
    for constraint in constraints:
        constraint.validate(schema)
        constraint.fit(real, layout.join(real))
    sampler._constraint_set = ConstraintSet(layout, tuple(constraints), real if len(real) else None)
    sampler.constraints_ = constraints

    serializer = _read_serializer(record, learned, sampler.recipe_, folder, names)
    selection = sampler.recipe_.selection
    if selection is None and names & {TREES, ESTIMATORS_FILE}:
        raise ModelError("there is a selection classifier, and the recipe selects no rows")
    device = _device(sampler)
    model = rebuild_model(record.model, len(serializer.vocabulary), folder / _WEIGHTS, device)
    generator = RowGenerator(
        serializer,
        model,
        sampler.recipe_,
        value_counts,
        device,
        selection_classifier=read_selection(folder, names, learned.schema, selection),
    )
    rows = TrainingRows(corpus, n_real, None, value_counts)
    sampler.training_ = FitResult(generator, rows, record.history, record.search, record.refinement)
    sampler.generator_, sampler.history_ = generator, record.history


def _device(sampler: Any) -> Device:
    backbone = get_model(sampler.model)
    if isinstance(backbone, AutoModel):
        backbone = backbone.candidate(sampler.model_name_)
    return backbone.resolve_device(sampler.device)


def _check_same(raw: dict[str, Any], sampler: Any, device: str | None) -> None:
    """Check that a loaded sampler describes itself as its file does: nothing was left out."""
    described: dict[str, Any] = msgspec.to_builtins(_describe(sampler), str_keys=True)
    described["model"] = raw["model"]  # another version of transformers may have more settings
    own = described["parameters"]  # and another of counterpoise more parameters
    described["parameters"] = {name: own[name] for name in raw["parameters"]}
    if device is not None:
        described["parameters"]["device"] = raw["parameters"]["device"]
    for name, value in described.items():
        if to_json(value) != to_json(raw[name]):
            shown = to_json(value)[:200].decode(errors="replace")
            raise ModelError(f"{_SAMPLER}: {name} does not fit the rest; expected {shown}")


def _read_recipe(encoded: Any) -> Recipe:
    recipe = decode(encoded)
    if not isinstance(recipe, Recipe):
        raise ModelError(f"the recipe is a {type(recipe).__name__}")
    recipe.validate()
    return recipe


# Value counts, fixed combinations and rows


def _count_tensors(counts: ValueCounts, constraints: ConstraintSet) -> dict[str, IntArray]:
    """Return ``LABEL.POSITION.codes``, ``LABEL.POSITION.counts`` and ``combination.NUMBER``."""
    tensors = {}
    for (label, position), (codes, n_each) in counts.counts.items():
        tensors[f"{label}.{position}.codes"] = codes
        tensors[f"{label}.{position}.counts"] = n_each
    for number, combination in enumerate(constraints.layout.combinations):
        tensors[f"combination.{number}"] = combination.codes
    return tensors


def _read_value_counts(tensors: dict[str, Any], schema: Schema) -> ValueCounts:
    own = {name: t for name, t in tensors.items() if not name.startswith("combination.")}
    keys = sorted(tuple(map(int, n.split(".")[:2])) for n in own if n.endswith(".codes"))
    counts = {}
    for label, position in keys:
        codes = own.pop(f"{label}.{position}.codes")
        n_each = own.pop(f"{label}.{position}.counts")
        is_right = (
            0 < position < len(schema)
            and not schema[position].is_text
            and codes.dtype == n_each.dtype == np.int64
            and codes.ndim == 1
            and codes.shape == n_each.shape
            and bool((codes[1:] > codes[:-1]).all() and (n_each > 0).all())
            and n_each.sum(dtype=np.float64) < 2**62
            and bool(schema[position].contains(codes).all())
            and bool(schema[0].contains(np.array([label])).all())
        )
        if not is_right:
            raise ModelError(f"there are value counts that column {position} cannot have")
        counts[label, position] = codes, n_each
    if own or not counts:
        raise ModelError(f"there are value counts of no column, {sorted(own)}, or none at all")
    return ValueCounts(schema, counts)


def _read_combinations(
    members_of_each: list[list[int]], tensors: dict[str, Any], schema: Schema
) -> tuple[Combination, ...]:
    every = [member for members in members_of_each for member in members]
    if len(set(every)) < len(every) or not all(0 < member < len(schema) for member in every):
        raise ModelError("the columns of the fixed combinations are malformed")
    combinations = []
    for number, members in enumerate(members_of_each):
        codes = tensors[f"combination.{number}"]
        if len(members) < 2 or not len(codes):
            raise ModelError(f"the fixed combination {number} is malformed")
        _check_cells(Table(Schema(tuple(schema[member] for member in members)), codes))
        combinations.append(Combination(tuple(members), codes))
    if sum(name.startswith("combination.") for name in tensors) != len(combinations):
        raise ModelError("there are fixed combinations of no columns")
    return tuple(combinations)


def _empty(schema: Schema) -> Table:
    """Return a table without rows."""
    return Table(schema, np.empty((0, len(schema)), dtype=np.int64))


def _write_rows(folder: Path, rows: TrainingRows, real_rows: Table) -> None:
    tables = {"training": rows.corpus, "real": real_rows}
    save_file({name: table.codes for name, table in tables.items()}, folder / _ROWS)
    texts = {name: dict(table.texts) for name, table in tables.items()}
    write_json(folder / _TEXTS, _Texts(rows.n_real, texts))


def _read_rows(folder: Path, learned: Schema, schema: Schema) -> tuple[Table, Table, int]:
    """Return the training rows, the real rows, and how many of the former are real."""
    codes = _read_arrays(folder / _ROWS)
    record = typed(read_json(folder / _TEXTS), _Texts, folder / _TEXTS)
    corpus = Table(learned, codes.pop("training"), record.texts["training"])
    real = Table(schema, codes.pop("real"), record.texts["real"])
    for table in (corpus, real):
        _check_cells(table)
    if codes or len(record.texts) != 2 or not 0 <= record.n_real <= len(corpus):
        raise ModelError("the saved rows are malformed")
    return corpus, real, record.n_real


def _check_cells(table: Table) -> None:
    """Check that each cell there is, is one that its column can have."""
    is_wrong = (table.invalid_cells() & (table.codes != ABSENT)).any(axis=0)
    if is_wrong.any():
        name = table.schema[int(is_wrong.argmax())].name
        raise ModelError(f"there are cells that column {name!r} cannot have")


def _read_arrays(path: Path) -> dict[str, Any]:
    return {name: tensor.numpy() for name, tensor in read_tensors(path).items()}


# The serializer


def _read_serializer(
    record: _Sampler, learned: Table, recipe: Recipe, folder: Path, names: frozenset[str]
) -> Serializer:
    tokenizer = None
    if _TOKENIZER in names:
        text = (folder / _TOKENIZER).read_text(encoding="utf-8")
        tokenizer = HuggingFaceTokenizer.from_json(text)
    _check_texts(record.text_parts, learned.schema)
    serializer = build_serializer(learned, tokenizer, recipe, record.text_parts)
    if _digest(serializer) != record.serializer:
        raise ModelError(
            "this version of counterpoise serializes the rows of this table otherwise than the "
            "one that saved the sampler"
        )
    return serializer


def _check_texts(parts: dict[int, TextParts], schema: Schema) -> None:
    longest = {at: c.max_length for at, c in enumerate(schema) if isinstance(c, TextColumn)}
    is_right = parts.keys() == longest.keys() and all(
        0 <= own.shortest <= own.longest <= min(longest[at], _LONGEST_TEXT)
        and not any(pieces for _, pieces in own.parts)
        for at, own in parts.items()
    )
    if not is_right:
        raise ModelError("the parts of free text do not fit the columns")


def _digest(serializer: Serializer) -> str:
    """Return a digest of the tokens and the grammar."""
    digest = hashlib.sha256(to_json([entry.text for entry in serializer.vocabulary.entries]))
    grammar = serializer.grammar
    for array in (
        grammar.column_tokens,
        grammar.openings.tokens,
        grammar.first_state,
        grammar.allowed_set,
        grammar.edge_key,
        grammar.edge_target,
        grammar.edge_scale,
        grammar.edge_add,
        grammar.tails.tokens,
    ):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
