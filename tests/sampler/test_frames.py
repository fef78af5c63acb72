"""What comes in comes out: frames, arrays, lists and targets of every kind."""

import datetime as dt

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from scipy import sparse

from benchmarks._samplers import make_sampler
from counterpoise.columns._frames import CallerType, as_frame, as_labels
from counterpoise.errors import SchemaError
from tests.small_models import QUICK, mixed_frame

pytestmark = [
    pytest.mark.usefixtures("small_compact"),
    pytest.mark.filterwarnings("ignore:class .* too few to hold any out"),
]


def resample(X, y, **options):
    return make_sampler(**{**QUICK, **options}).fit_resample(X, y)


LABELS = ["no", "no", "no", "yes"] * 6


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_nullable_and_arrow_dtypes(backend):
    X, y = mixed_frame(30)
    X["note"] = pd.Series(["a", None, "b"] * 10, dtype="string")
    X, y = X.convert_dtypes(dtype_backend=backend), y.convert_dtypes(dtype_backend=backend)
    X_resampled, y_resampled = resample(X, y)
    pd.testing.assert_frame_equal(X_resampled.iloc[:30], X)
    pd.testing.assert_series_equal(y_resampled.iloc[:30], y)
    assert y_resampled.value_counts().to_dict() == {"no": 24, "yes": 24}


def test_polars_in_polars_out():
    X = pl.DataFrame(
        {
            "whole": [1, None, 3, 2**60] * 6,
            "decimal": [1.5, float("nan"), None, 2.0] * 6,
            "text": ["a", None, "b", "a"] * 6,
            "category": pl.Series(["x", "y", None, "x"] * 6, dtype=pl.Categorical),
            "level": pl.Series(["lo", "hi", None, "lo"] * 6, dtype=pl.Enum(["lo", "mid", "hi"])),
            "flag": [True, None, False, True] * 6,
            "day": [dt.date(2020, 1, 1), None, dt.date(2020, 2, 1), dt.date(2021, 1, 1)] * 6,
            "moment": pl.Series(
                [dt.datetime(2020, 1, 1, 5), None, dt.datetime(2021, 1, 1), None] * 6
            ).dt.replace_time_zone("Europe/Rome"),
            "length": [dt.timedelta(1), None, dt.timedelta(2), None] * 6,
            "small": pl.Series([1, 2, 3, 4] * 6, dtype=pl.UInt8),
        }
    )
    y = pl.Series("left", LABELS, dtype=pl.Enum(["no", "yes"]))
    sampler = make_sampler(**QUICK)
    X_resampled, y_resampled = sampler.fit_resample(X, y)
    assert X_resampled.schema == X.schema
    assert X_resampled[:24].equals(X, null_equal=True)
    assert (y_resampled.dtype, y_resampled.name) == (y.dtype, "left")
    assert y_resampled.to_list() == LABELS + ["yes"] * 12
    more, labels = sampler.sample(3)
    assert (more.schema, labels.to_list()) == (X.schema, ["yes"] * 3)
    assert labels.dtype == y.dtype


def test_an_arrow_table_and_a_numpy_target():
    X = pa.table({"a": [1, 2, None, 4] * 6, "b": ["x", "y", "x", None] * 6})
    X_resampled, y_resampled = resample(X, np.array([0, 0, 0, 1] * 6, dtype=np.int8))
    assert X_resampled.schema == X.schema
    assert X_resampled.slice(0, 24).equals(X)
    assert (y_resampled.dtype, len(y_resampled)) == (np.int8, 36)


def test_what_narwhals_wraps_comes_back():
    X, y = mixed_frame(24)
    expected = resample(X, y)
    for target in (y, y.to_frame()):
        found = resample(nw.from_native(X), nw.from_native(target, allow_series=True))
        pd.testing.assert_frame_equal(found[0], expected[0])
        assert type(found[1]) is type(target)


def test_an_array_of_objects_keeps_its_objects():
    moment = pd.Timestamp("2020-01-01")
    X = np.array([[1, "a", None, True, moment], [2, None, 2.5, False, pd.NaT]] * 12, dtype=object)
    X_resampled, _ = resample(X, LABELS)
    assert X_resampled.dtype == object
    assert all(one is other for one, other in zip(X.flat, X_resampled[:24].flat, strict=True))
    for row in X_resampled[24:]:
        assert [type(cell) for cell in row[[0, 3]]] == [int, bool]
        assert row[1] is None or row[1] == "a"
        assert row[2] is None or row[2] == 2.5
        assert row[4] is pd.NaT or row[4] == moment


