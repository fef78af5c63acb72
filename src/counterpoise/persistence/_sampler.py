"""A fitted sampler as a folder, and back: safetensors and JSON, no row of the table.

=================== ==============================================================================
``manifest.json``   format, and length and SHA-256 of every other file
``sampler.json``    parameters; the schema (names, categories, ranges); parts of free text;
                    what the model is made of; how training went; the state of the generator
``weights.safetensors``  the model's weights
``starts.safetensors``   how often each value of a column occurs in a class, column by column; the
                    combinations of values that `fixed_combinations` holds rows to
``judge.safetensors``  the trees that say which written rows are kept, where a recipe selects
``tokenizer.json``  the model's tokenizer, where rows are written in its tokens
``rows.safetensors``, ``rows.json``  the training rows, only if asked for
=================== ==============================================================================

That no row is in it does not make it anonymous: a category that one person has is a category of
the schema, and a model can have learned a row by heart.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_weights

from counterpoise.columns._base import ABSENT
from counterpoise.columns._json import tag_value, untag_value
from counterpoise.columns._schema import Schema
from counterpoise.columns._table import Table
from counterpoise.columns._text import TextColumn
from counterpoise.constraints._fixed_combinations import Combination, Layout
from counterpoise.constraints._no_copies import RealRows
from counterpoise.constraints._set import ConstraintSet, constraint_list
from counterpoise.errors import ModelError
from counterpoise.generation._generator import RowGenerator
from counterpoise.generation._prompts import ValueCounts
from counterpoise.grammar._grammar import IntArray
from counterpoise.models import AutoModel, get_model
from counterpoise.persistence._classifiers import read_selection_classifier, selection_tensors
from counterpoise.persistence._folder import Fields, check, new_folder, read_json, seal, write_json
from counterpoise.persistence._model import describe_model, read_tensors, rebuild_model
from counterpoise.persistence._values import (
    tag_caller,
    tag_classes,
    tag_parameter,
    untag_caller,
    untag_classes,
    untag_generator,
    untag_history,
    untag_parameter,
    untag_recipe,
)
from counterpoise.serialization._serializer import Serializer, TextParts
from counterpoise.serialization._tokenizer import CharacterTokenizer, Tokenizer
from counterpoise.training._checkpoint import distinct_tensors
from counterpoise.training._fit import FitResult
from counterpoise.training._history import History
from counterpoise.training._preparation import TrainingRows, build_serializer

# Counted values, rules and (where asked for) rows as tensors and JSON, and back.
#
# Whatever is read is checked against the schema: no code may stand for what its column can't have.


Tensors = Mapping[str, Any]
_COMBINATION = "combination"


def value_count_tensors(value_counts: ValueCounts) -> dict[str, IntArray]:
    """Return counted values as tensors, ``label.position.codes`` and ``label.position.counts``."""
    tensors = {}
    for (label, position), (codes, counts) in value_counts.counts.items():
        tensors[f"{label}.{position}.codes"] = codes
        tensors[f"{label}.{position}.counts"] = counts
    return tensors


def read_value_counts(tensors: Tensors, schema: Schema) -> ValueCounts:
    """Read counted values."""
    own = {n: t for n, t in tensors.items() if not n.startswith(f"{_COMBINATION}.")}
    counts: dict[tuple[int, int], tuple[IntArray, IntArray]] = {}
    for name, codes in own.items():
        label, position, what = name.split(".")
        if what == "counts":
            continue
        key = int(label), int(position)
        if not 0 < key[1] < len(schema) or name != f"{key[0]}.{key[1]}.codes":
            raise ModelError(f"there are counted values {name!r} of no column")
        n_each = own[f"{label}.{position}.counts"]
        _check_counts(codes, n_each, schema, key)
        counts[key] = codes, n_each
    if len(own) != 2 * len(counts) or not counts:
        raise ModelError("the counted values are not whole")
    return ValueCounts(schema, dict(sorted(counts.items())))


def _check_counts(codes: Any, n_each: Any, schema: Schema, key: tuple[int, int]) -> None:
    column, of_class = schema[key[1]], schema[0]
    is_right = (
        not column.is_text
        and codes.dtype == n_each.dtype == np.int64
        and codes.ndim == 1
        and codes.shape == n_each.shape
        and bool((codes[1:] > codes[:-1]).all() and (n_each > 0).all() and n_each.sum() < 2**62)
        and bool(column.contains(codes).all())
        and bool(of_class.contains(np.array([key[0]])).all())
    )
    if not is_right:
        raise ModelError(f"there are counted values that column {column.name!r} cannot have")


def describe_rules(rules: ConstraintSet) -> dict[str, Any]:
    """Return what of the rules is not in the parameters, with JSON types only."""
    return {
        "columns": rules.layout.schema.to_dict(),
        "combinations": [list(c.members) for c in rules.layout.combinations],
    }


def rules_tensors(rules: ConstraintSet) -> dict[str, IntArray]:
    """Return the combinations that rows are held to."""
    combinations = rules.layout.combinations
    return {f"{_COMBINATION}.{i}.codes": c.codes for i, c in enumerate(combinations)}


def read_rules(fields: Fields, tensors: Tensors, sampler: Any) -> ConstraintSet:
    """Read rules, without the real rows; `sampler` has the parameters already."""
    schema = Schema.from_dict(fields.raw("columns"))
    combinations = []
    taken: set[int] = set()
    for number, members in enumerate(fields.items("combinations")):
        codes = tensors[f"{_COMBINATION}.{number}.codes"]
        if (
            type(members) is not list
            or any(type(m) is not int or not 0 < m < len(schema) for m in members)
            or len(members) < 2
            or len(set(members) | taken) < len(members) + len(taken)
            or codes.dtype != np.int64
            or codes.ndim != 2
            or not len(codes)
            or codes.shape[1] != len(members)
        ):
            raise ModelError(f"the combination {number} is malformed")
        taken |= set(members)
        _check_cells(Table(Schema(tuple(schema[m] for m in members)), codes))
        combinations.append(Combination(tuple(members), codes))
    if sum(n.startswith(f"{_COMBINATION}.") for n in tensors) != len(combinations):
        raise ModelError("there are combinations of no columns")
    layout = Layout(schema, tuple(combinations))
    constraints = tuple(one.copy() for one in constraint_list(sampler.constraints))
    return refitted(ConstraintSet(layout, constraints), no_rows(schema))


def no_rows(schema: Schema) -> Table:
    """Return a table without rows."""
    return Table(schema, np.empty((0, len(schema)), dtype=np.int64))


def rows_to_store(
    rows: TrainingRows, rules: ConstraintSet
) -> tuple[dict[str, IntArray], dict[str, Any]]:
    """Return the training rows, and the real rows that none may copy, as tensors and JSON."""
    corpus = rows.corpus
    keys = sorted(rules.real_rows.keys, key=repr) if rules.real_rows else []
    raw = [key if isinstance(key, bytes) else key[0] for key in keys]  # type: ignore[index]
    n_columns = len(rules.layout.schema)
    real = np.frombuffer(b"".join(raw), dtype=np.int64).reshape(-1, n_columns)
    strings = [[] if isinstance(key, bytes) else list(key[1:]) for key in keys]  # type: ignore[index]
    texts = {str(position): list(strings) for position, strings in corpus.texts.items()}
    return (
        {"codes": corpus.codes, "real": real},
        {"n_real": rows.n_real, "texts": texts, "real_texts": strings},
    )


def read_rows(
    tensors: Tensors, fields: Fields, without: TrainingRows, rules: ConstraintSet
) -> tuple[TrainingRows, ConstraintSet]:
    """Read what `rows_to_store` stored; `without` and `rules` have all but the rows."""
    schema = without.corpus.schema
    texts = {
        int(position): tuple(map(_text_of, strings))
        for position, strings in fields.raw("texts").items()
    }
    corpus = Table(schema, tensors["codes"], texts)
    n_real = fields.whole("n_real", high=len(corpus))
    real, strings = tensors["real"], fields.items("real_texts")
    fields.done()
    own = rules.layout.schema
    if len(tensors) != 2 or real.dtype != np.int64 or real.shape != (len(strings), len(own)):
        raise ModelError("the stored rows are malformed")
    _check_cells(corpus)
    at = [position for position, column in enumerate(own) if column.is_text]
    columns = zip(*(map(_text_of, one) for one in strings), strict=True) if strings else []
    real_texts = dict(zip(at, columns, strict=True)) if strings else dict.fromkeys(at, ())
    codes = real.copy()
    for position in at:  # each row points to its own text
        codes[:, position] = np.where(codes[:, position] < 0, codes[:, position], range(len(codes)))
    real_rows = Table(own, codes, real_texts)
    return replace(without, corpus=corpus, n_real=n_real), refitted(rules, real_rows)


def refitted(rules: ConstraintSet, real_rows: Table) -> ConstraintSet:
    """Return the constraints of a loaded sampler, fitted to the real rows that are at hand."""
    for constraint in rules.constraints:
        constraint.fit(real_rows, rules.layout.join(real_rows))
    return replace(rules, real_rows=RealRows.of(real_rows) if len(real_rows) else None)


def _check_cells(table: Table) -> None:
    """Check that each cell there is, is one that its column can have."""
    is_wrong = (table.invalid_cells() & (table.codes != ABSENT)).any(axis=0)
    if is_wrong.any():
        name = table.schema[int(is_wrong.argmax())].name
        raise ModelError(f"there are cells that column {name!r} cannot have")


def _text_of(value: Any) -> str:
    if type(value) is not str:
        raise ModelError(f"a text is {value!r}")
    return value


_SAMPLER, _WEIGHTS, _VALUE_COUNTS = "sampler.json", "weights.safetensors", "starts.safetensors"
_TOKENIZER, _ROWS, _ROW_TEXTS = "tokenizer.json", "rows.safetensors", "rows.json"
_SELECTION = "judge.safetensors"
_REQUIRED = frozenset({_SAMPLER, _WEIGHTS, _VALUE_COUNTS})
_OPTIONAL = frozenset({_TOKENIZER, _ROWS, _ROW_TEXTS, _SELECTION})

_TIMINGS = ("training_s", "training_rows_per_s", "generation_s", "generation_rows_per_s")
_LONGEST_TEXT = 1_000_000
"""Characters; a made-up length must not fill the memory."""

_MALFORMED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What reading a file that was made up can come to."""


