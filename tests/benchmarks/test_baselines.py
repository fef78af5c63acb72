import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import ADASYN, SMOTE, SMOTEN, SMOTENC, RandomOverSampler
from sklearn.preprocessing import OrdinalEncoder

from benchmarks._baselines import BASELINES, BaselineOverSampler
from benchmarks._mixed_cells import MIXED_CELLS

FAST = [name for name in BASELINES if name != "none"]


def mixed(n=60, n_minority=15, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "count": rng.integers(0, 30, n),
            "colour": rng.choice(["red", "green", "blue"], n),
            "shape": rng.choice(["round", "square"], n),
        }
    )
    y = pd.Series(np.where(np.arange(n) < n_minority, "few", "many"), name="class")
    return X, y


def ordinal(X):
    """The same codes by scikit-learn's encoder."""
    codes = X.copy()
    names = ["colour", "shape"]
    codes[names] = OrdinalEncoder().fit_transform(X[names])
    return codes.to_numpy(dtype=float)


@pytest.mark.parametrize("name", FAST)
def test_real_rows_stay_and_the_class_is_filled(name):
    X, y = mixed()
    X_new, y_new = BaselineOverSampler(name, random_state=0).fit_resample(X, y)
    pd.testing.assert_frame_equal(X_new.iloc[:60], X)
    assert (y_new.iloc[:60] == y).all()
    n_made = len(X_new) - 60
    assert n_made == 30 or (name == "adasyn" and abs(n_made - 30) <= 5)
    assert (y_new.iloc[60:] == "few").all()
    assert X_new.dtypes.equals(X.dtypes)
    assert set(X_new["colour"]) <= set(X["colour"])


@pytest.mark.parametrize(
    ("name", "build"),
    [
        ("smote", lambda: SMOTE(random_state=3)),
        ("adasyn", lambda: ADASYN(random_state=3)),
        ("smoten", lambda: SMOTEN(random_state=3)),
        ("smotenc", lambda: SMOTENC([2, 3], random_state=3)),
    ],
)
def test_the_same_rows_as_the_library_called_directly(name, build):
    X, y = mixed()
    made = BaselineOverSampler(name, random_state=3).fit_resample(X, y)[0].iloc[60:]
    direct = np.asarray(build().fit_resample(ordinal(X), y)[0], dtype=float)[60:]
    expected = pd.DataFrame(direct, columns=X.columns)
    assert made["size"].to_numpy() == pytest.approx(expected["size"].to_numpy())
    assert (made["count"].to_numpy() == expected["count"].round()).all()
    codes = expected["colour"].round().astype(int)
    assert made["colour"].tolist() == np.array(["blue", "green", "red"])[codes].tolist()


def test_random_repeats_the_rows_that_the_library_repeats():
    X, y = mixed()
    made = BaselineOverSampler("random", random_state=3).fit_resample(X, y)[0]
    direct = RandomOverSampler(random_state=3).fit_resample(X, y)[0]
    pd.testing.assert_frame_equal(made, direct)


def test_none_changes_nothing():
    X, y = mixed()
    X_new, y_new = BaselineOverSampler("none").fit_resample(X, y)
    pd.testing.assert_frame_equal(X_new, X)
    assert (y_new == y).all()


@pytest.mark.parametrize("name", FAST)
def test_same_seed_same_rows_and_another_seed_other_rows(name):
    X, y = mixed()
    first, again, other = (
        BaselineOverSampler(name, random_state=seed).fit_resample(X, y)[0] for seed in (0, 0, 1)
    )
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_smotenc_without_categories_or_without_numbers_is_what_fits():
    X, y = mixed()
    numbers, categories = X[["size", "count"]], X[["colour", "shape"]]
    for part, other in [(numbers, "smote"), (categories, "smoten")]:
        made = BaselineOverSampler("smotenc", random_state=0).fit_resample(part, y)[0]
        expected = BaselineOverSampler(other, random_state=0).fit_resample(part, y)[0]
        pd.testing.assert_frame_equal(made, expected)


@pytest.mark.parametrize("name", FAST)
def test_missing_cells_stay_in_real_rows_and_numbers_of_new_rows_have_none(name):
    X, y = mixed()
    X.loc[::7, "size"] = np.nan
    X.loc[::5, "colour"] = None
    made = BaselineOverSampler(name, random_state=0).fit_resample(X, y)[0]
    pd.testing.assert_frame_equal(made.iloc[:60], X)
    if name != "random" and name not in MIXED_CELLS:
        assert made["size"].iloc[60:].notna().all()


@pytest.mark.parametrize("n_minority", [2, 3, 5])
@pytest.mark.parametrize("name", ["smote", "smotenc", "smoten"])
def test_a_tiny_class_has_as_many_neighbours_as_it_has(name, n_minority):
    X, y = mixed(n_minority=n_minority)
    sampler = BaselineOverSampler(name, random_state=0)
    assert (sampler.fit_resample(X, y)[1] == "few").sum() == 60 - n_minority
    assert sampler.k_neighbors_ == n_minority - 1


def test_one_row_cannot_be_interpolated():
    X, y = mixed(n_minority=1)
    with pytest.raises(ValueError, match="a single row"):
        BaselineOverSampler("smote").fit_resample(X, y)


def test_the_librarys_failure_is_a_failure():
    X, y = mixed()
    X = pd.DataFrame({"size": np.where(y == "few", 100.0, 0.0) + np.arange(60) / 100})
    with pytest.raises(RuntimeError, match="ADASYN is not suited"):
        BaselineOverSampler("adasyn", random_state=0).fit_resample(X, y)


def test_several_classes_and_a_strategy():
    X, y = mixed()
    y = y.where(np.arange(60) % 10 != 9, "rare")
    sampler = BaselineOverSampler("smotenc", sampling_strategy={"rare": 20}, random_state=0)
    counts = sampler.fit_resample(X, y)[1].value_counts()
    assert counts["rare"] == 20
    assert counts["few"] == (y == "few").sum()
