"""Ranges, categories, combinations, inequalities and copies: what the user demands of the rows."""

import pickle

import numpy as np
import pandas as pd
import pytest

from benchmarks._samplers import make_sampler
from counterpoise.errors import DecodingError, SchemaError
from tests.small_models import QUICK

pytestmark = [
    pytest.mark.usefixtures("small_compact"),
    pytest.mark.filterwarnings("ignore:class .* too few to hold any out"),
]

AREAS = {"OH": [216, 330], "NY": [212, 315, 718], "TX": [214]}


def shop(n_rows=80, seed=0):
    rng = np.random.default_rng(seed)
    state = rng.choice(list(AREAS), n_rows)
    low = rng.integers(1, 50, n_rows)
    frame = pd.DataFrame(
        {
            "state": state,
            "min_price": low / 4,
            "colour": rng.choice(["red", "green", "blue"], n_rows),
            "area_code": [rng.choice(AREAS[name]) for name in state],
            "max_price": low / 4 + rng.integers(0, 50, n_rows) / 2,
            "age": rng.integers(18, 90, n_rows),
        }
    )
    return frame, pd.Series(np.where(np.arange(n_rows) % 4 == 0, "yes", "no"), name="bought")


def resample(X, y, **options):
    sampler = make_sampler(**{**QUICK, **options})
    X_resampled, y_resampled = sampler.fit_resample(X, y)
    pd.testing.assert_frame_equal(X_resampled.iloc[: len(X)], X)
    assert y_resampled.value_counts().nunique() == 1
    return sampler, X_resampled.iloc[len(X) :]


def refused(X, y, says, monkeypatch, **options):
    def no_training(*arguments, **keywords):
        raise AssertionError("trained before the error")

    monkeypatch.setattr("counterpoise.training._fit.prepare_training", no_training)
    with pytest.raises(SchemaError, match=says):
        make_sampler(**{**QUICK, **options}).fit_resample(X, y)


@pytest.mark.parametrize("serialization", ["table", "text"])
def test_a_range_limits_what_is_generated_and_not_what_is_there(serialization, tmp_path):
    options = {"model": "compact", "serialization": serialization}
    sampler, made = resample(*shop(), ranges={"age": (30, 40), "max_price": (None, 20)}, **options)
    assert made["age"].between(30, 40).all()
    assert made["age"].nunique() > 3
    assert made["max_price"].max() <= 20
    assert sampler.schema_[5].low == 30


def test_a_range_can_be_wider_than_what_was_observed():
    X, y = shop()
    _, made = resample(X.assign(age=50), y, ranges={"age": (20, 90)})
    assert made["age"].between(20, 90).all()
    assert made["age"].nunique() > 1


def test_categories_limit_what_is_generated_and_not_what_is_there():
    X, y = shop()
    X.loc[::5, "colour"] = None
    _, made = resample(X, y, categories={"colour": ["blue", "white"]}, temperature=3.0)
    assert set(made["colour"].dropna()) == {"blue", "white"}
    assert made["colour"].isna().any()
    X["colour"] = X["colour"].astype("category")
    _, made = resample(X, y, categories={"colour": ["red"]})
    assert set(made["colour"].dropna()) == {"red"}
    assert made["colour"].dtype == X["colour"].dtype


def test_values_that_no_row_of_the_class_has_are_warned_of():
    X, y = shop()
    X["age"] = np.where(y == "yes", 70, X["age"])
    with pytest.warns(UserWarning, match="no row of class 'yes'.*'age'.*arbitrary"):
        _, made = resample(X, y, ranges={"age": (20, 30)})
    assert made["age"].between(20, 30).all()


def test_a_date_range():
    X, y = shop()
    X["day"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(X["age"], "D")
    _, made = resample(X, y, ranges={"day": ("2020-02-01", pd.Timestamp("2020-02-10"))})
    assert made["day"].between("2020-02-01", "2020-02-10").all()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"ranges": {"aage": (0, 1)}}, "aage"),
        ({"ranges": {"age": (40, 30)}}, "'age'.*smaller end first"),
        ({"ranges": {"age": (30.2, 30.8)}}, "'age'"),
        ({"ranges": {"age": ("a", "b")}}, "'age'.*two finite numbers"),
        ({"ranges": {"colour": (0, 1)}}, "'colour'.*no range"),
        ({"categories": {"hue": ["red"]}}, "hue"),
        ({"categories": {"colour": []}}, "'colour'.*one or more"),
        ({"fixed_combinations": [("state",)]}, "two or more"),
        ({"fixed_combinations": ["state"]}, "two or more"),
        ({"fixed_combinations": [("state", "area")]}, "'area'"),
        ({"fixed_combinations": [("state", "colour"), ("colour", "age")]}, "Two FixedCombinations"),
        ({"fixed_combinations": [("state", "state")]}, "twice"),
        (
            {
                "fixed_combinations": [("state", "area_code")],
                "categories": {"state": ["TX"]},
                "ranges": {"area_code": (200, 213)},
            },
            "No row has a combination",
        ),
        ({"inequalities": [("min_price", "=<", "max_price")]}, "operator must be one of"),
        ({"inequalities": [("min_price", "<=", "price")]}, "'price'"),
        ({"inequalities": [("min_price", "<=", "state")]}, "compares decimal with categorical"),
        ({"inequalities": [("max_price", "<", "min_price")]}, "real rows of class 'yes' break"),
        (
            {
                "inequalities": [("min_price", "<=", "max_price")],
                "ranges": {"min_price": (10, None), "max_price": (None, 5)},
            },
            "cannot be satisfied",
        ),
    ],
    ids=str,
)
def test_demands_that_cannot_be_met_are_errors_before_training(options, says, monkeypatch):
    refused(*shop(), says, monkeypatch, **options)


