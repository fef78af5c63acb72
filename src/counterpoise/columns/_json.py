"""One Python value as JSON and back, with its type: names, categories and time zones.

Reading never executes anything: a tag chooses one of the constructors written here.
"""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Hashable
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from counterpoise.columns._cells import Dtype
from counterpoise.errors import SchemaError


def is_supported(value: object) -> bool:
    """Whether a value of this type can be a category or a name."""
    return isinstance(value, (np.number, np.bool_, np.str_)) or type(value) in _SUPPORTED


def tag_value(value: object) -> dict[str, Any]:
    """Describe a value as ``{type: content}``, with JSON types only.

    Examples
    --------
    >>> tag_value(1), tag_value("1"), tag_value(True)
    ({'int': 1}, {'str': '1'}, {'bool': True})
    >>> untag_value(tag_value(("a", 0.1)))
    ('a', 0.1)
    """
    match value:
        case None:
            return {"none": None}
        case pd.Timestamp():
            instant = int(value.to_datetime64().astype(np.int64))
            return {"timestamp": [instant, value.unit, tag_zone(value.tz)]}
        case pd.Timedelta():
            return {"timedelta": [int(value.to_timedelta64().astype(np.int64)), value.unit]}
        case pd.Interval():
            return {"interval": [tag_value(value.left), tag_value(value.right), value.closed]}
        case pd.Period():
            return {"period": [value.ordinal, value.freqstr]}
        case np.number() | np.bool_() | np.str_():
            return {"numpy": [value.dtype.str, tag_value(value.item())]}
    kind = type(value)
    if kind is str or kind is bool or kind is int:
        return {kind.__name__: value}
    if kind is float:
        return {"float": repr(value)}  # JSON has no infinity
    if isinstance(value, tuple) and kind is tuple:
        return {"tuple": [tag_value(item) for item in value]}
    if isinstance(value, bytes) and kind is bytes:
        return {"bytes": value.hex()}
    if isinstance(value, decimal.Decimal):
        return {"number": str(value)}
    return _tag_time(value)


def _tag_time(value: object) -> dict[str, Any]:
    match value:
        case datetime.datetime():
            naive = value.replace(tzinfo=None, fold=0).isoformat()
            return {"datetime": [naive, value.fold, tag_zone(value.tzinfo)]}
        case datetime.date():
            return {"date": value.isoformat()}
        case datetime.time(tzinfo=None):
            return {"time": value.isoformat()}
        case datetime.timedelta():
            return {"duration": [value.days, value.seconds, value.microseconds]}
    raise SchemaError(
        f"{value!r} is a {type(value).__name__}, which cannot be stored in a schema. "
        "Convert it to a string, a number or a date.",
        value=value,
    )


def untag_value(tagged: Any) -> Hashable:
    """Read what `tag_value` wrote; malformed input raises ValueError, TypeError or KeyError."""
    ((tag, content),) = tagged.items()
    if tag in ("str", "bool", "int"):
        if type(content).__name__ != tag:
            raise TypeError(f"expected a {tag}, got {content!r}")
        return content  # type: ignore[no-any-return]
    return _READERS[tag](content)  # type: ignore[no-any-return]


def tag_zone(zone: datetime.tzinfo | None) -> dict[str, Any] | None:
    """Describe a time zone by its name, or by its fixed offset in seconds."""
    if zone is None:
        return None
    if isinstance(zone, ZoneInfo) and zone.key is not None:
        return {"name": zone.key}
    if isinstance(name := getattr(zone, "zone", None), str):
        return {"pytz": name}  # before version 3, pandas made zones with pytz
    offset = zone.utcoffset(None)
    if offset is None:
        raise SchemaError(
            f"Time zone {zone!r} has no name that could be stored. "
            "Convert it with `tz_convert` to a zone of the zoneinfo module."
        )
    return {"offset_s": int(offset.total_seconds())}


