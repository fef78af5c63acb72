from __future__ import annotations

import inspect
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from imblearn.pipeline import make_pipeline
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB

import counterpoise
from counterpoise import DistilledClassifier, LLMOverSampler
from counterpoise.errors import (
    CounterpoiseError,
    DecodingError,
    MissingDependencyError,
    ModelError,
    SchemaError,
)
from counterpoise.recipes import get_recipe


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (SchemaError("m", column="age", value=3), ValueError),
        (DecodingError("m", column="age", class_="yes"), RuntimeError),
        (ModelError("m", path="folder"), ValueError),
        (MissingDependencyError("m", extra="parquet"), ImportError),
    ],
)
def test_errors_are_builtin_errors_that_carry_their_context(
    error: CounterpoiseError, builtin: type[Exception]
) -> None:
    assert isinstance(error, CounterpoiseError)
    assert isinstance(error, builtin)
    assert str(error) == "m"
    restored = pickle.loads(pickle.dumps(error))
    assert type(restored) is type(error)
    assert str(restored) == "m"
    assert restored.context == error.context


def test_context_is_also_named() -> None:
    assert SchemaError("m").column is None
    assert SchemaError("m", column=3).column == 3
    error = DecodingError("m", column="age", class_="yes")
    assert (error.column, error.class_) == ("age", "yes")
    assert MissingDependencyError("m", extra="lora").extra == "lora"


SHORT = get_recipe("counterpoise", max_samples_seen=20)
X = pd.DataFrame({"a": range(40), "id": [f"A-{at:04}" for at in range(40)]})
Y = ["n"] * 36 + ["y"] * 4


@pytest.mark.parametrize(
    ("call", "pattern"),
    [
        (lambda: LLMOverSampler(recipe=SHORT).fit(X, Y), "class 'y' has 4 rows"),
        (lambda: LLMOverSampler(recipe=SHORT).fit_resample(X, Y), "class 'y' has 4 rows"),
        (
            lambda: cross_val_score(
                make_pipeline(LLMOverSampler(recipe=SHORT), GaussianNB()), X[["a"]], Y, cv=2
            ),
            "class 'y' has 2 rows",
        ),
        (lambda: DistilledClassifier(GaussianNB(), n_synthetic=0).fit(X, Y), "identifiers"),
    ],
    ids=["fit", "fit_resample", "pipeline", "distilled"],
)
def test_warnings_point_at_the_users_line(call: Callable[[], object], pattern: str) -> None:
    with pytest.warns(UserWarning, match=pattern) as caught:
        call()
    lines, start = inspect.getsourcelines(call)
    warnings_of_it = [one for one in caught if re.search(pattern, str(one.message))]
    assert {one.filename for one in warnings_of_it} == {__file__}
    assert all(start <= one.lineno < start + len(lines) for one in warnings_of_it)


def test_no_other_place_of_the_library_warns() -> None:
    """`warn_user` finds the user's line, which a fixed stacklevel cannot."""
    sources = Path(counterpoise.__file__).parent.rglob("*.py")
    warning = [
        path.name
        for path in sources
        if re.search(r"warnings\.warn|warn_explicit|stacklevel", path.read_text(encoding="utf-8"))
    ]
    assert warning == ["errors.py"]