def test_combinations_are_held_to_those_observed():
    X, y = shop()
    X.loc[::7, "area_code"] = np.nan
    sampler, made = resample(
        X, y, fixed_combinations=[("area_code", "state")], temperature=3.0, selection=None
    )
    observed = set(map(tuple, X[["area_code", "state"]].fillna(-1).to_numpy()))
    written = set(map(tuple, made[["area_code", "state"]].fillna(-1).to_numpy()))
    assert written <= observed
    assert len(written) > 4
    origin = sampler.provenance_
    joint = origin["condition_column"] == ("area_code", "state")
    assert joint.sum() == pytest.approx(len(made) / 5, abs=1)
    values = origin.loc[joint, "condition_value"]
    rows = made.reset_index(drop=True).loc[joint, ["area_code", "state"]]
    for value, (_, row) in zip(values, rows.iterrows(), strict=True):
        assert value[1] == row["state"]
        assert value[0] == row["area_code"] or np.isnan(value[0])


def test_without_the_demand_other_combinations_are_written():
    X, y = shop()
    _, made = resample(X, y, temperature=3.0, constraints=None)
    observed = set(map(tuple, X[["area_code", "state"]].to_numpy()))
    assert not set(map(tuple, made[["area_code", "state"]].to_numpy())) <= observed


def test_a_condition_on_a_part_of_a_combination():
    sampler, _ = resample(*shop(), fixed_combinations=[("state", "area_code")])
    X, _ = sampler.sample(20, condition={"state": "NY"}, random_state=0)
    assert (X["state"] == "NY").all()
    assert set(X["area_code"]) <= set(AREAS["NY"])
    assert X["area_code"].nunique() > 1
    X, _ = sampler.sample(3, condition={"state": "NY", "area_code": 718, "colour": "red"})
    assert X[["state", "area_code", "colour"]].drop_duplicates().to_numpy().tolist() == [
        ["NY", 718, "red"]
    ]
    with pytest.raises(ValueError, match=r"no real row.*'state', 'area_code'"):
        sampler.sample(1, condition={"state": "TX", "area_code": 718})
    revived = pickle.loads(pickle.dumps(sampler))
    pd.testing.assert_frame_equal(
        revived.sample(5, condition={"state": "OH"}, random_state=1)[0],
        sampler.sample(5, condition={"state": "OH"}, random_state=1)[0],
    )


def test_combinations_with_text_in_the_table(tmp_path):
    X, y = shop()
    X["note"] = [f"row {i} of several notes, told at length" for i in range(80)]
    X = X[["note", "state", "area_code"]]
    _, made = resample(X, y, fixed_combinations=[("state", "area_code")])
    assert made["note"].str.len().min() > 0
    observed = set(map(tuple, X[["state", "area_code"]].to_numpy()))
    assert set(map(tuple, made[["state", "area_code"]].to_numpy())) <= observed


def test_an_inequality_holds_and_no_row_is_rejected_for_it():
    rule = ("min_price", "<=", "max_price")
    sampler, made = resample(*shop(), inequalities=[rule], temperature=3.0, selection=None)
    assert (made["min_price"] <= made["max_price"]).all()
    rejection_stats = sampler.rejection_stats_["yes"]
    assert rejection_stats.n_rows == len(made) == 40
    assert rejection_stats.n_drawn == 40
    assert rejection_stats.rejected == {"not min_price <= max_price": 0}
    assert len(sampler.provenance_) == 40
    X, _ = sampler.sample(30, random_state=0)
    assert (X["min_price"] <= X["max_price"]).all()
    _, free = resample(*shop(), temperature=3.0)
    assert (free["min_price"] > free["max_price"]).any()


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">="])
def test_an_inequality_of_dates_and_of_units(sign):
    X, y = shop()
    day = pd.Timestamp("2020-01-01") + pd.to_timedelta(X["age"], "D")
    later = day + pd.to_timedelta(X["age"] + 1, "h")
    X = pd.DataFrame({"start": day, "end": later, "few": X["age"], "many": X["age"] + 0.25})
    X.loc[::6, "end"] = pd.NaT
    less = sign.startswith("<")
    rules = [("start", sign, "end"), ("few", sign, "many")]
    rules = rules if less else [(right, sign, left) for left, sign, right in rules]
    _, made = resample(X, y, inequalities=rules, temperature=2.0)
    assert ((made["start"] <= made["end"]) | made["end"].isna()).all()
    assert (made["few"] <= made["many"]).all()
    assert made["end"].isna().any()