def test_lists_of_rows():
    X = [[i, i / 4, "ab"[i % 2], None if i % 3 else "c"] for i in range(24)]
    X_resampled, y_resampled = resample(X, LABELS)
    assert X_resampled[:24] == X
    assert {tuple(map(type, row[:3])) for row in X_resampled} == {(int, float, str)}
    assert y_resampled == LABELS + ["yes"] * 12


@pytest.mark.parametrize(
    "y",
    [
        np.array(LABELS),
        np.array(LABELS, dtype=object),
        pd.Series(LABELS),
        pd.Series(LABELS, dtype="string"),
        pd.Series(LABELS, dtype=pd.CategoricalDtype(["yes", "unused", "no"], ordered=True)),
        pd.Series([0, 0, 0, 1] * 6, dtype="Int8"),
        pd.Series([7, 7, 7, 9] * 6, dtype="category"),
        pd.Series([0, 0, 0, 1] * 6, dtype=object),
        pd.Series([False, False, False, True] * 6, dtype="boolean"),
        pd.Series([0.0, 0.0, 0.0, 1.0] * 6),
        np.array([0, 0, 0, 1] * 6, dtype=np.uint8),
        np.array([0, 0, 0, 1] * 6, dtype=object),
        [False, False, False, True] * 6,
        [0, 0, 0, 1] * 6,
        tuple(LABELS),
    ],
    ids=lambda y: f"{type(y).__name__}-{getattr(y, 'dtype', type(y[0]).__name__)}",
)
def test_targets(y):
    X = pd.DataFrame({"a": range(24)})
    sampler = make_sampler(**QUICK)
    _, resampled = sampler.fit_resample(X, y)
    _, more = sampler.sample(2)
    assert isinstance(resampled, list if isinstance(y, tuple) else type(y))
    assert list(resampled[:24]) == list(y)
    assert list(resampled[24:]) == [list(y)[-1]] * 12
    assert list(more) == [list(y)[-1]] * 2
    if hasattr(y, "dtype"):
        assert resampled.dtype == more.dtype == y.dtype
    else:
        assert {type(label) for label in [*resampled, *more]} == {type(y[0])}


@pytest.mark.parametrize("dtype", ["object", "string", "category"])
def test_a_target_in_a_frame_keeps_its_type_and_follows_the_index(dtype):
    index = pd.Index([*range(1000, 1024)][::-1])
    X = pd.DataFrame({"a": range(24)}, index=index)
    y = pd.Series(LABELS, name="churn", dtype=dtype, index=index).to_frame()
    sampler = make_sampler(**QUICK)
    X_resampled, y_resampled = sampler.fit_resample(X, y)
    pd.testing.assert_frame_equal(y_resampled.iloc[:24], y)
    pd.testing.assert_index_equal(y_resampled.index, X_resampled.index)
    assert y_resampled["churn"].iloc[24:].tolist() == ["yes"] * 12
    _, more = sampler.sample(2)
    pd.testing.assert_frame_equal(more, y[y["churn"] == "yes"].iloc[:2].reset_index(drop=True))


@pytest.mark.parametrize("library", [pl.DataFrame, pa.table], ids=["polars", "arrow"])
def test_a_target_in_a_frame_of_another_library(library):
    X, y = library({"a": [*range(24)]}), library({"churn": LABELS})
    sampler = make_sampler(**QUICK)
    _, resampled = sampler.fit_resample(X, y)
    _, more = sampler.sample(2)
    assert resampled.equals(library({"churn": LABELS + ["yes"] * 12}))
    assert more.equals(library({"churn": ["yes"] * 2}))


@pytest.mark.parametrize("y", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_a_target_of_several_columns(y):
    with pytest.raises(ValueError, match=r"one column of class labels.*\['no', 'yes'\]"):
        as_labels(y({"no": [1, 0], "yes": [0, 1]}))


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (pd.RangeIndex(24), pd.RangeIndex(36)),
        (pd.RangeIndex(24, name="row"), pd.RangeIndex(36, name="row")),
        (pd.Index([*range(24)][::-1], name="id"), pd.Index([*range(23, -1, -1), *range(24, 36)])),
        (pd.Index([0, *range(23)]), pd.RangeIndex(36)),
        (pd.Index([f"r{i}" for i in range(24)]), pd.RangeIndex(36)),
        (pd.date_range("2020", periods=24), pd.RangeIndex(36)),
    ],
    ids=["range", "named", "integers", "repeated", "strings", "dates"],
)
def test_the_index_goes_on_or_is_numbered_anew(index, expected):
    X = pd.DataFrame({"b": range(24), "a": 1.5}, index=index)
    X_resampled, y_resampled = resample(X, pd.Series(LABELS, index=index, name="t"))
    pd.testing.assert_index_equal(X_resampled.index, expected, check_names=False)
    pd.testing.assert_index_equal(y_resampled.index, X_resampled.index)
    assert list(X_resampled.columns) == ["b", "a"]
    balanced, _ = resample(X, pd.Series(["a", "b"] * 12, index=index))
    pd.testing.assert_frame_equal(balanced, X)


