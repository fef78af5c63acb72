"""Any table gives a valid result of exactly the right shape and types, or a documented error.

How many tables the slow test draws is ``COUNTERPOISE_FUZZ``; they are independent of each other and
of the number of processes: ``COUNTERPOISE_FUZZ=10000 pytest tests/hardening -m slow -n auto``.
"""

import datetime as dt
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, event, given, seed, settings

from benchmarks._samplers import make_sampler
from counterpoise.errors import DecodingError, SchemaError
from tests.hardening.amount import CHUNK, chunks
from tests.small_models import QUICK
from tests.tables import AnyTable, any_tables

pytestmark = pytest.mark.usefixtures("small_compact")

PROFILE = settings(
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)

NO_TABLE_TO_BALANCE = ["more than 1 class", "has 1 row"]
"""Errors that are no schema's: scikit-learn's and imbalanced-learn's words, and ours."""


@settings(PROFILE, max_examples=12, derandomize=True)
@given(table=any_tables())
def test_any_table(table):
    check(table)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("number", chunks(2000))
def test_thousands_of_tables(number):
    @seed(number)
    @settings(PROFILE, max_examples=CHUNK, phases=[Phase.generate], database=None)
    @given(table=any_tables())
    def check_some(table):
        check(table)

    check_some()


def check(table: AnyTable) -> None:
    sampler = make_sampler(**{**QUICK, **table.options}, max_samples_seen=64)
    X, y = table.X.copy(), table.y
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        try:
            X_resampled, y_resampled = sampler.fit_resample(X, y)
        except (SchemaError, DecodingError) as error:
            event(f"{type(error).__name__}: {' '.join(str(error).split()[-6:])}")
            return
        except ValueError as error:
            if not any(words in str(error) for words in NO_TABLE_TO_BALANCE):
                raise
            event("a class with 1 row, or one class")
            return
    event("a result")
    pd.testing.assert_frame_equal(X, table.X)
    check_shape(table, sampler, X_resampled, y_resampled)
    made = X_resampled.iloc[len(X) :]
    identifiers = {one.position for one in sampler.unlearned_columns_ if one.kind == "identifier"}
    for position in range(X.shape[1]):
        real, new = X.iloc[:, position], made.iloc[:, position]
        if position in identifiers:
            assert not set(new.dropna().map(repr)) & set(real.dropna().map(repr))
        else:
            check_column(real, new, table.options)


def check_shape(table, sampler, X_resampled, y_resampled):
    n_real, n_made = len(table.X), sum(sampler.sampling_strategy_.values())
    assert len(X_resampled) == len(y_resampled) == n_real + n_made
    assert sampler.n_synthetic_ == n_made
    assert (X_resampled.dtypes == table.X.dtypes).all()
    pd.testing.assert_frame_equal(X_resampled.iloc[:n_real], table.X)
    assert type(y_resampled) is type(table.y)
    assert list(y_resampled[:n_real]) == list(table.y)
    if hasattr(table.y, "dtype"):
        assert y_resampled.dtype == table.y.dtype
    made = pd.Series(list(y_resampled[n_real:]), dtype=object).value_counts().to_dict()
    assert made == {label: n for label, n in sampler.sampling_strategy_.items() if n}
    if n_made:
        assert len(sampler.provenance_) == n_made
        assert sampler.provenance_["nearest_distance"].between(0, 1).all()
        assert (
            np.asarray(table.y)[sampler.provenance_["nearest_row"]] == y_resampled[n_real:]
        ).all()
        assert 0 <= sampler.copy_rate_ <= 1
        if table.options.get("allow_copies") is False:
            assert sampler.copy_rate_ == 0


def check_column(real, made, options):
    """Compare synthetic cells with the real column that they are of, by their values alone."""
    assert real.isna().any() or not made.isna().any()
    known, present = real.dropna(), made.dropna()
    if not len(present):
        return
    types = {type(value) for value in known}
    is_measured = getattr(real.dtype, "kind", "O") not in "bO" or types == {dt.date}
    is_measured |= types <= {int, float}
    if isinstance(real.dtype, pd.CategoricalDtype) or str in types or not is_measured:
        if str not in types or known.nunique() <= 50:  # else it may be text: new is written
            assert set(map(repr, present)) <= set(map(repr, known))
    elif "range_margin" not in options:
        assert present.min() >= known.min()
        assert present.max() <= known.max()
