"""Whole random tables, as ugly as tables are, for hypothesis."""

from __future__ import annotations

import datetime as dt
import string
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

HOSTILE_NAMES = [
    "a, b",
    "age is 3",
    'say "x"',
    "it's",
    "two\nlines",
    "tab\there",
    "\U0001f600",
    "12",
    " spaced ",
    "",
    "missing",
    "class",
    "label is yes, a",
    "\\",
    "naïve Straße",
    "中文",
    "x" * 60,
    0,
    7,
    -1,
    1.5,
    None,
    ("a", "b"),
    dt.date(2020, 1, 1),
    pd.Timestamp("2021-05-06"),
    True,
]
WORDS = ["red", "a, b", 'say "x"', "is", "missing", "1", "01", "", " x", "\U0001f600", "two\nlines"]


@dataclass
class AnyTable:
    """A table, its target and what the sampler is told."""

    X: pd.DataFrame
    y: Any
    options: dict[str, Any]

    def __repr__(self) -> str:  # what hypothesis prints of a failure
        dtypes = {name: str(kind) for name, kind in self.X.dtypes.items()}
        counts = pd.Series(np.asarray(self.y, dtype=object)).value_counts().to_dict()
        return f"AnyTable({dtypes}, {counts}, {self.options})\n{self.X.head(8)}"


def _integers(rng, n):
    return rng.integers(-3, rng.choice([2, 10, 1000]), n)


def _long_integers(rng, n):
    return rng.integers(2**53 - 5, 2**60, n)


def _small_integers(rng, n):
    return rng.integers(0, 200, n).astype(rng.choice([np.uint8, np.int16, np.uint32]))


def _decimals(rng, n):
    return np.round(rng.normal(0, 10 ** float(rng.integers(-3, 6)), n), int(rng.integers(0, 5)))


def _floats(rng, n):
    return rng.normal(0, 1, n).astype(rng.choice([np.float32, np.float64]))


def _booleans(rng, n):
    return rng.random(n) < 0.5


def _categories(rng, n):
    return pd.Series(rng.choice(WORDS[: int(rng.integers(1, len(WORDS) + 1))], n))


def _categorical(rng, n):
    dtype = pd.CategoricalDtype([*"abcdefgh"], ordered=bool(rng.random() < 0.5))
    return pd.Categorical(rng.choice([*"abcd"], n), dtype=dtype)


def _numbered_categories(rng, n):
    return pd.Categorical(rng.integers(0, 3, n))


def _moments(rng, n):
    seconds = rng.integers(-(10**9), 2 * 10**9, n)
    unit = rng.choice(["s", "ms", "us", "ns"])
    moments = pd.Series(pd.to_datetime(seconds, unit="s").as_unit(str(unit)))
    if rng.random() < 0.4:
        zone = str(rng.choice(["UTC", "Europe/Rome", "Asia/Kolkata"]))
        moments = moments.dt.tz_localize("UTC").dt.tz_convert(zone)
    return moments


def _days(rng, n):
    return pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 400, n), "D")


def _dates(rng, n):
    return pd.Series(
        [dt.date(2020, 1, 1) + dt.timedelta(int(days)) for days in rng.integers(0, 400, n)],
        dtype=object,
    )


def _durations(rng, n):
    return pd.to_timedelta(rng.integers(0, 10**5, n), "s")


def _constant(rng, n):
    return [[1, "x", 2.5, True, pd.Timestamp("2020")][int(rng.integers(5))]] * n


def _identifiers(rng, n):
    return [f"id-{number:05d}" for number in rng.permutation(n)]


def _texts(rng, n):
    letters = np.array([*string.ascii_letters, " ", " ", " ", ",", "é"])
    return ["".join(rng.choice(letters, int(rng.integers(0, 30)))) for _ in range(n)]


def _mixed_objects(rng, n):
    pool = [1, 1.0, True, "1", "x", 2**70, (1, 2), b"b"]
    cells = np.empty(n, dtype=object)
    cells[:] = [pool[int(at)] for at in rng.integers(0, len(pool), n)]
    return cells


def _python_integers(rng, n):
    return np.array([int(value) for value in rng.integers(0, 50, n)], dtype=object)