def save_sampler(sampler: Any, folder: Path, *, include_rows: bool, overwrite: bool) -> None:
    """Write a fitted `LLMOverSampler` to a folder; see :meth:`LLMOverSampler.save`."""
    from counterpoise import __version__

    row_generator: RowGenerator = sampler.generator_
    if row_generator.labeller is not None:
        raise ModelError(
            "a sampler whose rows are labelled by XGBoost cannot be saved: the folder holds "
            "safetensors and JSON only; use a recipe whose prompt holds the label"
        )
    if row_generator.parser is not None:
        raise ModelError(
            "a sampler that writes without a grammar cannot be saved: it fills what does not parse "
            "from real rows; use decoding='grammar'"
        )
    record = _describe(sampler)
    with new_folder(folder, overwrite=overwrite) as unfinished:
        write_json(unfinished / _SAMPLER, record)
        weights = {
            n: t.cpu().contiguous() for n, t in distinct_tensors(row_generator.model).items()
        }
        save_weights(weights, unfinished / _WEIGHTS)
        tensors = value_count_tensors(row_generator.value_counts) | rules_tensors(
            sampler._constraint_set
        )
        save_file(tensors, unfinished / _VALUE_COUNTS)
        if row_generator.selection_classifier is not None:
            save_file(
                selection_tensors(row_generator.selection_classifier), unfinished / _SELECTION
            )
        if row_generator.serializer.tokenizer is not None and record["tokenizer"] == "own":
            text = _tokenizer_text(row_generator.serializer.tokenizer)
            (unfinished / _TOKENIZER).write_text(text, encoding="utf-8")
        if include_rows:
            row_tensors, row_texts = rows_to_store(sampler.training_.rows, sampler._constraint_set)
            save_file(row_tensors, unfinished / _ROWS)
            write_json(unfinished / _ROW_TEXTS, row_texts)
        seal(unfinished, __version__)


