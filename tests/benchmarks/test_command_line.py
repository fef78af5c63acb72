from pathlib import Path

import pytest

from benchmarks.__main__ import COMMANDS, main
from benchmarks.report import MEASUREMENTS
from tests.benchmarks.doubles import small_frame

PLAN = """\
protocol = "honest"
tables = ["mine"]
methods = ["none", "random"]
classifiers = ["logistic-regression"]
n_splits = 2
threshold_folds = 2

[[table]]
name = "mine"
file = "mine.csv"
target = "left"
positive = "yes"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    small_frame(80).to_csv("mine.csv", index=False)
    Path("plan.toml").write_text(PLAN, encoding="utf-8")
    return tmp_path


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for name, module in {**COMMANDS, **MEASUREMENTS}.items():
        assert name in text
        assert str(module.__doc__).splitlines()[0].split()[0] in text


def test_a_plan_is_run_and_rendered(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ["run", "plan.toml", "--splits", "1", "--output", "out"]
    assert main(run) == 0
    out, err = capsys.readouterr()
    assert out == "out/report.md\n"
    assert "1/2 mine none 0" in err
    assert "2 runs done, 0 failed, 0 had been finished before" in err
    report = folder / "out/report.md"
    text = report.read_text()
    assert "| mine |" in text
    report.unlink()
    assert main(["report", "out"]) == 0
    assert report.read_text() == text
    assert main(run) == 0
    assert capsys.readouterr().err.endswith("0 runs done, 0 failed, 2 had been finished before\n")


def test_a_report_needs_the_csv_files_only(folder: Path) -> None:
    main(["run", "plan.toml", "--splits", "1", "--output", "out"])
    text = (folder / "out/report.md").read_text()
    (folder / "kept").mkdir()
    for name in ("runs.csv", "scores.csv", "about.json", "plan.json"):
        (folder / "out" / name).rename(folder / "kept" / name)
    assert main(["report", "kept"]) == 0
    assert (folder / "kept/report.md").read_text() == text


def test_a_failed_run_is_a_failure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "plan.toml", "--splits", "1", "--limit-s", "0.001", "-o", "out"]) == 1
    assert "2 failed" in capsys.readouterr().err
    assert "not done after 0.001 s" in (folder / "out/report.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nonsense"], "there is no 'nonsense'"),
        (["report", "nowhere"], "there are no runs in 'nowhere'"),
        (["run", "paper", "--data-dir", ".", "-o", "out"], "no fuel.csv in"),
        (["run", "plan.toml", "--methods", "none", "magic", "-o", "out"], "no method 'magic'"),
        (["run", "plan.toml", "--tables", "german", "nope", "-o", "out"], "no table 'nope'"),
    ],
)
def test_a_mistake_is_named(
    arguments: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert not (folder / "out").exists()


def test_variants_are_compared(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("xgboost")
    header = "age,sex,bmi,children,smoker,region,charges\n"
    rows = [
        f"{20 + i % 40},{'mf'[i % 2]},2{i % 7}.5,{i % 3},no,north,{8000 + 100 * i}.5"
        for i in range(60)
    ]
    Path("insurance.csv").write_text(header + "\n".join(rows), encoding="utf-8")
    names = ["none", 'three={"method": "smote", "k_neighbors": 3}']
    arguments = ["quality", "--tables", "insurance", "--data-dir", ".", "--seeds", "1"]
    assert main([*arguments, "--variant", *names, "--output", "out"]) == 0
    out = capsys.readouterr().out
    assert "| insurance | none | 1 of 1 |" in out
    assert "| insurance | three | 1 of 1 |" in out


def test_a_measurement_is_kept_and_rendered_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ["--n-rows", "2", "4", "--samples-seen", "100", "200", "--columns", "2", "3"]
    assert main(["scaling", *sizes, "--n-columns", "2", "--n-fixed", "2", "-o", "out"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("| what grows | sizes | seconds | exponent |")
    assert (folder / "out/report.md").read_text() == out
    assert main(["report", "out"]) == 0
    assert capsys.readouterr().out == out
