"""Ugly tables: what a column may hold, how it may be called, and what is said of it."""

import datetime as dt
import warnings

import numpy as np
import pandas as pd
import pytest

from benchmarks._samplers import make_sampler
from counterpoise.constraints import Range
from tests.small_models import QUICK, mixed_frame

pytestmark = [
    pytest.mark.usefixtures("small_compact"),
    pytest.mark.filterwarnings("ignore:class .* too few to hold any out"),
]

N = 48
Y = pd.Series(["no", "no", "yes"] * (N // 3), name="left")
RNG = np.random.default_rng(0)


def resample(X, y=Y, **options):
    """Return the sampler and the synthetic rows, after a look at the real ones."""
    sampler = make_sampler(**{**QUICK, **options})
    X_resampled, y_resampled = sampler.fit_resample(X, y)
    pd.testing.assert_frame_equal(X_resampled.iloc[: len(X)], X)
    assert y_resampled.iloc[: len(X)].equals(y)
    assert y_resampled.value_counts().nunique() == 1
    return sampler, X_resampled.iloc[len(X) :]


COLUMNS = {
    "booleans": RNG.random(N) < 0.5,
    "nullable booleans": pd.array([True, False, None] * 16, dtype="boolean"),
    "booleans of Arrow": pd.array([True, False, None] * 16, dtype="bool[pyarrow]"),
    "nullable integers": pd.array([1, 2, None] * 16, dtype="Int16"),
    "integers beyond 2**53": RNG.integers(2**53, 2**62, N),
    "nullable long integers": pd.array([2**60 + 1, 2**60 + 3, None] * 16, dtype="Int64"),
    "floats with NaN": np.where(RNG.random(N) < 0.3, np.nan, RNG.normal(size=N).round(2)),
    "float32": RNG.normal(size=N).astype(np.float32),
    "objects with None": np.array(["a", "b", None] * 16, dtype=object),
    "objects with NA": np.array(["a", "b", pd.NA] * 16, dtype=object),
    "strings": pd.array(["a", "b", None] * 16, dtype="str"),
    "nullable strings": pd.array(["a", "b", pd.NA] * 16, dtype="string"),
    "strings of Arrow": pd.array(["a", "b", None] * 16, dtype="string[pyarrow]"),
    "instants": pd.to_datetime(RNG.integers(0, 10**9, N), unit="s"),
    "instants with NaT": pd.to_datetime(["2020-01-01", None, "2021-06-07"] * 16),
    "instants of a zone": pd.date_range("2020-03-28", periods=N, freq="h", tz="Europe/Rome"),
    "nanoseconds": pd.to_datetime(RNG.integers(0, 10**18, N), unit="ns"),
    "dates": [dt.date(2020, 1, 1) + dt.timedelta(int(day)) for day in range(N)],
    "durations": pd.to_timedelta(RNG.integers(0, 10**5, N), unit="s"),
    "periods": pd.period_range("2020-01", periods=3, freq="M").repeat(16),
    "a constant": ["always"] * N,
    "a constant with gaps": ["always", None, "always"] * 16,
    "a constant number": [3.5] * N,
    "ordered": pd.Categorical(
        ["low", "high", None] * 16, categories=["low", "mid", "high", "never"], ordered=True
    ),
    "unused categories": pd.Categorical(["b", "a", "b"] * 16, categories=[*"dcba"]),
    "categories of numbers": pd.Categorical([3, 1, 2] * 16),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_every_kind_of_column(name):
    X = pd.DataFrame({"x": COLUMNS[name], "other": np.arange(N) % 5})
    _, made = resample(X)
    assert made["x"].dtype == X["x"].dtype
    real, cells = X["x"].dropna(), made["x"].dropna()
    assert cells.isna().sum() <= len(made) * X["x"].isna().any()
    assert {type(cell) for cell in cells} <= {type(cell) for cell in real}
    if name in ("periods", "ordered") or real.dtype.kind not in "iufmM":
        if name != "dates":
            assert set(cells) <= set(real)
    else:
        assert real.min() <= cells.min() <= cells.max() <= real.max()
    if isinstance(X["x"].dtype, pd.CategoricalDtype):
        assert list(made["x"].cat.categories) == list(X["x"].cat.categories)


def test_where_cells_are_missing_is_learned():
    """A column is missing exactly where another says so; that is kept by more than chance.

    By chance a pair agrees in half of the rows: 45 or more of 60 in 1 of 10,000 runs. The model
    here is the real compact one, trained at length.
    """
    X = pd.DataFrame({"known": ["yes", "no"] * 90})
    X["value"] = np.where(X["known"] == "yes", 1.5, np.nan)
    y = pd.Series((["a"] * 4 + ["b"] * 2) * 30)
    _, made = resample(X, y, epochs=20, condition="label", learning_rate=0.02)
    assert ((made["known"] == "yes") == made["value"].notna()).sum() >= 45


@pytest.mark.parametrize("serialization", ["table", "text"])
def test_hostile_names(serialization):
    names = ["a, b", "age is 3", 'say "x"', "two\nlines", "\U0001f600", "12", " ", "", "class"]
    X = pd.DataFrame({name: np.arange(N) % (3 + at) for at, name in enumerate(names)})
    _, made = resample(X, serialization=serialization)
    assert list(made.columns) == names


@pytest.mark.parametrize(
    "names",
    [
        [0, 1, 2],
        [1, "a", None],
        [("a", 1), ("a", 2), ("b", 1)],
        [pd.Timestamp("2020"), dt.date(2021, 1, 1), 2.5],
    ],
    ids=["integers", "mixed", "tuples", "dates"],
)
def test_names_that_are_no_strings(names):
    X = pd.DataFrame({at: np.arange(N) % 4 for at in range(3)})
    X.columns = pd.Index(names, tupleize_cols=False)
    sampler, made = resample(X)
    assert list(made.columns) == names
    assert sampler.n_features_in_ == 3
    X.columns = pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)])
    _, made = resample(X)
    pd.testing.assert_index_equal(made.columns, X.columns)


