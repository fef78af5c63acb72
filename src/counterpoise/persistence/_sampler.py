"""`save_sampler` and `load_sampler`; the package docstring says what is in the files.

Whatever is read is checked against the schema (no code may stand for a value that its column can't
have), and a sampler that was loaded must describe itself exactly as its file does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, replace
from itertools import product
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import torch
from safetensors.numpy import save, save_file
from safetensors.torch import load_file as load_weights
from safetensors.torch import save_file as save_weights
from sklearn.base import BaseEstimator

from counterpoise.columns import ABSENT, Schema, Table
from counterpoise.columns._frames import CallerType
from counterpoise.columns._json import tag_dtype, tag_value, untag_dtype, untag_value
from counterpoise.columns._unlearned import UnlearnedColumn, with_unlearned
from counterpoise.constraints import Constraint, Relation
from counterpoise.constraints import _base as constraint_types
from counterpoise.constraints._layout import build_layout
from counterpoise.constraints._set import ConstraintSet
from counterpoise.errors import ModelError, SchemaError
from counterpoise.generation._blocks import Block
from counterpoise.generation._generator import RowGenerator
from counterpoise.generation._prompts import ValueCounts
from counterpoise.grammar._grammar import IntArray, Runs
from counterpoise.models import AutoModel, get_model
from counterpoise.models import _backbone as backbones
from counterpoise.models._huggingface import HuggingFaceModel, HuggingFaceTokenizer
from counterpoise.models._language_model import Device, LanguageModel
from counterpoise.models._llama import BlockModel, Llama
from counterpoise.persistence import _folder
from counterpoise.persistence._selection import (
    ESTIMATORS,
    ESTIMATORS_FILE,
    TREES,
    read_selection,
    write_selection,
)
from counterpoise.recipes import Recipe, get_recipe
from counterpoise.serialization import Serializer, TextParts
from counterpoise.training._checkpoint import History, distinct_tensors, load_tensors
from counterpoise.training._fit import FitResult
from counterpoise.training._loop import build_serializer
from counterpoise.training._rows import TrainingRows

_SAMPLER, _WEIGHTS, _COUNTS = "sampler.json", "weights.safetensors", "value_counts.safetensors"
_TOKENIZER, _ROWS, _TEXTS = "tokenizer.json", "rows.safetensors", "rows.json"
_REQUIRED = frozenset({_SAMPLER, _WEIGHTS, _COUNTS})
_OPTIONAL = frozenset({_TOKENIZER, TREES, ESTIMATORS_FILE, _ROWS, _TEXTS})
_LONGEST_TEXT = 20_000  # characters; a forged length must not fill the memory
_LARGE_MODEL = 50_000_000  # weights, from which on `save` does not load what it wrote to check it
_KINDS = ("pandas", "array", "list", "polars", "pyarrow", "modin", "cudf")
_ATTRIBUTES: dict[str, type] = {  # attributes of a sampler that are stored as they are
    "classes_": np.ndarray,
    "constraints_": list,
    "relations_": list,
    "model_name_": str,
    "model_reason_": str,
    "n_synthetic_": int,
    "recipe_": Recipe,
    "sampling_strategy_": dict,
    "timings_": dict,
    "unlearned_columns_": list,
    "_n_new": int,
    "_X_type": CallerType,
    "_y_type": CallerType,
    "_generation_batch_size": int,
}


class _Sampler(msgspec.Struct):
    """What ``sampler.json`` holds; `Any` is a value that `encode` returned."""

    parameters: dict[str, Any]
    attributes: dict[str, Any]
    schema: dict[str, Any]  # the user's columns, label first
    text_parts: dict[int, TextParts]  # by the position of the column; their pieces are found again
    serializer: str  # SHA-256 of tokens and grammar, which are built again from the schema
    model: dict[str, Any]
    history: History
    search: History | None
    refinement: History | None
    random_state: dict[str, Any]
    blocks: tuple[Block, ...] | None = None  # of a wide table


class _Texts(msgspec.Struct):
    """What ``rows.json`` holds: beside a number, the strings that codes of free text point to."""

    n_real: int  # how many of the training rows are real, not interpolated
    training: dict[int, tuple[str, ...]]  # by the position of the column
    real: dict[int, tuple[str, ...]]


def save_sampler(sampler: Any, folder: Path, *, include_rows: bool, overwrite: bool) -> None:
    """Write a fitted `LLMOverSampler` to a folder; see :meth:`LLMOverSampler.save`."""
    from counterpoise import __version__

    generator: RowGenerator = sampler.generator_
    check_can_be_saved(sampler.recipe_)
    record = _describe(sampler)
    real_rows = sampler._constraint_set.real_rows
    weights = distinct_tensors(generator.model)
    n_tokens = len(generator.serializer.vocabulary)
    _check_weights(record.model, n_tokens, weights, generator.device)
    with _folder.new_folder(folder, overwrite=overwrite) as unfinished:
        (unfinished / _SAMPLER).write_bytes(_folder.to_json(record))
        save_weights({n: t.cpu().contiguous() for n, t in weights.items()}, unfinished / _WEIGHTS)
        save_file(_counts_as_arrays(sampler), unfinished / _COUNTS)
        if generator.selection_classifier is not None:
            write_selection(generator.selection_classifier, unfinished)
        if isinstance(generator.serializer.tokenizer, HuggingFaceTokenizer):
            text = generator.serializer.tokenizer.to_json()
            (unfinished / _TOKENIZER).write_text(text, encoding="utf-8")
        if include_rows:
            if real_rows is None:
                raise ModelError("include_rows=True, but this sampler was loaded without rows")
            rows: TrainingRows = sampler.training_.rows
            codes = {"training": rows.corpus.codes, "real": real_rows.codes}
            save_file(codes, unfinished / _ROWS)
            texts = _Texts(rows.n_real, dict(rows.corpus.texts), dict(real_rows.texts))
            (unfinished / _TEXTS).write_bytes(_folder.to_json(texts))
        _folder.write_manifest(unfinished, __version__)
        if sum(tensor.numel() for tensor in weights.values()) < _LARGE_MODEL:
            load_sampler(type(sampler), unfinished, None)  # what can't be loaded is not saved


def check_can_be_saved(recipe: Recipe) -> None:
    """Raise a ModelError if no sampler with such a recipe can be saved."""
    if recipe.labelled_by == "xgboost":
        reason = "whose rows are labelled by XGBoost cannot be saved: its files can't be checked"
        raise ModelError(f"a sampler {reason}; use a recipe whose prompt holds the label")
    if recipe.decoding == "free":
        reason = "without a grammar cannot be saved: it replaces unparsable cells from real rows"
        raise ModelError(f"a sampler that generates {reason}; use decoding='grammar'")


def load_sampler(cls: Any, folder: Path, device: str | None) -> Any:
    """Return the saved sampler, an object of `cls`; see :meth:`LLMOverSampler.load`."""
    with _folder.refuse_malformed(folder):
        names = _folder.check_folder(folder, _REQUIRED, _OPTIONAL)
        raw = _folder.read_json(folder / _SAMPLER)
        record = msgspec.convert(raw, _Sampler, str_keys=True)
        sampler = _load_attributes(cls, record, device)
        _load_generator(sampler, record, folder, names)
        _check_nothing_left_out(raw, sampler, device)
        if save(_folder.read_arrays(folder / _COUNTS)) != save(_counts_as_arrays(sampler)):
            raise ModelError(f"{_COUNTS} does not fit the rest")
    return sampler


def _describe(sampler: Any) -> _Sampler:
    generator: RowGenerator = sampler.generator_
    training: FitResult = sampler.training_
    parameters = sampler.get_params(deep=False)
    if callable(parameters["sampling_strategy"]):
        parameters["sampling_strategy"] = dict(sampler.sampling_strategy_)
    return _Sampler(
        parameters={name: encode(value, name) for name, value in parameters.items()},
        attributes={name: encode(getattr(sampler, name), name) for name in _ATTRIBUTES},
        schema=sampler._constraint_set.layout.schema.to_dict(),
        text_parts={
            position: replace(cell.parts, parts=tuple((text, ()) for text, _ in cell.parts.parts))
            for position, cell in enumerate(generator.serializer.cells)
            if cell.parts is not None
        },
        serializer=_digest(generator.serializer),
        model=generator.model.describe(),
        history=training.history,
        search=training.search,
        refinement=training.refinement,
        random_state=dict(sampler._rng.bit_generator.state),
        blocks=tuple(block for block, _ in generator.blocks) or None,
    )


def _check_nothing_left_out(raw: dict[str, Any], sampler: Any, device: str | None) -> None:
    """Check that a loaded sampler describes itself as its file does: nothing was left out."""
    described: dict[str, Any] = msgspec.to_builtins(_describe(sampler), str_keys=True)
    if device is not None:
        described["parameters"]["device"] = raw["parameters"]["device"]
    # other versions of counterpoise may have more parameters, and of transformers more settings
    settings = described["model"].get("settings", {}), raw["model"].get("settings", {})
    for own, saved in (described["parameters"], raw["parameters"]), settings:
        for name in own.keys() - saved.keys():
            del own[name]
    for name in described.keys() | raw.keys():
        if _folder.to_json(described.get(name)) != _folder.to_json(raw.get(name)):
            shown = _folder.to_json(described.get(name))[:200].decode(errors="replace")
            raise ModelError(f"{_SAMPLER}: {name} does not fit the rest; expected {shown}")


def _load_attributes(cls: Any, record: _Sampler, device: str | None) -> Any:
    """Return a sampler with all that does not need the generator."""
    parameters = {name: decode(value) for name, value in record.parameters.items()}
    if device is not None:
        parameters["device"] = device
    sampler = cls(**parameters)
    sampler._validate_params()
    get_recipe(sampler.recipe).validate()
    for name, kind in _ATTRIBUTES.items():
        value = decode(record.attributes[name])
        if type(value) is not kind:
            raise ModelError(f"{name} is a {type(value).__name__}; expected a {kind.__name__}")
        setattr(sampler, name, value)
    sampler.recipe_.validate()
    n_each = sampler.sampling_strategy_.values()
    if not all(isinstance(n, int | np.integer) for n in n_each) or min(n_each, default=0) < 0:
        raise ModelError(f"sampling_strategy_ is {sampler.sampling_strategy_}")
    if sampler._generation_batch_size < 1:
        raise ModelError(f"the generation batch size is {sampler._generation_batch_size}")
    schema = Schema.from_dict(record.schema)
    sampler.schema_ = Schema(schema.columns[1:])
    if not all(isinstance(column, UnlearnedColumn) for column in sampler.unlearned_columns_):
        raise ModelError("unlearned_columns_ holds something else")
    feature_names = [column.name for column in sampler.schema_]
    for column in sampler.unlearned_columns_:
        feature_names.insert(column.position, column.name)
    sampler.n_features_in_ = len(feature_names)
    if all(isinstance(name, str) for name in feature_names):  # as in scikit-learn
        sampler.feature_names_in_ = np.array(feature_names, dtype=object)
    empty = Table(schema, np.empty((0, len(schema)), dtype=np.int64)).to_frame()
    X = with_unlearned(empty.iloc[:, 1:], sampler.unlearned_columns_, 0)
    for type_, rows in (sampler._X_type, X), (sampler._y_type, empty.iloc[:, 0]):
        if type_.kind not in _KINDS:
            raise ModelError(f"there is no kind of table {type_.kind!r}")
        type_.restore(rows)  # raises where the type contradicts itself or the columns
    sampler._rng = np.random.Generator(np.random.PCG64())
    sampler._rng.bit_generator.state = record.random_state
    return sampler


def _load_generator(sampler: Any, record: _Sampler, folder: Path, names: frozenset[str]) -> None:
    """Set the constraints of `sampler`, its generator and how that was trained."""
    schema = Schema.from_dict(record.schema)
    arrays = _folder.read_arrays(folder / _COUNTS)
    if not all(isinstance(constraint, Constraint) for constraint in sampler.constraints_):
        raise ModelError("the constraints are no list of constraints")
    none = np.empty((0, len(schema)), dtype=np.int64)
    combinations = _checked(Table(schema, arrays.pop("combinations", none)))
    for constraint in sampler.constraints_:
        constraint.validate(schema)
    layout = build_layout(combinations, sampler.constraints_)
    real = Table(schema, none)
    corpus = learned = layout.join(real)
    n_real = 0
    if names & {_ROWS, _TEXTS}:
        codes = _folder.read_arrays(folder / _ROWS)
        texts = msgspec.convert(_folder.read_json(folder / _TEXTS), _Texts, str_keys=True)
        corpus = _checked(Table(learned.schema, codes.pop("training"), texts.training))
        real = _checked(Table(schema, codes.pop("real"), texts.real))
        n_real = texts.n_real
        if codes or not 0 <= n_real <= len(corpus):
            raise ModelError("the saved rows are malformed")
    for constraint in sampler.constraints_:
        constraint.fit(real, layout.join(real))
    constraints = tuple(sampler.constraints_)
    sampler._constraint_set = ConstraintSet(layout, constraints, real if len(real) else None)

    serializer = _read_serializer(record, learned, sampler.recipe_, folder, names)
    selection = sampler.recipe_.selection
    if selection is None and names & {TREES, ESTIMATORS_FILE}:
        raise ModelError("there is a selection classifier, and the recipe selects no rows")
    backbone = get_model(sampler.model)
    if isinstance(backbone, AutoModel):
        backbone = backbone.candidate(sampler.model_name_)
    device = backbone.resolve_device(sampler.device)
    value_counts = _read_value_counts(arrays, learned.schema)
    generator = RowGenerator(
        serializer,
        _rebuild_model(record.model, len(serializer.vocabulary), folder / _WEIGHTS, device),
        sampler.recipe_,
        value_counts,
        device,
        selection_classifier=read_selection(folder, names, learned.schema, selection),
    )
    if record.blocks:
        _check_blocks(record.blocks, len(learned.schema))
        serializers = [block.serializer(learned, record.text_parts) for block in record.blocks]
        generator = generator.in_blocks(record.blocks, serializers)
        for _, part in generator.blocks:
            assert isinstance(part.model, Llama)
            if part.model.shape.n_tokens != len(part.serializer.vocabulary):
                raise ModelError("the blocks of columns do not fit the weights")
    rows = TrainingRows(corpus, n_real, None, value_counts)
    sampler.training_ = FitResult(generator, rows, record.history, record.search, record.refinement)
    sampler.generator_, sampler.history_ = generator, record.history


def _check_blocks(blocks: tuple[Block, ...], n_columns: int) -> None:
    """Raise unless each feature is one block's own, and in the context of later ones alone."""
    earlier = [0]
    for block in blocks:
        n_before = 1 + block.n_context
        before = block.columns[:n_before]
        if before[:1] != (0,) or not set(before) <= set(earlier):
            raise ModelError("a block of columns has a context that is not before it")
        earlier += block.columns[n_before:]
    if sorted(earlier) != list(range(n_columns)):
        raise ModelError("the blocks of columns are not those of the table")


