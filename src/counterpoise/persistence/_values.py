"""The small things of a sampler as JSON and back: parameters, types, histories, generators."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from os import PathLike, fspath
from typing import Any

import numpy as np
import pandas as pd

from counterpoise._parameters import Parameters
from counterpoise.columns._frames import CallerTypes
from counterpoise.columns._json import tag_dtype, tag_value, untag_dtype, untag_value
from counterpoise.constraints._base import constraint_class
from counterpoise.errors import ModelError, SchemaError
from counterpoise.models import AutoModel, CompactModel, PretrainedModel
from counterpoise.persistence._folder import Fields
from counterpoise.recipes import Recipe
from counterpoise.training._history import History

_CALLER_KINDS = frozenset({"pandas", "array", "list", "polars", "pyarrow", "modin", "cudf"})
_STOPPED_BY = ("length", "held-out rows", "max_time")


def tag_parameter(name: str, value: Any) -> Any:
    """Describe the value of a parameter; a ModelError where it can't be."""
    if isinstance(value, Parameters):
        params = value.get_params(deep=False)
        tagged = {key: tag_parameter(f"{name}.{key}", item) for key, item in params.items()}
        return {"object": [type(value).__name__, tagged]}
    if isinstance(value, np.random.RandomState):
        return {"none": None}  # its stream goes on in the sampler's own generator
    if isinstance(value, PathLike):
        return {"str": str(fspath(value))}
    if isinstance(value, list):
        return {"list": [tag_parameter(name, item) for item in value]}
    if type(value) is tuple:
        return {"items": [tag_parameter(name, item) for item in value]}
    if isinstance(value, Mapping):
        pairs = [[tag_value(key), tag_parameter(name, item)] for key, item in value.items()]
        return {"dict": pairs}
    try:
        return tag_value(value)
    except SchemaError as error:
        raise ModelError(
            f"the parameter {name} cannot be saved: {value!r} is a {type(value).__name__}"
        ) from error


def untag_parameter(tagged: Any) -> Any:
    """Read what `tag_parameter` wrote; malformed input raises ValueError, TypeError or KeyError."""
    ((tag, content),) = tagged.items()
    if tag == "object":
        name, params = content
        values = {key: untag_parameter(item) for key, item in params.items()}
        return _class_of(name)(**values)
    if tag in ("list", "items"):
        read = [untag_parameter(item) for item in _of_type(content, list)]
        return read if tag == "list" else tuple(read)
    if tag == "dict":
        pairs = _of_type(content, list)
        return {untag_value(key): untag_parameter(item) for key, item in pairs}
    return untag_value(tagged)


def _class_of(name: Any) -> type[Parameters]:
    """Return a recipe, model or constraint class by its name; a KeyError if there is none."""
    own: dict[str, type[Parameters]] = {
        one.__name__: one for one in (Recipe, CompactModel, PretrainedModel, AutoModel)
    }
    return own[name] if name in own else constraint_class(name)


def untag_recipe(tagged: Any) -> Recipe:
    """Read a recipe, whose values are checked."""
    recipe = untag_parameter(tagged)
    if not isinstance(recipe, Recipe):
        raise ModelError(f"the recipe is a {type(recipe).__name__}")
    recipe.validate()
    return recipe


def tag_caller(types: CallerTypes) -> dict[str, Any]:
    """Describe the types of the caller's X and y."""
    columns = types.columns
    return {
        "kind": types.kind,
        "columns": None
        if columns is None
        else {
            "values": [tag_value(name) for name in columns.tolist()],
            "dtype": None if columns.nlevels > 1 else _tag_any_dtype(columns.dtype),
            "names": [tag_value(name) for name in columns.names],
        },
        "array_dtype": _tag_any_dtype(types.array_dtype),
        "arrow_schema": None if types.arrow_schema is None else types.arrow_schema.hex(),
        "target_kind": types.target_kind,
        "target_name": tag_value(types.target_name),
        "target_dtype": _tag_any_dtype(types.target_dtype),
        "target_arrow_schema": None
        if types.target_arrow_schema is None
        else types.target_arrow_schema.hex(),
    }