def test_a_thousand_categories():
    categories = [f"c{i}" for i in range(1000)]
    X = pd.DataFrame({"c": categories + categories[::-1], "a": range(2000)})
    y = pd.Series(([0] * 9 + [1]) * 200)
    sampler, made = resample(X, y, interpolation=None, max_samples_seen=64)
    assert len(sampler.schema_[0].categories) == 1000
    assert set(made["c"]) <= set(categories)


def test_two_hundred_columns():
    X = pd.DataFrame({f"column {i}": np.arange(N) % (2 + i % 9) for i in range(150)})
    X = X.join(pd.DataFrame({f"text {i}": ["a", "b", None] * 16 for i in range(50)}))
    _, made = resample(X, max_samples_seen=64)
    assert made.shape == (16, 200)


def test_free_text_is_the_kind_that_is_not_enumerable():
    X = pd.DataFrame(
        {"note": [f"note {i} of {N}, with {'many ' * (i % 4)}words" for i in range(N)]}
    )
    X = pd.concat([X, X.add_suffix("!")], ignore_index=True)
    X["note"] = X["note"].fillna(X.pop("note!"))
    X.loc[5, "note"] = None
    sampler, made = resample(X, pd.concat([Y, Y], ignore_index=True), column_types={"note": "text"})
    assert sampler.schema_[0].kind == "text"
    lengths, real = made["note"].str.len(), X["note"].str.len()
    assert lengths.min() >= real.min()
    assert lengths.max() <= real.max()
    assert not made["note"].dropna().isin(X["note"]).all()