def _checked(table: Table) -> Table:
    """Return the table, each cell of which is absent or one that its column can have."""
    is_wrong = (table.invalid_cells() & (table.codes != ABSENT)).any(axis=0)
    if is_wrong.any():
        name = table.schema[int(is_wrong.argmax())].name
        raise ModelError(f"there are cells that column {name!r} cannot have")
    return table


def _counts_as_arrays(sampler: Any) -> dict[str, IntArray]:
    """Return codes and how often each occurs, (2, n_codes), by ``LABEL.POSITION``.

    ``combinations`` are rows in which the cells of one constraint alone are not absent.
    """
    counts, layout = sampler.generator_.value_counts.counts, sampler._constraint_set.layout
    arrays = {f"{label}.{position}": np.stack(own) for (label, position), own in counts.items()}
    parts = []
    for combination in layout.observed:
        part = np.full((len(combination.codes), len(layout.schema)), ABSENT, dtype=np.int64)
        part[:, combination.members] = combination.codes
        parts.append(part)
    return arrays | ({"combinations": np.concatenate(parts)} if parts else {})


def _read_value_counts(arrays: dict[str, Any], schema: Schema) -> ValueCounts:
    counts = {}
    for name, (codes, n_each) in arrays.items():
        label, position = map(int, name.split("."))
        is_right = (
            codes.dtype == np.int64
            and codes.ndim == 1
            and bool((codes[1:] > codes[:-1]).all() and (n_each > 0).all())
            and bool((n_each < 2**40).all())  # no sum of them overflows
            and bool(schema[position].contains(codes).all())
            and bool(schema[0].contains(np.array([label])).all())
        )
        if not is_right:
            raise ModelError(f"there are value counts that column {position} cannot have")
        counts[label, position] = codes, n_each
    columns = ValueCounts.counted_columns(schema)
    if not counts or counts.keys() != set(product({label for label, _ in counts}, columns)):
        raise ModelError("there are value counts of other columns than those without free text")
    return ValueCounts(schema, counts)


