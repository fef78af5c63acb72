"""Tables to report on, whose names are out to break the page."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler

from counterpoise.columns import Schema
from counterpoise.report._build import LabelledRows, describe_run, summarize
from counterpoise.report._summary import StrategyResult, Summary, Verdict

HOSTILE = "<img src=x onerror=alert(1)>"
"""A column and a category that would run, were they not shown as text."""
CLOSING = "</script></style></svg><script>alert(2)</script>"


def make_rows(n: int, seed: int, *, shift: float = 0.0) -> LabelledRows:
    """Rows of two classes with numbers, dates, categories and missing cells."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, n).astype(float)
    age[rng.random(n) < 0.1] = np.nan
    X = pd.DataFrame(
        {
            HOSTILE: rng.choice(["a", CLOSING, "'\"&"], n),
            "age": age,
            "income": rng.normal(50 + shift, 10, n).round(2),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 500, n), "D"),
            "plan | tariff": rng.choice([f"plan {i}" for i in range(20)], n),
            "constant": "same",
        }
    )
    return LabelledRows(
        X, pd.Series(np.where(np.arange(n) % 3 == 0, "leaves", "stays"), name="left")
    )


def make_verdict() -> Verdict:
    scores = {"PR-AUC": 0.57, "F1": 0.5}
    return Verdict(
        decision="use",
        strategy="counterpoise",
        sentence=f"Use counterpoise on {CLOSING}.",
        reasons=("Because.",),
        score="PR-AUC",
        smallest_difference=0.01,
        results={
            "trees": (
                StrategyResult("nothing", scores, 0.57, None, None, None, 0.1),
                StrategyResult("SMOTENC", scores, 0.56, -0.01, (-0.04, 0.02), 0.6, 0.2),
                StrategyResult("counterpoise", scores, 0.61, 0.04, (0.02, 0.06), 0.001, 9.0),
            )
        },
        method="Five folds.",
    )


@pytest.fixture(scope="session")
def summary() -> Summary:
    real, synthetic, holdout = make_rows(150, 0), make_rows(60, 1, shift=8), make_rows(90, 2)
    is_minority = (synthetic.y == "leaves").to_numpy()
    synthetic = LabelledRows(synthetic.X[is_minority], synthetic.y[is_minority])
    provenance = pd.DataFrame(
        {
            "class": "leaves",
            "condition_column": ["age", HOSTILE] * (len(synthetic.X) // 2),
            "condition_value": 1,
            "log_likelihood": -1.5,
        }
    )
    return summarize(
        real,
        synthetic,
        Schema.infer(real.X),
        describe_run(RandomOverSampler(random_state=3), model="", model_reason="", seconds={}),
        title=CLOSING,
        target="left",
        holdout=holdout,
        provenance=provenance,
        verdict=make_verdict(),
    )
