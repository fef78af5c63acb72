"""Names, categories and dtypes as JSON and back: a tag chooses a constructor written here."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable, Hashable
from typing import Any, TypeAlias, cast
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionDtype

from counterpoise.errors import SchemaError

Dtype: TypeAlias = np.dtype[Any] | ExtensionDtype  # a dtype that a pandas column can have
_NUMPY = (np.number, np.bool_, np.str_)


def is_supported(value: object) -> bool:
    """Whether a value of this type can be a category or a name."""
    return isinstance(value, _NUMPY) or type(value) in _TAGS


def tag_value(value: object) -> dict[str, Any]:
    """Describe a value as ``{type: content}``, such as ``{'int': 1}``, with JSON types only."""
    if isinstance(value, _NUMPY):
        return {"numpy": [value.dtype.str, tag_value(value.item())]}
    if type(value) not in _TAGS:
        raise SchemaError(
            f"{value!r} is a {type(value).__name__}, which cannot be stored in a schema. "
            "Convert it to a string, a number or a date.",
            value=value,
        )
    tag = _TAGS[type(value)]
    return {tag: value if tag in _PLAIN else _CODECS[tag][1](value)}


def untag_value(tagged: Any) -> Hashable:
    """Read what `tag_value` returned; malformed input raises ValueError, TypeError or KeyError."""
    ((tag, content),) = tagged.items()
    if tag in _PLAIN:
        if type(content) is not _PLAIN[tag]:
            raise TypeError(f"expected {_PLAIN[tag].__name__}, got {content!r}")
        return content
    read = _read_numpy if tag == "numpy" else _CODECS[tag][2]
    return read(content)


def _read_numpy(content: Any) -> np.generic:
    dtype, item = content
    number = np.dtype(str(dtype)).type(untag_value(item))
    if not isinstance(number, _NUMPY):
        raise TypeError(f"{dtype} is no numpy number")
    return number


def _read_timestamp(content: Any) -> pd.Timestamp:
    instant, unit, zone = content
    moment = pd.Timestamp(np.datetime64(int(instant), unit))
    return moment if zone is None else moment.tz_localize("UTC").tz_convert(untag_zone(zone))


def _read_datetime(content: Any) -> datetime.datetime:
    text, fold, zone = content
    return datetime.datetime.fromisoformat(text).replace(fold=fold, tzinfo=untag_zone(zone))


def _write_time(value: datetime.time) -> str:
    if value.tzinfo is not None:
        raise SchemaError(f"{value!r} has a time zone. Convert it to a string.", value=value)
    return value.isoformat()


_PLAIN: dict[str, type] = {"none": type(None), "str": str, "bool": bool, "int": int}
"""By tag: a type that JSON has."""

# by tag: a type, how its values become JSON, and how they are read
_CODECS: dict[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = {
    "float": (float, repr, float),  # JSON has no infinity
    "tuple": (tuple, lambda v: list(map(tag_value, v)), lambda c: tuple(map(untag_value, c))),
    "bytes": (bytes, bytes.hex, bytes.fromhex),
    "number": (decimal.Decimal, str, lambda c: decimal.Decimal(str(c))),
    "date": (datetime.date, datetime.date.isoformat, datetime.date.fromisoformat),
    "time": (datetime.time, _write_time, datetime.time.fromisoformat),
    "datetime": (
        datetime.datetime,
        lambda v: [v.replace(tzinfo=None, fold=0).isoformat(), v.fold, tag_zone(v.tzinfo)],
        _read_datetime,
    ),
    "duration": (
        datetime.timedelta,
        lambda v: [v.days, v.seconds, v.microseconds],
        lambda c: datetime.timedelta(*map(int, c)),
    ),
    "timestamp": (
        pd.Timestamp,
        lambda v: [int(v.to_datetime64().astype(np.int64)), v.unit, tag_zone(v.tz)],
        _read_timestamp,
    ),
    "timedelta": (
        pd.Timedelta,
        lambda v: [int(v.to_timedelta64().astype(np.int64)), v.unit],
        lambda c: pd.Timedelta(np.timedelta64(int(c[0]), c[1])),
    ),
    "period": (
        pd.Period,
        lambda v: [v.ordinal, v.freqstr],
        lambda c: pd.Period(ordinal=int(c[0]), freq=str(c[1])),
    ),
    "interval": (
        pd.Interval,
        lambda v: [tag_value(v.left), tag_value(v.right), v.closed],
        lambda c: pd.Interval(cast(Any, untag_value(c[0])), cast(Any, untag_value(c[1])), c[2]),
    ),
}
_ARROW_STRING = "string[pyarrow]"
_TAGS = {kind: tag for tag, kind in _PLAIN.items()}
_TAGS |= {kind: tag for tag, (kind, _, _) in _CODECS.items()}


def tag_zone(zone: datetime.tzinfo | None) -> dict[str, Any] | None:
    """Describe a time zone by its name, or by its fixed offset."""
    if zone is None:
        return None
    if isinstance(zone, ZoneInfo) and zone.key is not None:
        return {"name": zone.key}
    if isinstance(name := getattr(zone, "zone", None), str):
        return {"pytz": name}  # before version 3, pandas made zones with pytz
    if (offset := zone.utcoffset(None)) is None:
        raise SchemaError(
            f"Time zone {zone!r} has no name that could be stored. "
            "Convert it with `tz_convert` to a zone of the zoneinfo module."
        )
    return {"offset_s": int(offset.total_seconds())}


def untag_zone(tagged: Any) -> datetime.tzinfo | None:
    if tagged is None:
        return None
    if "offset_s" in tagged:
        offset = datetime.timedelta(seconds=int(tagged["offset_s"]))
        return datetime.UTC if not offset else datetime.timezone(offset)
    if "pytz" in tagged:
        return pd.DatetimeTZDtype("ns", str(tagged["pytz"])).tz
    return ZoneInfo(str(tagged["name"]))


def tag_dtype(dtype: Dtype) -> dict[str, Any]:
    """Describe a dtype with JSON types only, such as ``{"numpy": "<i8"}``."""
    if isinstance(dtype, np.dtype):
        return {"numpy": dtype.str}
    if isinstance(dtype, pd.CategoricalDtype):
        return {
            "categories": [tag_value(value) for value in dtype.categories.tolist()],
            "dtype": tag_dtype(dtype.categories.dtype),
            "ordered": bool(dtype.ordered),
        }
    if isinstance(dtype, pd.DatetimeTZDtype):
        return {"unit": dtype.unit, "zone": tag_zone(dtype.tz)}
    if isinstance(dtype, pd.StringDtype):
        missing = getattr(dtype, "na_value", pd.NA)
        return {"storage": dtype.storage, "missing": "na" if missing is pd.NA else "nan"}
    name = str(dtype)
    if isinstance(dtype, pd.ArrowDtype) and name == _ARROW_STRING:
        return {"arrow": name}  # a name that pandas reads as that of a StringDtype
    if isinstance(dtype, pd.SparseDtype):
        return {
            "sparse": tag_dtype(dtype.subtype),
            "fill": tag_value(np.asarray(dtype.fill_value).item()),
        }
    if _named(name) != dtype:
        raise SchemaError(f"Dtype {name} cannot be stored in a schema. Convert it with `astype`.")
    return {"name": name}


def untag_dtype(tagged: Any) -> Dtype:
    """Read what `tag_dtype` returned; errors as for `untag_value`."""
    if "numpy" in tagged:
        dtype = np.dtype(str(tagged["numpy"]))
        if dtype.kind not in "biufmMO":
            raise TypeError(f"{dtype} is no dtype of a pandas column")
        return dtype
    if "categories" in tagged:
        values = [untag_value(value) for value in tagged["categories"]]
        categories = pd.Index(values, dtype=untag_dtype(tagged["dtype"]), tupleize_cols=False)
        return pd.CategoricalDtype(categories, ordered=bool(tagged["ordered"]))
    if "unit" in tagged:
        return pd.DatetimeTZDtype(tagged["unit"], untag_zone(tagged["zone"]))
    if "storage" in tagged:
        # pandas 2.2 has no `na_value`: there, the storage alone says what a missing cell is.
        if tagged["missing"] == "na" or tagged["storage"] == "pyarrow_numpy":
            return pd.StringDtype(tagged["storage"])
        return pd.StringDtype(tagged["storage"], na_value=np.nan)
    if tagged.get("arrow") == _ARROW_STRING:
        import pyarrow as pa

        return pd.ArrowDtype(pa.string())
    if "sparse" in tagged:
        subtype: Any = untag_dtype(tagged["sparse"])
        fill: Any = untag_value(tagged["fill"])
        return cast(Dtype, pd.SparseDtype(subtype, fill))
    named = _named(str(tagged["name"]))
    if named is None:
        raise TypeError(f"unknown dtype {tagged['name']!r}")
    return named


def _named(name: str) -> Dtype | None:
    try:
        return pd.api.types.pandas_dtype(name)
    except (TypeError, NotImplementedError):
        return None