def test_a_few_real_rows_may_break_an_inequality_and_it_is_said():
    X, y = shop()
    row = np.flatnonzero(y == "yes")[0]
    X.loc[row, ["min_price", "max_price"]] = [9.0, 8.0]
    with pytest.warns(UserWarning, match="1 of the 20 real rows of class 'yes' break"):
        _, made = resample(X, y, inequalities=[("min_price", "<=", "max_price")])
    assert (made["min_price"] <= made["max_price"]).all()


def test_what_contradicts_an_inequality_ends_with_an_error_that_says_so():
    sampler, _ = resample(*shop(), inequalities=[("min_price", "<=", "max_price")], selection=None)
    with pytest.raises(ValueError, match=r"condition: no row .*not min_price <= max_price"):
        sampler.sample(3, condition={"min_price": 12.25, "max_price": 0.75})
    assert len(sampler.sample(3)[0]) == 3


def test_copies_are_counted():
    X = pd.DataFrame({"a": list("xy") * 20, "b": list("ppqq") * 10})
    y = pd.Series([0, 0, 0, 0, 0, 0, 0, 1, 0, 1] * 4)
    sampler, made = resample(X, y)
    real = set(map(tuple, X[y == 1].to_numpy()))
    copies = [tuple(row) in real for row in made.to_numpy()]
    assert sampler.copy_rate_ == np.mean(copies) > 0


def test_copies_can_be_refused():
    X = pd.DataFrame({"a": [f"a{i % 6}" for i in range(40)], "b": [i % 7 for i in range(40)]})
    y = pd.Series([0, 0, 0, 1] * 10)
    real = set(map(tuple, X[y == 1].to_numpy()))
    _, made = resample(X, y, temperature=2.0)
    assert {tuple(row) for row in made.to_numpy()} & real
    sampler, made = resample(X, y, temperature=2.0, allow_copies=False)
    assert not {tuple(row) for row in made.to_numpy()} & real
    assert sampler.copy_rate_ == 0
    assert sampler.rejection_stats_[1].rejected["copies of real rows"] > 0
    more, _ = sampler.sample(40, random_state=1)
    assert not {tuple(row) for row in more.to_numpy()} & real


@pytest.mark.filterwarnings("ignore:column 'note' has another value in every row")
def test_copies_of_texts_are_told_by_their_letters():
    X = pd.DataFrame({"note": [f"n{i}" for i in range(60)], "b": 1})
    sampler, made = resample(X, pd.Series([0, 0, 1] * 20), column_types={"note": "text"})
    assert sampler.copy_rate_ == made["note"].isin(X["note"][2::3]).mean()


def test_a_table_without_room_for_other_rows_is_refused(monkeypatch):
    X = pd.DataFrame({"a": list("xy") * 20, "b": list("ppqq") * 10})
    y = pd.Series([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1] * 3 + [0] * 4)
    refused(X, y, "4 distinct rows of class 1 are all that", monkeypatch, allow_copies=False)


def test_copies_that_are_nearly_all_there_is_end_with_an_error_that_says_so():
    X = pd.DataFrame({"a": ["x"] * 39 + ["y"]})
    y = pd.Series([1, 0] * 19 + [1, 0])
    y[:10] = 0
    options = {"allow_copies": False, "temperature": 0.01, "epochs": 60}
    with pytest.raises(DecodingError, match=r"room for 2 different rows.*1 real.*allow copies"):
        make_sampler(**{**QUICK, **options}).fit_resample(X, y)


def test_provenance_names_the_nearest_real_row():
    X, y = shop()
    sampler, made = resample(X, y)
    origin = sampler.provenance_
    assert (y.iloc[origin["nearest_row"]] == "yes").all()
    assert origin["nearest_distance"].between(0, 1).all()
    exact = origin["nearest_distance"] == 0
    pd.testing.assert_frame_equal(
        made[exact.to_numpy()].reset_index(drop=True),
        X.iloc[origin["nearest_row"][exact]].reset_index(drop=True),
    )