def _read_serializer(
    record: _Sampler, learned: Table, recipe: Recipe, folder: Path, names: frozenset[str]
) -> Serializer:
    tokenizer = None
    if _TOKENIZER in names:
        text = (folder / _TOKENIZER).read_text(encoding="utf-8")
        tokenizer = HuggingFaceTokenizer.from_json(text)
    for position, own in record.text_parts.items():
        column: Any = learned.schema[position]
        if not 0 <= own.shortest <= own.longest <= min(column.max_length, _LONGEST_TEXT):
            raise ModelError(f"the parts of free text do not fit the column {column.name!r}")
    serializer = build_serializer(learned, tokenizer, recipe, record.text_parts)
    if _digest(serializer) != record.serializer:
        raise ModelError("the version of counterpoise that saved it serializes rows differently")
    return serializer


def _digest(serializer: Serializer) -> str:
    """Return a digest of the tokens and the grammar."""
    digest = hashlib.sha256(_folder.to_json([entry.text for entry in serializer.vocabulary]))
    for field in (one for one in fields(serializer.grammar) if one.init):
        part = getattr(serializer.grammar, field.name)
        digest.update((part.tokens if isinstance(part, Runs) else part).tobytes())
    return digest.hexdigest()


def _rebuild_model(
    description: dict[str, Any], n_tokens: int, path: Path, device: Device
) -> LanguageModel:
    weights = load_weights(path)
    for name, tensor in weights.items():
        if not torch.isfinite(tensor).all():
            raise ModelError(f"the weights {name} of the saved model are not all finite numbers")
    _check_weights(description, n_tokens, weights, device)
    model = LanguageModel.of_kind(description["kind"]).rebuild(description, n_tokens, device)
    model.to(dtype=device.weight_precision)
    load_tensors(model, weights)
    return model.eval().to(device.device)


