import pandas as pd
import pytest

from benchmarks._report import (
    cliques,
    difference_table,
    draw_ranking,
    paired_means,
    rank,
    score_table,
    table_differences,
)
from benchmarks._results import Results
from benchmarks._statistics import rank_methods


def results(values):
    """`values`: (table, method, split) -> PR-AUC."""
    rows = [
        {"table": t, "method": m, "split": s, "classifier": "c", "metric": "pr_auc", "value": v}
        for (t, m, s), v in values.items()
    ]
    return Results(pd.DataFrame(), pd.DataFrame(rows), {})


FOUND = results(
    {
        ("t0", "none", 0): 0.5,
        ("t0", "none", 1): 0.7,
        ("t0", "smote", 0): 0.8,
        ("t0", "full", 0): 0.9,
        ("t0", "full", 1): 0.9,
        ("t1", "none", 0): 0.3,
        ("t1", "smote", 0): 0.1,
        ("t1", "full", 0): 0.9,
    }
)


def test_means_spreads_and_how_many_splits():
    table = score_table(FOUND, "pr_auc", "c", ["none", "smote", "full"])
    assert table.loc["t0"].tolist() == ["0.600 ± 0.141", "**0.800** (1)", "0.900 ± 0.000"]
    more = results({("t", "a", 0): 0.6, ("t", "a", 1): 0.1, ("t", "b", 0): 0.5})
    assert score_table(more, "pr_auc", "c", ["a", "b"]).loc["t", "a"] == "**0.350** ± 0.354"
    assert table.loc["t1", "none"] == "**0.300**"
    assert list(table.columns) == ["none", "smote", "full"]


def test_only_splits_that_every_method_has_are_compared():
    means = paired_means(FOUND, "pr_auc", "c")
    assert means.to_dict() == {"none": {"t0": 0.5, "t1": 0.3}, "smote": {"t0": 0.8, "t1": 0.1}}
    (found,) = difference_table(FOUND, "pr_auc", "c", "none")
    assert found.mean_difference == pytest.approx(0.05)
    assert difference_table(FOUND, "pr_auc", "c", "absent") == []


def test_a_method_that_most_tables_lack_is_not_ranked():
    values = {(f"t{i}", m, 0): 0.1 * i for i in range(4) for m in ("a", "b")}
    ranking = rank(results({**values, ("t0", "rare", 0): 1.0}), "pr_auc", "c")
    assert set(ranking.mean_ranks.index) == {"a", "b"}
    assert ranking.n_tables == 4


def test_differences_within_a_table_need_five_splits():
    values = {("t0", m, s): 0.1 * s + (m == "b") for m in "ab" for s in range(5)}
    (found,) = table_differences(results(values), "pr_auc", "c", "a").itertuples()
    assert (found.n, found.method) == (5, "b")
    assert found.mean == pytest.approx(-1.0)
    assert table_differences(FOUND, "pr_auc", "c", "none").empty


def test_groups_are_the_widest():
    assert cliques([1.0, 2.0, 3.0], 5.0) == [(0, 2)]
    assert cliques([1.0, 2.0, 3.0], 1.0) == [(0, 1), (1, 2)]
    assert cliques([1.0, 2.0, 3.0], 0.5) == []


def test_the_diagram_is_drawn_and_drawn_the_same(tmp_path):
    pytest.importorskip("matplotlib")
    scores = pd.DataFrame({"a": [3.0, 3, 3], "b": [2.0, 2, 1], "c": [1.0, 1, 2]})
    for name in ("one", "two"):
        paths = [tmp_path / f"{name}.svg", tmp_path / f"{name}.png"]
        draw_ranking(rank_methods(scores), "PR-AUC", paths)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert (tmp_path / "one.png").stat().st_size > 1000
