"""SMOTENC on tables as they are. The baselines of the benchmark are compared with the library."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from counterpoise.comparison._cross_validation import TableSMOTENC


def table(n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "size": np.where(np.arange(n) % 7 == 0, np.nan, rng.normal(size=n)),
            "count": rng.integers(0, 30, n),
            "colour": pd.Categorical(rng.choice(["red", "green"], n)),
            "mixed": pd.Series([1, "one", 2.5, None] * (n // 4), dtype=object),
            "member": rng.random(n) < 0.5,
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 9, n), "D"),
            "nullable": pd.array([None, *range(n - 1)], dtype="Int64"),
        }
    )


def test_synthetic_cells_are_of_the_column() -> None:
    X = table()
    made = TableSMOTENC(random_state=0).fit_resample(X, ["few"] * 12 + ["many"] * 48)[0].iloc[60:]
    for name in ("colour", "mixed", "member", "since"):
        assert set(made[name].dropna()) <= set(X[name])
    for name in ("size", "count", "nullable"):  # a missing number counts as the median
        assert made[name].between(X[name].min(), X[name].max()).all()
    one = X.assign(size=np.nan, nullable=pd.array([None] * 59 + [7], dtype="Int64"))
    filled = TableSMOTENC(random_state=0).fit_resample(one, ["few"] * 12 + ["many"] * 48)[0]
    assert filled["size"].iloc[60:].isna().all()
    assert (filled["nullable"].iloc[60:] == 7).all()


def test_real_rows_stay_and_dtypes_are_kept() -> None:
    X, y = table(), pd.Series(["few"] * 12 + ["many"] * 48)
    X_balanced, y_balanced = TableSMOTENC(random_state=0).fit_resample(X, y)
    pd.testing.assert_frame_equal(X_balanced.iloc[:60], X)
    assert X_balanced.dtypes.equals(X.dtypes)
    assert (y_balanced.iloc[60:] == "few").all()
    assert len(y_balanced) == 96
    assert X_balanced["size"].iloc[60:].notna().all()
    assert set(X_balanced["mixed"].dropna()) == {1, "one", 2.5}


def test_tiny_class_has_fewer_neighbours_and_a_single_row_is_refused() -> None:
    X = table()
    sampler = TableSMOTENC(random_state=0)
    sampler.fit_resample(X, ["few"] * 3 + ["many"] * 57)
    assert sampler.k_neighbors_ == 2
    with pytest.raises(ValueError, match="class 'few' has a single row"):
        sampler.fit_resample(X, ["few"] + ["many"] * 59)
