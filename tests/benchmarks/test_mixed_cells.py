import numpy as np
import pandas as pd
import pytest

from benchmarks._mixed_cells import munge, shuffle_columns


def twins(n=200):
    """In the class, `one` and `other` are equal; outside of it, `one` is a hundred higher."""
    rng = np.random.default_rng(0)
    one = rng.integers(0, 50, n)
    is_few = np.arange(n) < n // 4
    X = pd.DataFrame(
        {
            "one": one + 100 * ~is_few,
            "other": one,
            "price": (one / 4).round(2),
            "plan": np.where(one < 25, "basic", "plus"),
        }
    )
    return X, np.where(is_few, "few", "many")


def mixed(function, n_rows=100, **options):
    X, y = twins()
    rng = np.random.default_rng(1)
    return X, function(X, y, "few", n_rows, rng, categorical=["plan"], **options)


def test_shuffled_cells_are_of_the_class_and_columns_are_independent():
    X, rows = mixed(shuffle_columns, 2000)
    own = X[:50]
    assert rows.dtypes.equals(X.dtypes)
    for name in X:
        assert set(rows[name]) == set(own[name])
        shares = rows[name].value_counts(normalize=True)
        # of 2,000 draws, a share has a standard deviation of at most 0.011
        assert (shares - own[name].value_counts(normalize=True)).abs().max() < 0.06
    assert abs(np.corrcoef(rows["one"], rows["other"])[0, 1]) < 0.12


def test_selection_leaves_rows_that_could_be_of_no_other_class():
    rng = np.random.default_rng(0)
    is_few = np.arange(600) < 200
    X = pd.DataFrame({"a": rng.uniform(-1, 1, 600), "b": rng.uniform(-1, 1, 600)}).round(3)
    X["b"] = np.where(is_few, X["a"], -X["a"])  # the sign of the product tells the class
    y = np.where(is_few, "few", "many")

    def share(*, selects):
        rng = np.random.default_rng(1)
        rows = shuffle_columns(X, y, "few", 500, rng, categorical=[], selects=selects)
        assert len(rows) == 500
        return float((rows["a"] * rows["b"] > 0).mean())

    assert share(selects=False) == pytest.approx(0.5, abs=0.1)
    assert share(selects=True) > 0.9


def test_munge_stays_near_the_rows_and_on_their_grid():
    X, rows = mixed(munge, 300)
    assert len(rows) == 300
    assert rows.dtypes.equals(X.dtypes)
    assert set(rows["plan"]) == {"basic", "plus"}
    assert np.allclose(rows["price"], rows["price"].round(2))
    new = set(map(tuple, rows.to_numpy())) - set(map(tuple, X[:50].to_numpy()))
    assert new
    # neighbours are a few units apart, so that columns still go together
    assert np.corrcoef(rows["one"], rows["other"])[0, 1] > 0.98


def test_munge_passes_missing_cells_on():
    X = pd.DataFrame({"a": [1.0, np.nan, 3.0, 4.0] * 10, "b": ["x", None, "x", "y"] * 10})
    rows = munge(X, np.array(["few"] * 40), "few", 200, np.random.default_rng(0), categorical=["b"])
    assert 0 < rows["a"].isna().mean() < 0.6
    assert set(rows["b"].dropna()) == {"x", "y"}
    assert 0 < rows["b"].isna().mean() < 0.6


def test_munge_needs_a_neighbour():
    X = pd.DataFrame({"a": [1.0, 2.0]})
    with pytest.raises(ValueError, match="class 'few' has 1"):
        munge(X, np.array(["few", "many"]), "few", 2, np.random.default_rng(0), categorical=[])


def test_munge_of_numbers_alone():
    X = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0) ** 2})
    rows = munge(
        X, np.array(["few", "many"] * 10), "few", 15, np.random.default_rng(0), categorical=[]
    )
    assert rows.shape == (15, 2)
    assert rows.notna().all(axis=None)