def _numerals(rng, n):
    return [str(value) for value in rng.integers(0, 99, n)]


KINDS = [
    _integers,
    _long_integers,
    _small_integers,
    _decimals,
    _floats,
    _booleans,
    _categories,
    _categorical,
    _numbered_categories,
    _moments,
    _days,
    _dates,
    _durations,
    _constant,
    _identifiers,
    _texts,
    _mixed_objects,
    _python_integers,
    _numerals,
]


def _column(kind, missing, backend, seed, n):
    rng = np.random.default_rng(seed)
    series = pd.Series(kind(rng, n)).reset_index(drop=True)
    if missing:
        gaps = rng.random(n) < missing
        if series.dtype.kind in "iub" and isinstance(series.dtype, np.dtype):
            series = series.astype(object if series.dtype.kind == "b" else "float64")
            if rng.random() < 0.5:
                series = series.convert_dtypes()
        series[gaps] = None if series.dtype == object and rng.random() < 0.5 else np.nan
    if backend is not None and series.dtype != object:
        series = series.convert_dtypes(dtype_backend=backend)
    return series


@st.composite
def any_tables(draw: Any) -> AnyTable:
    """Draw a table of 2 to 200 rows and 2 to 5 classes."""
    n = draw(st.one_of(st.integers(2, 12), st.integers(2, 60), st.integers(2, 200)))
    names = draw(
        st.lists(
            st.one_of(st.sampled_from(HOSTILE_NAMES), st.text(max_size=8)),
            min_size=1,
            max_size=5,
            unique_by=lambda name: (hash(name), str(name)),
        )
    )
    frame = {}
    for at in range(len(names)):
        frame[at] = _column(
            draw(st.sampled_from(KINDS)),
            draw(st.sampled_from([0, 0, 0, 0.1, 0.5, 0.9])),
            draw(st.sampled_from([None, None, "numpy_nullable", "pyarrow"])),
            draw(st.integers(0, 2**20)),
            n,
        )
    X = pd.DataFrame(frame)
    X.columns = pd.Index(names, dtype=object, tupleize_cols=False)
    return AnyTable(X, draw(_targets(n)), draw(_options(names)))


@st.composite
def _targets(draw: Any, n: int) -> Any:
    classes = draw(
        st.sampled_from(
            [
                ["no", "yes"],
                ["b, c", "a is b", 'x "y"', "missing", ""],
                [0, 1],
                [3, 1, 2, -7, 2**60],
                [True, False],
                [0.0, 1.0, 2.0],
            ]
        )
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    weights = rng.dirichlet(np.full(len(classes), 2.0))
    which = rng.choice(len(classes), n, p=weights)
    if n >= 2 * len(classes) and draw(st.integers(0, 9)):  # two rows of each class, nearly always
        which[: 2 * len(classes)] = np.repeat(np.arange(len(classes)), 2)
        which = rng.permutation(which)
    chosen = [classes[int(at)] for at in which]
    kinds = {
        "list": lambda: chosen,
        "array": lambda: np.array(chosen),
        "series": lambda: pd.Series(chosen, name="target"),
        "category": lambda: pd.Series(chosen, dtype=pd.CategoricalDtype(classes)),
        "nullable": lambda: pd.Series(chosen).convert_dtypes(),
        "arrow": lambda: pd.Series(chosen).convert_dtypes(dtype_backend="pyarrow"),
    }
    return kinds[draw(st.sampled_from(sorted(kinds)))]()


@st.composite
def _options(draw: Any, names: list[Any]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    choices: dict[str, list[Any]] = {
        "interpolation": [None],
        "permutation": ["none", "all"],
        "condition": ["label"],
        "train_on": ["all"],
        "temperature": [0.5, 3.0],
        "top_p": [0.5],
        "range_margin": [0.2],
        "allow_copies": [False],
        "sampling_strategy": ["minority", "all", "not minority"],
        "validation_fraction": [0.3],
    }
    for name, values in choices.items():
        if draw(st.integers(0, 4)) == 0:
            options[name] = draw(st.sampled_from(values))
    if len(names) > 2 and draw(st.integers(0, 3)) == 0:
        options["fixed_combinations"] = [tuple(names[:2])]
    return options
