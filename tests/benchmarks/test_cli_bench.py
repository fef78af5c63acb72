from pathlib import Path

import pytest

from tests.benchmarks.doubles import small_frame
from tests.doubles import Shell

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


@pytest.fixture
def folder(shell: Shell) -> Path:
    small_frame(80).to_csv(shell.folder / "mine.csv", index=False)
    shell.write("plan.toml", PLAN)
    return shell.folder


def test_a_file_is_run_and_rendered(shell: Shell, folder: Path) -> None:
    code, out, err = shell("bench", "plan.toml", "--splits", "1", "--output", "out")
    assert (code, out) == (0, "out/report/report.md\n")
    assert "1/2 mine none 0" in err
    assert "2 runs done, 0 failed, 0 had been finished before" in err
    assert (folder / "out/bench.toml").read_text().startswith('protocol = "honest"')
    report = (folder / "out/report/report.md").read_text()
    assert "| mine |" in report
    (folder / "out/report/report.md").unlink()
    assert shell("bench", "report", "out", "-q")[:2] == (0, "out/report/report.md\n")
    assert shell("bench", "plan.toml", "--splits", "1", "-o", "out")[2].endswith(
        "0 runs done, 0 failed, 2 had been finished before\n"
    )


def test_a_failed_run_is_a_failure(shell: Shell, folder: Path) -> None:
    code, _, err = shell("bench", "plan.toml", "--splits", "1", "--limit", "0.001", "-o", "out")
    assert code == 1
    assert "2 failed" in err
    assert "error" not in err.lower().replace("timelimit", "")
    assert "not done after 0.001 s" in (folder / "out/report/report.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "there is no 'nonsense'"),
        (["report"], "a folder goes with report"),
        (["paper", "out"], "a folder goes with report"),
        (["report", "nowhere"], "there are no runs in 'nowhere'"),
        (["paper", "--data-dir", ".", "-o", "out"], "no fuel.csv in"),
        (["plan.toml", "--methods", "none,magic", "-o", "out"], "no method 'magic'"),
        (["plan.toml", "--tables", "german,nope", "-o", "out"], "no table 'nope'"),
    ],
)
def test_a_mistake_is_named(shell: Shell, folder: Path, arguments: list[str], message: str) -> None:
    code, out, err = shell("bench", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert not (folder / "out").exists()
