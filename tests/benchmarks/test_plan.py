from dataclasses import asdict

import pytest

from benchmarks._output import write_json
from benchmarks._plan import PLAN_FILE, Plan, default_plan, plan_of, read_plan


def test_a_plan_survives_its_file(tmp_path):
    plan = Plan(
        protocol="paper",
        tables=("mine", "german"),
        methods=("none", "cool"),
        n_splits=2,
        llm={"lora_rank": 4},
        method={"cool": {"recipe": "imbllm", "temperature": 0.5}, "k": {"parameters": {"a": [1]}}},
        cap={"german": {"max_train_rows": 100}},
        table=({"name": "mine", "target": 'a "b"', "file": "x.csv", "numeric": ["ä"]},),
    )
    write_json(tmp_path / PLAN_FILE, asdict(plan))
    assert plan_of(tmp_path) == plan


def test_what_a_file_leaves_out_is_the_protocols(tmp_path):
    (tmp_path / "b.toml").write_text('protocol = "paper"\nmethods = ["none"]\n')
    plan = read_plan(tmp_path / "b.toml")
    assert plan.tables == default_plan("paper").tables
    assert plan.methods == ("none",)
    assert plan.resolved_protocol.n_splits == 3


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("seeds = 3", "unknown key seeds; known are"),
        ('protocol = "mine"', r"protocol must be one of \['paper', 'honest'\]"),
        ('tables = ["nope"]', "no table 'nope'"),
        ('classifiers = ["svm"]', "no classifier 'svm'"),
        ("cap.german.rows = 3", "cap.german may have max_samples_seen, max_train_rows"),
        ("tables = [", "not valid TOML"),
    ],
)
def test_a_mistake_in_a_file_is_named(text, match, tmp_path):
    (tmp_path / "b.toml").write_text(text)
    with pytest.raises(ValueError, match=match):
        read_plan(tmp_path / "b.toml")


def test_settings_of_the_plan_change_the_protocol_and_the_language_models():
    plan = Plan("honest", n_splits=4, threshold_folds=0, max_samples_seen=99, model="m")
    assert plan.resolved_protocol.n_splits == 4
    assert plan.resolved_protocol.threshold_folds == 0
    assert plan.llm_arguments_of("german") == {"model": "m", "max_samples_seen": 99}
    assert default_plan("honest").resolved_protocol.n_splits >= 10


def test_the_command_line_is_stronger_than_a_limit_of_a_table_or_of_every_model():
    plan = Plan(
        cap={"adult": {"max_samples_seen": 7, "max_train_rows": 5}},
        llm={"model": "auto", "lora_rank": 4},
    )
    changed = plan.changed(max_samples_seen=99, model="compact")
    assert changed.llm_arguments_of("adult") == {
        "model": "compact",
        "lora_rank": 4,
        "max_samples_seen": 99,
    }
    assert changed.train_rows_of("adult") == 5


def test_a_table_can_have_limits_of_its_own():
    plan = Plan(
        max_train_rows=500, cap={"adult": {"max_samples_seen": 7}, "bank": {"max_train_rows": 9}}
    )
    assert [plan.train_rows_of(name) for name in ("adult", "bank", "car")] == [500, 9, 500]
    assert plan.llm_arguments_of("adult") == {"model": "compact", "max_samples_seen": 7}
    assert plan.llm_arguments_of("bank") == {"model": "compact"}
