"""What the README shows works."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from tests.doubles import Shell

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def shell_lines() -> list[str]:
    return [line for block in blocks("bash") for line in block.splitlines()]


def test_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    expected = re.findall(r"^print\(.*?\)  # (.*)$", "\n".join(blocks("python")), re.MULTILINE)
    assert [eval(line) for line in printed] == [eval(line) for line in expected]
    more = names["more"]
    assert isinstance(more, pd.DataFrame)
    assert more["plan"].tolist() == ["plus"] * 3


@pytest.mark.parametrize(
    "line", [line for line in shell_lines() if line.startswith("counterpoise ")]
)
def test_commands_run(shell: Shell, line: str) -> None:
    classes = ["stays"] * 20 + ["leaves"] * 10
    table = pd.DataFrame({"zip": range(30), "branch": range(30), "left": classes})
    table.to_csv("customers.csv", index=False)
    table.to_parquet("customers.parquet")
    code, _, err = shell(*shlex.split(line.split(" > ")[0])[1:])
    assert code == 0, err


def test_make_targets_exist() -> None:
    makefile = (Path(__file__).parent.parent / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make ([a-z-]+)", "\n".join(shell_lines()), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_parameters_exist_and_published_values_are_accepted() -> None:
    from counterpoise.models import CompactModel
    from counterpoise.recipes import Recipe

    rows = re.findall(r"^\| [^|]+ \| `(\w+)` \| `([^`]+)` \|", README, re.MULTILINE)
    published = {name: eval(value) for name, value in rows}
    assert len(published) == 11
    assert set(published) - set(Recipe().get_params()) == {"batch_size"}
    CompactModel(batch_size=published.pop("batch_size")).validate()
    Recipe(**published).validate()