@pytest.mark.parametrize(
    ("column", "fate"),
    [
        ([f"id{i}" for i in range(100)], "new texts"),
        ([f"id{i}" for i in range(40)], "the values of real rows"),
        (np.arange(100)[::-1] * 7, "any values in its range"),
    ],
    ids=["text", "categories", "numbers"],
)
def test_identifiers_are_reported_with_what_happens_to_them(column, fate):
    X = pd.DataFrame({"id": column, "a": 1})
    y = pd.Series(["no", "no", "no", "yes"] * (len(column) // 4))
    with pytest.warns(UserWarning, match=f"column 'id' has another value in every row.*{fate}"):
        resample(X, y, max_samples_seen=64, id_columns=None)


def test_measurements_and_free_text_are_no_identifiers():
    X = pd.DataFrame(
        {
            "weight": np.arange(120) / 7,
            "note": [f"the note of visit {i}" for i in range(120)],
            "age": np.arange(120) % 60,
            "day": pd.date_range("2020", periods=120),
        }
    )
    y = pd.Series(["no", "no", "yes"] * 40)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        resample(X, y, max_samples_seen=64)


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("auto", [30, 30, 30]),
        ("not majority", [30, 30, 30]),
        ("minority", [30, 12, 30]),
        ("all", [30, 30, 30]),
        ("not minority", [30, 30, 6]),
        ({1: 14, 2: 9}, [30, 14, 9]),
        (lambda y: {2: int((np.asarray(y) == 0).sum()) - 5}, [30, 12, 25]),
    ],
    ids=["auto", "not majority", "minority", "all", "not minority", "dict", "callable"],
)
def test_strategies_and_one_model_for_all_classes(strategy, expected):
    X = pd.DataFrame({"a": np.arange(48) % 7, "b": ["x", "y", "z"] * 16})
    y = pd.Series(RNG.permutation([0] * 30 + [1] * 12 + [2] * 6))
    sampler = make_sampler(**QUICK, sampling_strategy=strategy)
    X_resampled, y_resampled = sampler.fit_resample(X, y)
    pd.testing.assert_frame_equal(X_resampled.iloc[:48], X)
    pd.testing.assert_series_equal(y_resampled.iloc[:48], y)
    assert np.bincount(y_resampled).tolist() == expected
    assert set(sampler.rejection_stats_) == {
        label for label in range(3) if np.bincount(y)[label] < expected[label]
    }


def test_a_share_of_the_majority():
    X = pd.DataFrame({"a": np.arange(N) % 7})
    _, y_resampled = make_sampler(**QUICK, sampling_strategy=0.75).fit_resample(X, Y)
    assert y_resampled.value_counts().to_dict() == {"no": 32, "yes": 24}
    with pytest.raises(ValueError, match=r"float|multi-class"):
        make_sampler(**QUICK, sampling_strategy=0.75).fit_resample(X, np.arange(N) % 3)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("interpolation", ["smotenc", None])
@pytest.mark.parametrize("n_rows", [2, 3, 5, 6, 12, 19, 20])
def test_tiny_classes_work_and_say_what_they_cannot_promise(n_rows, interpolation):
    X = pd.DataFrame({"a": np.arange(N) % 7, "b": ["x", "y", "z"] * 16})
    y = pd.Series(np.where(np.arange(N) < n_rows, "rare", "common"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        X_resampled, _ = make_sampler(**QUICK, interpolation=interpolation).fit_resample(X, y)
    said = [str(warning.message) for warning in caught if "rows: too few" in str(warning.message)]
    assert len(X_resampled) == 2 * (N - n_rows) or n_rows > N / 2
    assert len(said) == (n_rows < 20)
    assert all(f"class 'rare' has {n_rows} rows" in text for text in said)
    is_repeated = interpolation is not None and n_rows <= 5
    assert all(("repeated, not interpolated" in text) == is_repeated for text in said)


def test_a_class_of_one_row_is_an_error():
    X = pd.DataFrame({"a": np.arange(N) % 7})
    y = np.where(np.arange(N) < 1, "rare", "common")
    with pytest.raises(ValueError, match="class 'rare' has 1 row; at least 2"):
        make_sampler(**QUICK).fit_resample(X, y)


@pytest.mark.parametrize("recipe", ["counterpoise", "imbllm", "great"])
def test_column_that_is_missing_in_every_row_stays_so(recipe):
    X, y = mixed_frame(60)
    X = X.assign(empty=np.nan, nothing=pd.Series([None] * 60, dtype=object))
    sampler = make_sampler(**{**QUICK, "recipe": recipe, "column_types": {"empty": "decimal"}})
    X_resampled, _ = sampler.fit_resample(X, y)
    made = X_resampled.iloc[60:]
    assert len(made) == 36
    assert made[["empty", "nothing"]].isna().all(axis=None)
    assert X_resampled.dtypes.equals(X.dtypes)
    assert made[["age", "member"]].notna().all(axis=None)


def test_constraints_on_a_column_that_is_missing_in_every_row():
    X, y = mixed_frame(60)
    sampler = make_sampler(**QUICK, constraints=[Range("empty", 0, 9)])
    made = sampler.fit_resample(X.assign(empty=np.nan), y)[0].iloc[60:]
    assert made["empty"].isna().all()