def untag_caller(fields: Fields, n_features: int) -> CallerTypes:
    """Read what `tag_caller` wrote."""
    columns = fields.optional("columns", fields.record)
    types = CallerTypes(
        kind=fields.one_of("kind", _CALLER_KINDS),
        columns=None if columns is None else _untag_index(columns),
        array_dtype=_untag_any_dtype(fields.raw("array_dtype")),
        arrow_schema=_untag_bytes(fields.optional("arrow_schema", fields.text)),
        target_kind=fields.one_of("target_kind", _CALLER_KINDS),
        target_name=untag_value(fields.raw("target_name")),
        target_dtype=_untag_any_dtype(fields.raw("target_dtype")),
        target_arrow_schema=_untag_bytes(fields.optional("target_arrow_schema", fields.text)),
    )
    fields.done()
    is_frame = types.kind not in ("pandas", "array", "list")
    if (types.columns is not None) != (types.kind == "pandas") or (
        types.columns is not None and len(types.columns) != n_features
    ):
        raise ModelError("the names of the columns do not fit the columns")
    is_other = types.target_kind not in ("pandas", "array", "list")
    if (
        (types.arrow_schema is not None) != is_frame
        or (types.target_arrow_schema is not None) != is_other
        or (types.target_kind == "pandas" and types.target_dtype is None)
        or (types.kind in ("array", "list")) != (types.array_dtype is not None)
    ):
        raise ModelError("the types of X or y do not fit their kinds")
    return types


def _untag_index(fields: Fields) -> pd.Index[Any]:
    values: list[Hashable] = [untag_value(item) for item in fields.items("values")]
    names: list[Hashable] = [untag_value(item) for item in fields.items("names")]
    dtype = _untag_any_dtype(fields.raw("dtype"))
    fields.done()
    if len(names) > 1:
        tuples: Any = values
        return pd.MultiIndex.from_tuples(tuples, names=names)
    index: pd.Index[Any] = pd.Index(values, dtype=dtype, tupleize_cols=False, name=names[0])
    return index


def _tag_any_dtype(dtype: Any) -> Any:
    if dtype is None:
        return None
    if isinstance(dtype, np.dtype) and dtype.kind in "USc":
        return {"array": dtype.str}  # of an array; no column of a frame has it
    return tag_dtype(dtype)


def _untag_any_dtype(tagged: Any) -> Any:
    if tagged is None:
        return None
    if "array" in tagged:
        dtype = np.dtype(_of_type(tagged["array"], str))
        if dtype.kind not in "USc" or dtype.itemsize > 2**20:
            raise TypeError(f"{dtype} is no dtype of text")
        return dtype
    return untag_dtype(tagged)


def _untag_bytes(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


def tag_classes(classes: Any) -> dict[str, Any]:
    """Describe an array of class labels."""
    values = [tag_value(value) for value in classes.tolist()]
    return {"dtype": _tag_any_dtype(classes.dtype), "values": values}


def untag_classes(fields: Fields) -> Any:
    """Read what `tag_classes` wrote."""
    values = [untag_value(item) for item in fields.items("values")]
    dtype = _untag_any_dtype(fields.raw("dtype"))
    fields.done()
    return np.array(values, dtype=dtype)


def untag_history(fields: Fields) -> History:
    """Read a history from its fields."""
    history = History(
        samples_seen=[_count(item) for item in fields.items("samples_seen")],
        train_loss=[_a_float(item) for item in fields.items("train_loss")],
        held_out_loss=[_a_float(item) for item in fields.items("held_out_loss")],
        best_n_samples_seen=fields.whole("best_n_samples_seen"),
        seconds=fields.number("seconds"),
        best_seconds=fields.number("best_seconds"),
        stopped_by=fields.one_of("stopped_by", _STOPPED_BY),
    )
    fields.done()
    return history


def untag_generator(state: Any) -> np.random.Generator:
    """Read the state of a generator."""
    fields = Fields(state, "generator")
    kind = fields.one_of("bit_generator", ["PCG64"])
    inner = fields.record("state")
    numbers = {name: inner.whole(name, high=2**128 - 1) for name in ("state", "inc")}
    inner.done()
    rest = {
        "has_uint32": fields.whole("has_uint32", high=1),
        "uinteger": fields.whole("uinteger", high=2**32 - 1),
    }
    fields.done()
    bit_generator = np.random.PCG64()
    whole: Any = {"bit_generator": kind, "state": numbers, **rest}
    bit_generator.state = whole
    return np.random.Generator(bit_generator)


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ModelError(f"{value!r} should be a whole number, 0 or more")
    return value


def _a_float(value: Any) -> float:
    return float(_of_type(value, float))


def _of_type(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, got {value!r}")
    return value
