import numpy as np
import pandas as pd
import pytest

from benchmarks.protocol import load_table, read_rows, score_classifier, split_table


def labels(n_major=80, n_minor=20):
    return pd.Series(["many"] * n_major + ["few"] * n_minor)


def test_the_minority_in_training_is_cut_to_a_fifth_and_nothing_overlaps():
    y = labels()
    split = split_table(y, "few", seed=0)
    assert (y.iloc[split.test] == "few").sum() == 4
    assert (y.iloc[split.train] == "few").sum() == 3  # a fifth of 16
    assert (y.iloc[split.cut] == "few").all()
    together = np.concatenate([split.train, split.test, split.cut])
    assert sorted(together) == list(range(100))


def test_a_quick_run_draws_fewer_rows_of_the_same_split():
    whole, quick = (split_table(labels(800, 200), "few", 0, limit) for limit in (None, 100))
    assert len(quick.train) == 100
    assert set(quick.train) <= set(whole.train)
    assert (quick.test == whole.test).all()


def test_rows_are_read_as_the_table_has_them(tmp_path):
    (tmp_path / "rows.csv").write_text("code,age\n1,39\nNA,old\n,41\n")
    frame = read_rows(tmp_path / "rows.csv", ["age"])
    assert frame["code"].fillna("").tolist() == ["1", "NA", ""]
    assert frame["age"].isna().tolist() == [False, True, False]


def test_a_numeric_target_is_cut(tmp_path):
    rows = ["age,sex,bmi,children,smoker,region,charges"]
    rows += [f"{20 + i},male,2{i}.5,0,no,north,{9998 + i}.5" for i in range(4)]
    (tmp_path / "insurance.csv").write_text("\n".join(rows))
    table = load_table("insurance", tmp_path)
    assert table.y.tolist() == ["low", "low", "high", "high"]
    assert table.categorical == ["sex", "smoker", "region"]


def test_the_classifier_is_scored_on_the_minority():
    pytest.importorskip("xgboost")
    X = pd.DataFrame({"a": range(100), "b": ["x", "y"] * 50})
    y = labels(50, 50)
    scores = score_classifier((X, y), (X.iloc[::-1], y.iloc[::-1]), "few", ["b"])
    assert scores == {"f1": 1.0, "pr_auc": 1.0, "balanced_accuracy": 1.0}
