"""Parameters and other single values as JSON and back.

A value is ``{tag: content}``: ``{"int": 1}``, ``{"list": [...]}``, ``{"object": [class, params]}``.
The class is one of a registry, never an import path that a file could choose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from os import PathLike, fspath
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from counterpoise.columns._frames import CallerType
from counterpoise.columns._json import tag_dtype, tag_value, untag_dtype, untag_value
from counterpoise.columns._unlearned import UnlearnedColumn
from counterpoise.constraints import Relation
from counterpoise.constraints import _base as constraints
from counterpoise.errors import ModelError, SchemaError
from counterpoise.models import _backbone as backbones
from counterpoise.persistence._selection import ESTIMATORS
from counterpoise.recipes import Recipe

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
    return {**ESTIMATORS, "Recipe": Recipe, **models, **constraints._CONSTRAINTS}


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