def load_sampler(make: Any, folder: Path, device: str | None) -> Any:
    """Make the sampler of a folder; `make` is its class. See :meth:`LLMOverSampler.load`."""
    names = check(folder, _REQUIRED, _OPTIONAL)
    try:
        return _load(make, folder, names, device)
    except ModelError:
        raise
    except _MALFORMED as error:
        reason = str(error).splitlines()[0] if str(error) else ""
        raise ModelError(
            f"the sampler saved in {folder} is malformed ({type(error).__name__}: {reason})"
        ) from error


def _describe(sampler: Any) -> dict[str, Any]:
    """Return what ``sampler.json`` holds."""
    row_generator: RowGenerator = sampler.generator_
    parameters = sampler.get_params(deep=False)
    if callable(parameters["sampling_strategy"]):
        parameters["sampling_strategy"] = dict(sampler.sampling_strategy_)
    training: FitResult = sampler.training_
    serializer = row_generator.serializer
    return {
        "parameters": {name: tag_parameter(name, value) for name, value in parameters.items()},
        "recipe": tag_parameter("recipe", row_generator.recipe),
        "schema": sampler.schema_.to_dict(),
        **describe_rules(sampler._constraint_set),
        "text_parts": {
            str(position): {
                "parts": [text for text, _ in cell.parts.parts],
                "shortest": cell.parts.shortest,
                "longest": cell.parts.longest,
            }
            for position, cell in enumerate(serializer.cells)
            if cell.parts is not None
        },
        "tokenizer": _tokenizer_kind(serializer.tokenizer),
        "language": _digest(serializer),
        "model": describe_model(row_generator.model),
        "has_selection_classifier": row_generator.selection_classifier is not None,
        "model_name": sampler.model_name_,
        "model_reason": sampler.model_reason_,
        "generation_batch_size": sampler._generation_batch_size,
        "classes": tag_classes(sampler.classes_),
        "strategy": [[tag_value(c), int(n)] for c, n in sampler.sampling_strategy_.items()],
        "n_synthetic": int(sampler.n_synthetic_),
        "n_features_in": int(sampler.n_features_in_),
        "caller": tag_caller(sampler._caller_types),
        "history": asdict(training.history),
        "search": None if training.search is None else asdict(training.search),
        "refinement": None if training.refinement is None else asdict(training.refinement),
        "timings": dict(sampler.timings_),
        "generator": sampler._rng.bit_generator.state,
    }