def _check_weights(
    description: dict[str, Any], n_tokens: int, weights: dict[str, torch.Tensor], device: Device
) -> None:
    """Check that a description is of a model with such weights, before memory is taken for one."""
    cls = LanguageModel.of_kind(description["kind"])
    if cls not in (Llama, BlockModel, HuggingFaceModel):
        return
    with torch.device("meta"):
        expected = distinct_tensors(cls.rebuild(description, n_tokens, device))
    shapes = {name: tensor.shape for name, tensor in weights.items()}
    if {name: tensor.shape for name, tensor in expected.items()} != shapes:
        raise ModelError("the description of the model does not fit its weights")


# Parameters and other values as JSON: ``{"int": 1}``, ``{"object": [class, parameters]}``. The
# class is one of a registry, never an import path that a file could choose.

_RECORDS = {"caller": CallerType, "relation": Relation, "unlearned": UnlearnedColumn}
_MAX_TEXT_ITEM = 2**20  # bytes of an element of an array of strings; a forged one fills no memory


def encode(value: Any, name: str = "value") -> dict[str, Any]:
    """Return a value as JSON types; `name` is what a ModelError calls it if that can't be done."""
    match value:
        case BaseEstimator():
            kind = type(value).__name__
            if _classes().get(kind) is not type(value):
                known = f"registered (a constraint or a model), nor one of {sorted(ESTIMATORS)}"
                raise ModelError(f"the parameter {name} cannot be saved: {kind} is not {known}")
            params = value.get_params(deep=False)
            return {"object": [kind, {key: encode(params[key], f"{name}.{key}") for key in params}]}
        case CallerType() | Relation() | UnlearnedColumn():
            own = {field.name: getattr(value, field.name) for field in fields(value)}
            tag = next(tag for tag, known in _RECORDS.items() if type(value) is known)
            return {tag: {key: encode(item, key) for key, item in own.items()}}
        case np.random.RandomState():
            return {"none": None}  # the sampler's own generator has its state
        case PathLike():
            return {"str": str(fspath(value))}
        case Mapping():
            return {"dict": [[encode(k, name), encode(v, name)] for k, v in value.items()]}
        case np.ndarray():
            return {"array": [_encode_dtype(value.dtype), encode(value.tolist(), name)]}
        case pd.Index():
            dtype = None if value.nlevels > 1 else _encode_dtype(value.dtype)
            return {"index": [encode(value.tolist(), name), dtype, encode(list(value.names))]}
        case np.dtype() | pd.api.extensions.ExtensionDtype():
            return {"dtype": _encode_dtype(value)}
    if type(value) in (list, tuple):
        return {type(value).__name__: [encode(item, name) for item in value]}
    try:
        return tag_value(value)
    except SchemaError as error:
        reason = f"{value!r} is a {type(value).__name__}"
        raise ModelError(f"the parameter {name} cannot be saved: {reason}") from error


