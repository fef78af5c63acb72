"""The over-sampler as its users meet it."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from benchmarks._samplers import make_sampler
from counterpoise.errors import CounterpoiseError, ModelError, SchemaError
from counterpoise.metrics import check_validity
from tests.small_models import QUICK, mixed_frame, save_gpt2

pytestmark = pytest.mark.filterwarnings("ignore:class .* too few to hold any out")


@pytest.fixture(scope="module")
def churn():
    return mixed_frame()


@pytest.fixture(scope="module")
def fitted(churn):
    sampler = make_sampler(**QUICK)
    return sampler, *sampler.fit_resample(*churn)


def test_exactly_the_rows_asked_for_and_the_real_ones_first(churn, fitted):
    X, y = churn
    sampler, X_resampled, y_resampled = fitted
    assert y_resampled.value_counts().to_dict() == {"no": 48, "yes": 48}
    pd.testing.assert_frame_equal(X_resampled.iloc[:60], X)
    pd.testing.assert_series_equal(y_resampled.iloc[:60], y)
    assert (y_resampled.iloc[60:] == "yes").all()
    assert sampler.n_synthetic_ == 36
    assert (X_resampled.dtypes == X.dtypes).all()
    assert y_resampled.dtype == y.dtype
    assert y_resampled.name == "churn"


def test_every_cell_is_valid_by_a_check_of_its_own(churn, fitted):
    X, _ = churn
    _, X_resampled, _ = fitted
    assert check_validity(X_resampled.iloc[60:], X).all(axis=None)


def test_provenance_says_where_each_row_came_from(fitted):
    sampler, X_resampled, _ = fitted
    synthetic = X_resampled.iloc[60:].reset_index(drop=True)
    origin = sampler.provenance_
    assert len(origin) == 36
    assert set(origin["condition_column"]) == set(synthetic.columns)
    for row, column, value in zip(
        range(36), origin["condition_column"], origin["condition_value"], strict=True
    ):
        cell = synthetic.at[row, column]
        assert cell == value or (pd.isna(cell) and pd.isna(value))
    assert (origin["log_likelihood"] < 0).all()


def test_the_same_seed_gives_the_same_rows_and_another_gives_others(churn, fitted):
    _, expected, _ = fitted
    again, _ = make_sampler(**QUICK).fit_resample(*churn)
    pd.testing.assert_frame_equal(again, expected)
    other, _ = make_sampler(**{**QUICK, "random_state": 1}).fit_resample(*churn)
    assert not other.iloc[60:].equals(expected.iloc[60:])


def test_the_same_seed_gives_the_same_rows_in_another_process(churn, fitted):
    _, expected, _ = fitted
    program = (
        "from tests.small_models import QUICK, mixed_frame\n"
        "from benchmarks._samplers import make_sampler\n"
        "X, _ = make_sampler(**QUICK).fit_resample(*mixed_frame())\n"
        "print(X.to_csv())"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == expected.to_csv().strip()


def test_global_random_state_is_left_alone(churn):
    np.random.seed(3)  # noqa: NPY002
    expected = np.random.random(3)  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    make_sampler(**QUICK).fit_resample(*churn)
    np.testing.assert_array_equal(np.random.random(3), expected)  # noqa: NPY002


def test_sampling_more_rows_without_training(churn, fitted):
    sampler, *_ = fitted
    X, y = sampler.sample(7, class_="yes", random_state=5)
    assert len(X) == len(y) == 7
    assert (y == "yes").all()
    assert list(X.columns) == list(churn[0].columns)
    again, _ = sampler.sample(7, class_="yes", random_state=5)
    pd.testing.assert_frame_equal(again, X)
    assert len(sampler.sample(0)[0]) == 0


def test_sampling_in_chunks(fitted):
    sampler, *_ = fitted
    chunks = list(sampler.sample_chunks(25, chunk_size=10, random_state=0))
    assert [len(X) for X, _ in chunks] == [len(y) for _, y in chunks] == [10, 10, 5]
    assert not chunks[0][0].equals(chunks[1][0]), "each chunk goes on where the last one ended"
    again = list(sampler.sample_chunks(25, chunk_size=10, random_state=0))
    for (X, _), (same, _) in zip(chunks, again, strict=True):
        pd.testing.assert_frame_equal(X, same)
    with pytest.raises(ValueError, match="chunk_size"):
        sampler.sample_chunks(5, chunk_size=0)


def test_sampling_under_a_condition(fitted):
    sampler, *_ = fitted
    condition = {"colour": "blue, dark", "age": 41, "price": None}
    X, _ = sampler.sample(20, condition=condition, random_state=0)
    assert (X["colour"] == "blue, dark").all()
    assert (X["age"] == 41).all()
    assert X["price"].isna().all()
    assert len(X.drop_duplicates()) > 10


def test_counts_that_are_whole_numbers_of_any_type():
    X, y = mixed_frame(60)
    for counts in ({"yes": 20.0}, lambda _: {"yes": np.float64(20)}):
        sampler = make_sampler(**QUICK, sampling_strategy=counts)
        assert (sampler.fit_resample(X, y)[1] == "yes").sum() == 20
        assert sampler.fit(X, y).sampling_strategy_ == {"yes": 8}
        assert type(sampler.sampling_strategy_["yes"]) is int


@pytest.mark.parametrize("count", [20.5, "20", float("nan"), True, None])
def test_counts_that_are_none_name_their_class(count):
    sampler = make_sampler(**QUICK, sampling_strategy={"yes": count})
    with pytest.raises(ValueError, match=r"sampling_strategy gives class 'yes' .* whole number"):
        sampler.fit_resample(*mixed_frame(60))


def test_a_condition_maps_columns_to_values(fitted):
    with pytest.raises(TypeError, match="condition must map column names to values"):
        fitted[0].sample(1, condition=["age"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"n_samples": -1}, "n_samples must be"),
        ({"n_samples": 1.5}, "n_samples must be"),
        ({"n_samples": 1, "class_": "maybe"}, r"\['no', 'yes'\]; got 'maybe'"),
        ({"n_samples": 1, "condition": {"hue": "red"}}, "hue"),
        ({"n_samples": 1, "condition": {"colour": "violet"}}, "violet"),
        ({"n_samples": 1, "condition": {"age": 1000}}, "age"),
        ({"n_samples": 1, "condition": {"age": 30.7}}, "age"),
        ({"n_samples": 1, "condition": {"member": "no"}}, "member"),
        ({"n_samples": 1, "condition": {"constant": None}}, "constant"),
    ],
)
def test_sampling_what_is_not_there(fitted, arguments, says):
    with pytest.raises(ValueError, match=says):
        fitted[0].sample(**arguments)


def test_trained_on_all_classes_it_writes_any(churn):
    sampler = make_sampler(**QUICK, train_on="all")
    sampler.fit_resample(*churn)
    _, y = sampler.sample(5, class_="no")
    assert (y == "no").all()
    _, y = sampler.sample(5)
    assert (y == "yes").all(), "the class that the fit filled"


def test_trained_on_the_minority_it_writes_no_other_class(churn):
    sampler = make_sampler(**QUICK, recipe="ranking")
    sampler.fit(*churn)
    assert sampler.sample(2)[1].tolist() == ["yes", "yes"]
    with pytest.raises(ValueError, match="train_on='all'"):
        sampler.sample(1, class_="no")


def test_where_a_fit_filled_several_classes_or_none_the_class_must_be_named(churn):
    X, _ = churn
    several = pd.Series(["big"] * 30 + ["small"] * 18 + ["tiny"] * 12)
    for y, wanted in [(several, "auto"), (several.replace("tiny", "big"), {"small": 18})]:
        sampler = make_sampler(**QUICK, sampling_strategy=wanted).fit(X, y)
        with pytest.raises(ValueError, match="class_ must be one of"):
            sampler.sample(2)
        assert sampler.sample(2, class_="big")[1].tolist() == ["big", "big"]


@pytest.mark.parametrize(
    "options",
    [
        {"serialization": "text"},
        {"interpolation": None},
        {"permutation": "all"},
        {"permutation": "none", "condition": "label"},
        {"temperature": 0.7, "top_p": 0.9},
        {"validation_fraction": 0.25, "epochs": 3},
        {"range_margin": 0.5},
        {"precision": "bfloat16"},
    ],
    ids=str,
)
def test_every_option_gives_exactly_the_rows(churn, options):
    X, y = churn
    X_resampled, y_resampled = make_sampler(**{**QUICK, **options}).fit_resample(X, y)
    assert y_resampled.value_counts().to_dict() == {"no": 48, "yes": 48}
    if "range_margin" not in options:
        assert check_validity(X_resampled.iloc[60:], X).all(axis=None)


def test_several_classes_and_strategies():
    X, _ = mixed_frame(60)
    y = np.array([0] * 40 + [1] * 12 + [2] * 8)
    for strategy, expected in [
        ("auto", [40, 40, 40]),
        ("minority", [40, 12, 40]),
        ({1: 30}, [40, 30, 8]),
    ]:
        sampler = make_sampler(**QUICK, sampling_strategy=strategy)
        _, resampled = sampler.fit_resample(X, y)
        assert np.bincount(resampled).tolist() == expected
        assert isinstance(resampled, np.ndarray)


def test_a_balanced_table_comes_back_unchanged():
    X, _ = mixed_frame(20)
    y = pd.Series([0, 1] * 10)
    X_resampled, y_resampled = make_sampler(**QUICK).fit_resample(X, y)
    pd.testing.assert_frame_equal(X_resampled, X)
    pd.testing.assert_series_equal(y_resampled, y)


def test_arrays_come_back_as_arrays():
    rng = np.random.default_rng(0)
    X = np.round(rng.normal(size=(40, 3)), 1).astype(np.float32)
    y = np.array([True] * 8 + [False] * 32)
    X_resampled, y_resampled = make_sampler(**QUICK).fit_resample(X, y)
    assert (X_resampled.dtype, y_resampled.dtype) == (np.float32, bool)
    assert X_resampled.shape == (64, 3)
    np.testing.assert_array_equal(X_resampled[:40], X)
    words = np.where(y, "rare", "common")
    assert make_sampler(**QUICK).fit_resample(X, words)[1].dtype == words.dtype


def test_any_causal_model_in_a_folder(churn, tmp_path):
    folder = str(save_gpt2(tmp_path))
    for serialization in ("table", "text"):
        sampler = make_sampler(**{**QUICK, "model": folder}, serialization=serialization)
        X_resampled, _ = sampler.fit_resample(*churn)
        assert check_validity(X_resampled.iloc[60:], churn[0]).all(axis=None)
        assert sampler.model_name_ == folder


def test_a_fitted_sampler_pickles_and_writes_the_same_rows(fitted):
    sampler = fitted[0]
    revived = pickle.loads(pickle.dumps(sampler))
    X, _ = sampler.sample(9, random_state=4)
    pd.testing.assert_frame_equal(revived.sample(9, random_state=4)[0], X)


def test_made_up_names_do_not_clash():
    frame, _ = mixed_frame(30)
    y = np.array([0, 1, 1] * 10)
    X_resampled, _ = make_sampler(**QUICK).fit_resample(frame.assign(**{"class": "a"}), y)
    assert len(X_resampled) == 40
    X = np.arange(60).reshape(30, 2)
    X_resampled, _ = make_sampler(**QUICK).fit_resample(X, pd.Series(y, name=0))
    assert X_resampled.shape == (40, 2)


def test_lists_of_mixed_types_stay_what_they_are():
    X = [[i, "ab"[i % 2]] for i in range(30)]
    X_resampled, y_resampled = make_sampler(**QUICK).fit_resample(X, ["n", "n", "y"] * 10)
    assert X_resampled[:30] == X
    assert all(isinstance(row[0], int) and isinstance(row[1], str) for row in X_resampled)
    assert y_resampled.count("y") == 20


def test_nothing_to_choose_is_no_divergence():
    X = pd.DataFrame({"year": 2020, "c": list("abc") * 20})
    y = np.array([0, 0, 1] * 20)
    X_resampled, _ = make_sampler(**QUICK).fit_resample(X, y)
    assert (X_resampled["year"] == 2020).all()
    constant, _ = make_sampler(**QUICK).fit_resample(X[["year"]], y)
    assert len(constant) == 80


def test_a_fit_with_nothing_to_fill_forgets_the_one_before(churn):
    sampler = make_sampler(**QUICK)
    sampler.fit_resample(*churn)
    sampler.fit_resample(churn[0].iloc[:20], pd.Series([0, 1] * 10))
    assert sampler.n_synthetic_ == 0
    assert not hasattr(sampler, "provenance_")
    assert (sampler.sample(3, class_=1)[1] == 1).all(), "the model of the new fit"


def test_more_rows_have_the_type_of_y(churn):
    X, y = churn
    sampler = make_sampler(**QUICK)
    _, y_resampled = sampler.fit_resample(X, y.astype("category"))
    assert y_resampled.dtype == sampler.sample(3)[1].dtype == y.astype("category").dtype


@pytest.mark.parametrize(("n_rows", "says"), [(12, "12 rows: too few"), (4, "repeated")])
def test_a_tiny_class_is_warned_of(churn, n_rows, says):
    X, _ = churn
    y = np.where(np.arange(60) < n_rows, "rare", "common")
    with pytest.warns(UserWarning, match=says):
        make_sampler(**QUICK, interpolation="smotenc").fit_resample(X, y)


def test_generated_text_keeps_within_its_length(tmp_path):
    notes = [f"word{i} and the long extraordinary {'x' * (i % 7)}" for i in range(80)]
    X = pd.DataFrame({"note": notes, "a": range(80)})
    sampler = make_sampler(**{**QUICK, "model": str(save_gpt2(tmp_path))})
    X_resampled, _ = sampler.fit_resample(X, np.array([0, 0, 0, 1] * 20))
    lengths = X_resampled["note"].str.len()
    assert lengths[80:].between(lengths[:80].min(), lengths[:80].max()).all()


def test_it_is_an_estimator():
    sampler = make_sampler(epochs=3, column_types={"a": "categorical"})
    assert clone(sampler).get_params() == sampler.get_params()


def broken(change):
    X, y = mixed_frame(30)
    return change(X.copy(), y.copy())


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (lambda X, y: (X.assign(price=np.inf), y), SchemaError, "price"),
        (lambda X, y: (X.set_axis([*X.columns[:-1], "age"], axis=1), y), SchemaError, "age"),
        (lambda X, y: (X.iloc[:, :0], y), SchemaError, "empty"),
        (lambda X, y: (X.iloc[:0], y.iloc[:0]), ValueError, "0 rows"),
        (lambda X, y: (X, y.where(y == "no", "no")), ValueError, "more than 1 class"),
        (
            lambda X, y: (X, y.where(y.index != 0, "rare").where(y.index % 5 == 0, "no")),
            ValueError,
            "rare.*1 row",
        ),
        (lambda X, y: (X, y.iloc[:-1]), ValueError, "inconsistent numbers of samples"),
        (lambda X, y: (X, y.where(y.index > 2)), ValueError, "no label|NaN|missing"),
        (lambda X, y: (X.assign(churn=y), y), SchemaError, "churn"),
    ],
)
def test_bad_input_is_an_error_that_names_it(change, error, says, monkeypatch):
    def no_training(*arguments, **keywords):
        raise AssertionError("trained on bad input")

    monkeypatch.setattr("counterpoise.training._fit.prepare_training", no_training)
    with pytest.raises(error, match=says):
        make_sampler(**QUICK).fit_resample(*broken(change))


@pytest.mark.parametrize(
    "options",
    [
        {"model": "compakt"},
        {"device": "toaster"},
        {"temperature": 0},
        {"epochs": 0},
        {"top_p": 1.5},
        {"permutation": "some"},
        {"lora_rank": 0, "model": "smollm2-135m"},
    ],
    ids=str,
)
def test_bad_options_are_errors_before_any_training(churn, options, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("counterpoise.training._fit.prepare_training", None)
    with pytest.raises(ValueError, match=str(next(iter(options)))) as caught:
        make_sampler(**{**QUICK, **options}).fit_resample(*churn)
    if next(iter(options)) in ("model", "device", "lora_rank"):
        assert isinstance(caught.value, ModelError | CounterpoiseError)


@pytest.mark.parametrize(
    ("kinds", "says"),
    [
        ({"agee": "categorical"}, "'agee'.*the columns are"),
        ({"colour": "integer"}, "'colour'.*not a number"),
        ({"age": "roundish"}, "'age'.*roundish"),
    ],
)
def test_kinds_that_do_not_fit_are_errors_that_name_the_column(churn, kinds, says):
    with pytest.raises(SchemaError, match=says):
        make_sampler(**QUICK, column_types=kinds).fit_resample(*churn)


def test_a_kind_can_be_overridden(churn):
    sampler = make_sampler(**QUICK, column_types={"age": "categorical"})
    X_resampled, _ = sampler.fit_resample(*churn)
    assert set(X_resampled["age"]) == set(churn[0]["age"])
    assert X_resampled["age"].dtype == churn[0]["age"].dtype


def test_sparse_input_is_refused_with_a_reason():
    from scipy.sparse import csr_matrix

    with pytest.raises(TypeError, match="dense"):
        make_sampler(**QUICK).fit_resample(csr_matrix(np.eye(6)), [0, 0, 0, 0, 1, 1])
