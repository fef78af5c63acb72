"""The table of what each idea adds, and the drawing, from measurements made up here."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.entropy import EFFECTS, draw_figure, effects_table, summary_table


def run(seed: int, setting: tuple[str, str, float], value: float) -> dict[str, Any]:
    found = dict(zip(("training", "condition", "temperature"), setting, strict=True))
    names = "start", "rest", "given_order", "lower", "upper"
    figures: dict[str, Any] = {name: [value, 0.1] for name in names}
    if setting[2] == 1.0:
        figures["cross_entropy"] = [value + 1, 0.1]
    return {"table": "made", "seed": seed, **found, **figures}


RUNS = [
    run(seed, setting, 10.0 + seed + (2.0 + seed if setting == EFFECTS[0][1] else 0.0))
    for setting in dict.fromkeys(setting for _, *settings in EFFECTS for setting in settings)
    for seed in (0, 1)
]


def test_an_effect_is_the_mean_difference_of_runs_of_one_seed():
    lines = effects_table(RUNS).splitlines()
    assert len(lines) == 2 + len(EFFECTS)
    assert lines[2].endswith("| made | +2.50 ± 0.50 | +2.50 ± 0.50 | +2.50 ± 0.50 |")
    assert lines[3].endswith("| made | +0.00 ± 0.00 | +0.00 ± 0.00 | - |")
    assert "| 13.50 ± 2.12 |" not in summary_table(RUNS)
    assert "| 13.00 ± 1.41 |" in summary_table(RUNS)


def test_what_was_not_run_twice_is_left_out():
    lines = effects_table(RUNS[:1]).splitlines()
    assert lines[2].endswith("| made | - | - | - |")


def test_the_same_figures_give_the_same_drawing(tmp_path: Path):
    pytest.importorskip("matplotlib")
    drawings = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for path in drawings:
        draw_figure(RUNS, path)
    assert drawings[0].read_text() == drawings[1].read_text()
    assert "</svg>" in drawings[0].read_text()
