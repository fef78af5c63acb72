from __future__ import annotations

import datetime
import decimal
import json
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from counterpoise.columns._json import is_supported, tag_value, untag_value
from counterpoise.errors import SchemaError

PARIS = ZoneInfo("Europe/Paris")
OFFSET = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
VALUES: list[Any] = [
    *(None, True, False, 1, 2**70, 0, 1.0, -0.0, 0.1, 1e300, float("inf"), "", "1", "é😀\n\ud800"),
    *(b"", b"\x00\xff", (), (1, ("1", None)), decimal.Decimal("1.10")),
    *(datetime.date(1, 1, 1), datetime.time(1, 2, 3, 4), datetime.timedelta(-1, 2, 3)),
    datetime.datetime(2020, 1, 2, 3, 4, 5, 6),
    datetime.datetime(2020, 10, 25, 2, 30, tzinfo=PARIS, fold=1),
    datetime.datetime(2020, 1, 1, tzinfo=OFFSET),
    pd.Timestamp("2020-01-01 00:00:00.123456789"),
    pd.Timestamp("1500-01-01").as_unit("s"),
    pd.Timestamp("2020-10-25 00:30", tz="UTC").tz_convert("Europe/Paris"),
    pd.Timestamp("2020-10-25 01:30", tz="UTC").tz_convert("Europe/Paris"),
    pd.Timestamp("2020-01-01", tz=OFFSET),
    pd.Timedelta("-1 days 3ns"),
    pd.Interval(0, 1, closed="left"),
    pd.Interval(pd.Timestamp("2020-01-01"), pd.Timestamp("2021-01-01"), closed="both"),
    pd.Period("2020Q3", freq="Q"),
    *(np.int8(3), np.float32(0.1), np.bool_(True), np.str_("a")),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_come_back_with_their_type(value: Any) -> None:
    assert is_supported(value)
    restored: Any = untag_value(json.loads(json.dumps(tag_value(value), allow_nan=False)))
    assert type(restored) is type(value)
    assert restored == value
    assert repr(restored) == repr(value)
    if isinstance(value, pd.Timestamp):
        assert restored.unit == value.unit


def test_other_types_are_rejected() -> None:
    assert not is_supported(object())
    with pytest.raises(SchemaError, match="cannot be stored"):
        tag_value(object())


@pytest.mark.parametrize(
    "tagged",
    [
        {"int": "1"},
        {"int": True},
        {"str": 1},
        {"bool": 1},
        {"eval": "1"},
        {"int": 1, "str": "1"},
        {},
        [],
        None,
        {"date": "tomorrow"},
        {"timestamp": [1]},
        {"numpy": ["O", {"int": 1}]},
        {"numpy": ["<M8[ns]", {"int": 1}]},
        {"datetime": ["2020-01-01", 0, {"name": "No/Where"}]},
    ],
)
def test_malformed_descriptions_are_rejected(tagged: Any) -> None:
    with pytest.raises((TypeError, ValueError, LookupError, AttributeError)):
        untag_value(tagged)