def decode(encoded: Any) -> Any:
    """Return the value that `encode` was given; other input raises TypeError, ValueError, ..."""
    ((tag, content),) = encoded.items()
    if tag == "object":
        name, params = content
        if name not in (known := _classes()):
            reason = "which is not registered here: import what registers it before loading"
            raise ModelError(f"the saved sampler uses the class {name!r}, {reason}")
        cls: Any = known[name]
        return cls(**{key: decode(item) for key, item in params.items()})
    if tag in _RECORDS:
        cls = _RECORDS[tag]
        return cls(**{key: decode(item) for key, item in content.items()})
    if tag in ("list", "tuple", "dict"):
        if type(content) is not list:
            raise TypeError(f"expected a list, got {content!r}")
        if tag == "dict":
            return {decode(key): decode(item) for key, item in content}
        items = [decode(item) for item in content]
        return items if tag == "list" else tuple(items)
    if tag == "array":
        dtype, items = content
        return np.array(decode(items), dtype=_decode_dtype(dtype))
    if tag == "index":
        items, dtype, names = decode(content[0]), content[1], decode(content[2])
        if len(names) > 1:
            return pd.MultiIndex.from_tuples(items, names=names)
        return pd.Index(items, dtype=_decode_dtype(dtype), tupleize_cols=False, name=names[0])
    if tag == "dtype":
        return _decode_dtype(content)
    return untag_value(encoded)


def _classes() -> dict[str, Any]:
    """Return by name the classes of which objects can be saved."""
    models = {cls.__name__: cls for cls in backbones._MODELS.values()}
    return {**ESTIMATORS, "Recipe": Recipe, **models, **constraint_types._CONSTRAINTS}


def _encode_dtype(dtype: Any) -> dict[str, Any]:
    if isinstance(dtype, np.dtype) and dtype.kind in "USc":  # of arrays only, not of columns
        return {"array": dtype.str}
    return tag_dtype(dtype)


def _decode_dtype(encoded: Any) -> Any:
    if "array" not in encoded:
        return untag_dtype(encoded)
    dtype = np.dtype(str(encoded["array"]))
    if dtype.kind not in "USc" or dtype.itemsize > _MAX_TEXT_ITEM:
        raise TypeError(f"{dtype} is no dtype of an array of strings")
    return dtype
