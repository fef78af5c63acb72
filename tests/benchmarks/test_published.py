import numpy as np
import pandas as pd

from benchmarks.arms.published import parse_sentences, repair, sentence

COLUMNS = ["age", "plan", "left"]


def test_a_sentence_is_parsed_back():
    row = {"age": "39", "plan": "basic", "left": "yes"}
    written = sentence(row, "left", np.random.default_rng(3))
    assert written.startswith("left is yes, ")
    assert parse_sentences([written], COLUMNS).iloc[0].to_dict() == row


def test_the_first_value_counts_and_other_names_do_not():
    parsed = parse_sentences(["age is 3, age is 4, weight is 5, plan is"], COLUMNS)
    assert parsed["age"].tolist() == ["3"]
    assert parsed["plan"].isna().all()


def test_repair_takes_mode_and_mean():
    real = pd.DataFrame({"age": [10, 20], "plan": ["plus", "plus"], "left": ["yes", "yes"]})
    parsed = pd.DataFrame({"age": ["x", "12"], "plan": [None, "plu"], "left": ["yes", "yes"]})
    repaired = repair(parsed, real, ["age"])
    assert repaired["age"].tolist() == [15.0, 12.0]
    assert repaired["plan"].tolist() == ["plus", "plus"]
