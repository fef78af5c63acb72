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
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_weights

from counterpoise.errors import ModelError
from counterpoise.language.language import Language, TextParts
from counterpoise.language.tokenizer import CharacterTokenizer, Tokenizer
from counterpoise.model.checkpoint import distinct_tensors
from counterpoise.model.device import resolve_device
from counterpoise.model.history import History
from counterpoise.model.saved import describe_model, read_tensors, rebuild_model
from counterpoise.oversample.fields import Fields
from counterpoise.oversample.folder import check, new_folder, read_json, seal, write_json
from counterpoise.oversample.learning import build_language
from counterpoise.oversample.rows import TrainingRows
from counterpoise.oversample.saved_judge import judge_tensors, read_judge
from counterpoise.oversample.saved_rows import (
    describe_rules,
    no_rows,
    read_rows,
    read_rules,
    read_starts,
    rows_to_store,
    rules_tensors,
    starts_tensors,
)
from counterpoise.oversample.saved_values import (
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
from counterpoise.oversample.writer import RowWriter
from counterpoise.table import Schema, TextColumn
from counterpoise.table.value import tag_value, untag_value

_SAMPLER, _WEIGHTS, _STARTS = "sampler.json", "weights.safetensors", "starts.safetensors"
_TOKENIZER, _ROWS, _ROW_TEXTS = "tokenizer.json", "rows.safetensors", "rows.json"
_JUDGE = "judge.safetensors"
_REQUIRED = frozenset({_SAMPLER, _WEIGHTS, _STARTS})
_OPTIONAL = frozenset({_TOKENIZER, _ROWS, _ROW_TEXTS, _JUDGE})

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

    writer: RowWriter = sampler.writer_
    if writer.labeller is not None:
        raise ModelError(
            "a sampler whose rows are labelled by XGBoost cannot be saved: the folder holds "
            "safetensors and JSON only; use a recipe whose prompt holds the label"
        )
    if writer.reader is not None:
        raise ModelError(
            "a sampler that writes without a grammar cannot be saved: it fills what does not parse "
            "from real rows; use decoding='grammar'"
        )
    record = _describe(sampler)
    with new_folder(folder, overwrite=overwrite) as unfinished:
        write_json(unfinished / _SAMPLER, record)
        weights = {n: t.cpu().contiguous() for n, t in distinct_tensors(writer.model).items()}
        save_weights(weights, unfinished / _WEIGHTS)
        tensors = starts_tensors(writer.rows.starts) | rules_tensors(sampler._rules)
        save_file(tensors, unfinished / _STARTS)
        if writer.judge is not None:
            save_file(judge_tensors(writer.judge), unfinished / _JUDGE)
        if writer.language.tokenizer is not None and record["tokenizer"] == "own":
            text = _tokenizer_text(writer.language.tokenizer)
            (unfinished / _TOKENIZER).write_text(text, encoding="utf-8")
        if include_rows:
            row_tensors, row_texts = rows_to_store(writer.rows, sampler._rules)
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
    writer: RowWriter = sampler.writer_
    parameters = sampler.get_params(deep=False)
    if callable(parameters["sampling_strategy"]):
        parameters["sampling_strategy"] = dict(sampler.sampling_strategy_)
    language = writer.language
    return {
        "parameters": {name: tag_parameter(name, value) for name, value in parameters.items()},
        "recipe": asdict(writer.recipe),
        "schema": sampler.schema_.to_dict(),
        **describe_rules(sampler._rules),
        "text_parts": {
            str(position): {
                "parts": [text for text, _ in cell.parts.parts],
                "shortest": cell.parts.shortest,
                "longest": cell.parts.longest,
            }
            for position, cell in enumerate(language.cells)
            if cell.parts is not None
        },
        "tokenizer": _tokenizer_kind(language.tokenizer),
        "language": _digest(language),
        "model": describe_model(writer.model, sampler.lora_rank),
        "has_judge": writer.judge is not None,
        "model_name": sampler.model_name_,
        "model_reason": sampler.model_reason_,
        "generation_batch_size": sampler._generation_batch_size,
        "classes": tag_classes(sampler.classes_),
        "strategy": [[tag_value(c), int(n)] for c, n in sampler.sampling_strategy_.items()],
        "n_synthetic": int(sampler.n_synthetic_),
        "n_features_in": int(sampler.n_features_in_),
        "caller": tag_caller(sampler._caller_types),
        "history": asdict(writer.history),
        "search": None if writer.search is None else asdict(writer.search),
        "refinement": None if writer.refinement is None else asdict(writer.refinement),
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
    sampler.writer_ = _load_writer(sampler, fields, folder, names)
    sampler.history_ = sampler.writer_.history
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


def _load_writer(sampler: Any, fields: Fields, folder: Path, names: frozenset[str]) -> RowWriter:
    tensors = _read_arrays(folder / _STARTS)
    sampler._rules = read_rules(fields, tensors, sampler)
    empty = sampler._rules.layout.join(no_rows(sampler._rules.layout.schema))
    schema = empty.schema
    parts = _read_parts(fields.record("text_parts"), schema)
    tokenizer = _read_tokenizer(fields.one_of("tokenizer", _TOKENIZERS), folder, names)
    language = build_language(empty, tokenizer, sampler.recipe_, parts)
    if _digest(language) != fields.text("language"):
        raise ModelError(
            "this version of counterpoise writes the rows of this table otherwise than the one "
            "that saved the sampler"
        )
    device = resolve_device(sampler.device, sampler.precision)
    described = fields.raw("model")
    Fields(described, "model")
    model = rebuild_model(described, len(language.vocabulary), folder / _WEIGHTS, device)
    rows = TrainingRows(empty, 0, None, read_starts(tensors, schema))
    if names & {_ROWS, _ROW_TEXTS}:
        row_tensors = _read_arrays(folder / _ROWS)
        texts = Fields(read_json(folder, _ROW_TEXTS), "rows")
        rows, real_rows = read_rows(row_tensors, texts, rows)
        sampler._rules = replace(sampler._rules, real_rows=real_rows)
    has_judge = fields.flag("has_judge")
    if has_judge != (_JUDGE in names) or (has_judge and sampler.recipe_.selection is None):
        raise ModelError("sampler.has_judge does not fit the files, or the recipe")
    judge = read_judge(_read_arrays(folder / _JUDGE), schema) if has_judge else None
    return RowWriter(
        language,
        model,
        sampler.recipe_,
        rows,
        device,
        untag_history(fields.record("history")),
        _read_history(fields, "search"),
        _read_history(fields, "refinement"),
        judge=judge,
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
    from counterpoise.model.tokenizer import HuggingFaceTokenizer

    assert isinstance(tokenizer, HuggingFaceTokenizer)
    return tokenizer.to_json()


def _read_tokenizer(kind: str, folder: Path, names: frozenset[str]) -> Tokenizer | None:
    from counterpoise.model.tokenizer import HuggingFaceTokenizer

    if (kind == "own") != (_TOKENIZER in names):
        raise ModelError(f"sampler.tokenizer is {kind!r}, which does not fit the files")
    if kind == "own":
        text = (folder / _TOKENIZER).read_text(encoding="utf-8")
        return HuggingFaceTokenizer.from_json(text)
    return CharacterTokenizer() if kind == "characters" else None


def _digest(language: Language) -> str:
    """Return a digest of everything that a language writes."""
    digest = hashlib.sha256()
    texts = [entry.text for entry in language.vocabulary.entries]
    digest.update(json.dumps(texts).encode())
    grammar = language.grammar
    for array in (
        grammar.cues,
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