def _load(make: Any, folder: Path, names: frozenset[str], device: str | None) -> Any:
    record = read_json(folder, _SAMPLER)
    fields = Fields(record, "sampler")
    tagged = Fields(fields.raw("parameters"), "parameters")
    parameters = {name: untag_parameter(tagged.raw(name)) for name in tagged.names()}
    if device is not None:
        parameters["device"] = device
    sampler = make(**parameters)
    sampler._validate_params()
    sampler.recipe_ = untag_recipe(fields.raw("recipe"))
    sampler.schema_ = Schema.from_dict(fields.raw("schema"))
    sampler.classes_ = untag_classes(fields.record("classes"))
    sampler.sampling_strategy_ = {
        untag_value(class_): _count(n) for class_, n in fields.items("strategy")
    }
    sampler.n_synthetic_ = fields.whole("n_synthetic")
    sampler.n_features_in_ = fields.whole("n_features_in", low=1)
    feature_names = [column.name for column in sampler.schema_]
    if all(isinstance(name, str) for name in feature_names):  # as scikit-learn has it
        sampler.feature_names_in_ = np.array(feature_names, dtype=object)
    sampler.model_name_, sampler.model_reason_ = (
        fields.text("model_name"),
        fields.text("model_reason"),
    )
    sampler._generation_batch_size = fields.whole("generation_batch_size", low=1)
    sampler._caller_types = untag_caller(fields.record("caller"), len(sampler.schema_))
    timings = fields.record("timings")
    sampler.timings_ = {name: timings.number(name) for name in _TIMINGS}
    timings.done()
    sampler._rng = untag_generator(fields.raw("generator"))
    sampler.training_ = _load_training(sampler, fields, folder, names)
    sampler.generator_, sampler.history_ = sampler.training_.generator, sampler.training_.history
    fields.done()
    _check_read(record, sampler, device)
    return sampler


def _check_read(record: dict[str, Any], sampler: Any, device: str | None) -> None:
    """Check that what was read is all that there is: it is described as it was, field by field."""
    described = _describe(sampler)
    described["model"] = record["model"]  # another version of transformers may have more settings
    own = described["parameters"]  # and another of counterpoise more parameters
    described["parameters"] = {name: own[name] for name in record["parameters"]}
    if device is not None:
        described["parameters"]["device"] = record["parameters"]["device"]
    for name, value in record.items():
        again, was = (json.dumps(one, sort_keys=True) for one in (described[name], value))
        if again != was:
            raise ModelError(f"sampler.{name} is not as it is written: it would be {again[:200]}")