def test_sparse_columns_are_made_dense_and_sparse_again():
    X = pd.DataFrame({"a": [0.0, 0.0, 1.5, 0.0] * 6}, dtype=pd.SparseDtype(float, 0.0))
    X_resampled, _ = resample(X.assign(b=range(24)), LABELS)
    assert X_resampled["a"].dtype == X["a"].dtype
    assert X_resampled["a"].isin([0.0, 1.5]).any()


@pytest.mark.parametrize(
    ("X", "says"),
    [
        (np.arange(4), "two-dimensional.*1 dimensions"),
        ([1, 2, 3, 4], "two-dimensional"),
        (np.zeros((2, 2, 2)), "two-dimensional"),
        ([[1, 2], [3]], "different lengths"),
        (np.zeros((4, 0)), "0 feature"),
        (np.zeros((0, 4)), "0 rows"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "more than once"),
        (pd.Series([1, 2]), "2D table.*to_frame"),
        (pl.Series([1, 2]), "2D table.*to_frame"),
        (None, "got None"),
        ("table.csv", "got a str, 'table.csv'"),
        (pl.DataFrame({"a": pl.Series([1], dtype=pl.Int128)}), "'a' has dtype Int128.*Cast"),
    ],
)
def test_what_is_no_table(X, says):
    with pytest.raises(ValueError, match=says):
        as_frame(X)
    assert issubclass(SchemaError, ValueError)


@pytest.mark.parametrize(
    ("X", "says"),
    [
        ([{"a": 1}, {"a": 2}], r"list of dicts.*pandas\.DataFrame"),
        ({"a": [1, 2]}, r"is a dict.*pandas\.DataFrame"),
        (pl.LazyFrame({"a": [1, 2]}), r"X is a LazyFrame.*collect"),
        (torch.ones(2, 1, requires_grad=True), r"a Tensor.*detach"),
    ],
    ids=["dicts", "dict", "lazy", "gradient"],
)
def test_what_has_to_be_converted_to_a_table(X, says):
    with pytest.raises(TypeError, match=says):
        as_frame(X)


@pytest.mark.parametrize(
    "y",
    ["class", {"a": 1}, {1, 2}, 3, iter([1, 2]), pl.LazyFrame({"y": [1, 2]}), sparse.eye_array(2)],
)
def test_what_is_no_target(y):
    with pytest.raises(TypeError, match=r"y must be a Series, an array or a list|y is a LazyFrame"):
        as_labels(y)


def test_tensors_come_back_as_arrays():
    X = torch.tensor([[float(row), row % 3] for row in range(24)], dtype=torch.float32)
    y = torch.tensor([0, 0, 0, 1] * 6)
    sampler = make_sampler(**QUICK)
    X_resampled, y_resampled = sampler.fit_resample(X, y)
    assert (X_resampled.dtype, y_resampled.dtype) == (np.float32, np.int64)
    np.testing.assert_array_equal(X_resampled[:24], X.numpy())
    assert y_resampled[24:].tolist() == [1] * 12
    more, labels = sampler.sample(2)
    assert (more.dtype, labels.tolist()) == (np.float32, [1, 1])


def test_labels_of_two_axes_in_a_list():
    X = pd.DataFrame({"a": range(24)})
    onehot = [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]] * 6
    assert resample(X, onehot)[1] == onehot + [[0, 1, 0]] * 6 + [[0, 0, 1]] * 6


def test_labels_of_two_axes_pass_through():
    onehot = np.eye(3, dtype=int)
    assert as_labels(onehot) is onehot
    assert CallerType.of(onehot).kind == "array"


@pytest.mark.parametrize("dtype", ["int8", "int16", "Int8", "int64"])
def test_an_index_at_its_end_goes_on(dtype):
    from counterpoise.columns._frames import _continued

    last = np.iinfo(dtype.lower()).max
    index = pd.Index(pd.array(np.arange(last - 4, last, dtype="int64") + 1, dtype=dtype))
    longer = _continued(index, 3)
    assert longer.is_unique
    assert len(longer) == 8 - 1
    assert dtype == "int64" or longer.tolist()[-3:] == [last + 1, last + 2, last + 3]
