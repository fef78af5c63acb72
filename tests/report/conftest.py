"""Tables to report on, whose names are out to break the page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import RandomOverSampler

from counterpoise.columns import Schema
from counterpoise.report._build import LabelledRows, describe_run, summarize
from counterpoise.report._summary import RelationShares, StrategyResult, Summary, Verdict

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


def summary_of_long_names() -> Summary:
    """A report of names, categories and numbers that need much room."""
    rng = np.random.default_rng(0)
    sentence = "The customer wanted to change the tariff because of"
    X = pd.DataFrame(
        {
            "average_monthly_data_consumption_of_the_customer_over_three_years": rng.normal(
                size=90
            ),
            "Donaudampfschifffahrtsgesellschaftskapitaensmuetzenfabrikant": rng.integers(0, 5, 90),
            "MMMMMMMMMMMMMMMMMMMM": rng.normal(0, 1e6, 90).round(2),
            "reason": rng.choice([f"{sentence} its price", f"{sentence} its speed", "W" * 30], 90),
            "\u5ba2\u6237" * 12: rng.choice(["\u662f" * 20, "\u5426" * 20], 90),
        }
    )
    rows = LabelledRows(X, pd.Series(np.where(np.arange(90) % 3, "stays", "leaves_within_a_year")))
    one = RelationShares(
        " = ".join(X.columns[:2]), "formula", "nearly true", 80, 0.99, 0.98, 0.7, 2, (3, 40)
    )
    verdict = make_verdict()
    ((_, results),) = verdict.results.items()
    long = tuple(replace(result, name=f"{result.name}_with_a_long_name") for result in results)
    found = summarize(
        rows,
        rows,
        Schema.infer(X),
        describe_run(RandomOverSampler(random_state=3), model="", model_reason="", seconds={}),
        title="customers_of_the_telephone_company_in_the_year_2024",
        target="churn",
        verdict=replace(verdict, results={"trees": long}),
    )
    return replace(found, relations=(one,))


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