def _load_training(sampler: Any, fields: Fields, folder: Path, names: frozenset[str]) -> FitResult:
    tensors = _read_arrays(folder / _VALUE_COUNTS)
    sampler._constraint_set = read_rules(fields, tensors, sampler)
    empty = sampler._constraint_set.layout.join(no_rows(sampler._constraint_set.layout.schema))
    schema = empty.schema
    parts = _read_parts(fields.record("text_parts"), schema)
    tokenizer = _read_tokenizer(fields.one_of("tokenizer", _TOKENIZERS), folder, names)
    serializer = build_serializer(empty, tokenizer, sampler.recipe_, parts)
    if _digest(serializer) != fields.text("language"):
        raise ModelError(
            "this version of counterpoise writes the rows of this table otherwise than the one "
            "that saved the sampler"
        )
    backbone = get_model(sampler.model)
    if isinstance(backbone, AutoModel):
        backbone = backbone.candidate(sampler.model_name_)
    device = backbone.resolve_device(sampler.device)
    described = fields.raw("model")
    Fields(described, "model")
    model = rebuild_model(described, len(serializer.vocabulary), folder / _WEIGHTS, device)
    rows = TrainingRows(empty, 0, None, read_value_counts(tensors, schema))
    if names & {_ROWS, _ROW_TEXTS}:
        row_tensors = _read_arrays(folder / _ROWS)
        texts = Fields(read_json(folder, _ROW_TEXTS), "rows")
        rows, sampler._constraint_set = read_rows(row_tensors, texts, rows, sampler._constraint_set)
    sampler.constraints_ = list(sampler._constraint_set.constraints)
    has_selection_classifier = fields.flag("has_selection_classifier")
    if has_selection_classifier != (_SELECTION in names) or (
        has_selection_classifier and sampler.recipe_.selection is None
    ):
        raise ModelError("sampler.has_judge does not fit the files, or the recipe")
    selection_classifier = (
        read_selection_classifier(_read_arrays(folder / _SELECTION), schema)
        if has_selection_classifier
        else None
    )
    generator = RowGenerator(
        serializer,
        model,
        sampler.recipe_,
        rows.value_counts,
        device,
        selection_classifier=selection_classifier,
    )
    return FitResult(
        generator,
        rows,
        untag_history(fields.record("history")),
        _read_history(fields, "search"),
        _read_history(fields, "refinement"),
    )


def _read_history(fields: Fields, name: str) -> History | None:
    record = fields.optional(name, fields.record)
    return None if record is None else untag_history(record)


def _read_arrays(path: Path) -> dict[str, Any]:
    return {name: tensor.numpy() for name, tensor in read_tensors(path).items()}


def _read_parts(fields: Fields, schema: Schema) -> dict[int, TextParts]:
    parts = {}
    for position, column in enumerate(schema):
        if isinstance(column, TextColumn):
            own = fields.record(str(position))
            texts = tuple((_string(part), ()) for part in own.items("parts"))
            longest = own.whole("longest", high=min(column.max_length, _LONGEST_TEXT))
            parts[position] = TextParts(texts, own.whole("shortest", high=longest), longest)
            own.done()
    fields.done()
    return parts


_TOKENIZERS = ("none", "characters", "own")


def _tokenizer_kind(tokenizer: Tokenizer | None) -> str:
    if tokenizer is None:
        return "none"
    return "characters" if isinstance(tokenizer, CharacterTokenizer) else "own"


def _tokenizer_text(tokenizer: Tokenizer) -> str:
    from counterpoise.models._huggingface import HuggingFaceTokenizer

    assert isinstance(tokenizer, HuggingFaceTokenizer)
    return tokenizer.to_json()


def _read_tokenizer(kind: str, folder: Path, names: frozenset[str]) -> Tokenizer | None:
    from counterpoise.models._huggingface import HuggingFaceTokenizer

    if (kind == "own") != (_TOKENIZER in names):
        raise ModelError(f"sampler.tokenizer is {kind!r}, which does not fit the files")
    if kind == "own":
        text = (folder / _TOKENIZER).read_text(encoding="utf-8")
        return HuggingFaceTokenizer.from_json(text)
    return CharacterTokenizer() if kind == "characters" else None


def _digest(serializer: Serializer) -> str:
    """Return a digest of everything that a language writes."""
    digest = hashlib.sha256()
    texts = [entry.text for entry in serializer.vocabulary.entries]
    digest.update(json.dumps(texts).encode())
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


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ModelError(f"a number of rows is {value!r}")
    return value


def _string(value: Any) -> str:
    if type(value) is not str:
        raise ModelError(f"a text is {value!r}")
    return value