def untag_zone(tagged: Any) -> datetime.tzinfo | None:
    """Read what `tag_zone` wrote."""
    if tagged is None:
        return None
    if "offset_s" in tagged:
        offset = datetime.timedelta(seconds=int(tagged["offset_s"]))
        return datetime.UTC if not offset else datetime.timezone(offset)
    if "pytz" in tagged:
        return pd.DatetimeTZDtype("ns", str(tagged["pytz"])).tz
    return ZoneInfo(str(tagged["name"]))


def _read_timestamp(content: Any) -> pd.Timestamp:
    instant, unit, zone = content
    moment = pd.Timestamp(np.datetime64(int(instant), unit))
    return moment if zone is None else moment.tz_localize("UTC").tz_convert(untag_zone(zone))


def _read_timedelta(content: Any) -> pd.Timedelta:
    length, unit = content
    return pd.Timedelta(np.timedelta64(int(length), unit))


def _read_interval(content: Any) -> pd.Interval[Any]:
    left, right, closed = content
    low: Any = untag_value(left)
    high: Any = untag_value(right)
    return pd.Interval(low, high, closed=closed)


def _read_datetime(content: Any) -> datetime.datetime:
    text, fold, zone = content
    return datetime.datetime.fromisoformat(text).replace(fold=fold, tzinfo=untag_zone(zone))


def _read_numpy(content: Any) -> np.generic:
    dtype, item = content
    number = np.dtype(str(dtype)).type(untag_value(item))
    if not isinstance(number, (np.number, np.bool_, np.str_)):
        raise TypeError(f"{dtype} is no numpy number")
    return number


def _read_none(content: Any) -> None:
    if content is not None:
        raise TypeError(f"expected nothing, got {content!r}")


def _read_float(content: Any) -> float:
    if type(content) is not str:
        raise TypeError(f"expected a number as text, got {content!r}")
    return float(content)


_READERS: dict[str, Any] = {
    "none": _read_none,
    "float": _read_float,
    "tuple": lambda content: tuple(untag_value(item) for item in content),
    "bytes": lambda content: bytes.fromhex(content),
    "number": lambda content: decimal.Decimal(str(content)),
    "date": lambda content: datetime.date.fromisoformat(content),
    "time": lambda content: datetime.time.fromisoformat(content),
    "duration": lambda content: datetime.timedelta(*map(int, content)),
    "datetime": _read_datetime,
    "timestamp": _read_timestamp,
    "timedelta": _read_timedelta,
    "period": lambda content: pd.Period(ordinal=int(content[0]), freq=str(content[1])),
    "interval": _read_interval,
    "numpy": _read_numpy,
}

_SUPPORTED: frozenset[type] = frozenset(
    {
        *(str, bool, int, float, tuple, bytes, decimal.Decimal, type(None)),
        *(datetime.datetime, datetime.date, datetime.time, datetime.timedelta),
        *(pd.Timestamp, pd.Timedelta, pd.Interval, pd.Period),
    }
)


# A pandas dtype as JSON and back.


def tag_dtype(dtype: Dtype) -> dict[str, Any]:
    """Describe a dtype, with JSON types only, well enough to make it again.

    Examples
    --------
    >>> tag_dtype(np.dtype("int64"))
    {'numpy': '<i8'}
    """
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
    if _named(name) != dtype:
        raise SchemaError(f"Dtype {name} cannot be stored in a schema. Convert it with `astype`.")
    return {"name": name}


def untag_dtype(tagged: Any) -> Dtype:
    """Read what `tag_dtype` wrote; malformed input raises ValueError, TypeError or KeyError."""
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
        return _string_dtype(tagged["storage"], tagged["missing"])
    named = _named(str(tagged["name"]))
    if named is None:
        raise TypeError(f"unknown dtype {tagged['name']!r}")
    return named


def _named(name: str) -> Dtype | None:
    try:
        return pd.api.types.pandas_dtype(name)
    except (TypeError, NotImplementedError):
        return None


def _string_dtype(storage: Any, missing: str) -> pd.StringDtype:
    # pandas 2.2 has no `na_value`: there, the storage alone says what a missing cell is.
    if missing == "na" or storage == "pyarrow_numpy":
        return pd.StringDtype(storage)
    return pd.StringDtype(storage, na_value=np.nan)
