"""What hostile tests found in the Python API, and the right value."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks._samplers import make_sampler
from counterpoise import LLMOverSampler
from counterpoise.cli._terminal import printable
from counterpoise.errors import ModelError, SchemaError
from counterpoise.report import report
from tests.persistence.test_saved import resealed
from tests.small_models import QUICK, mixed_frame

pytestmark = pytest.mark.usefixtures("small_compact")

N = 40
Y = np.where(np.arange(N) % 4 == 0, "yes", "no")
NUMBERS = pd.DataFrame({"a": range(N)})


def fitted(X=NUMBERS, y=Y, **parameters):
    sampler = make_sampler(**{**QUICK, "max_samples_seen": 64, **parameters})
    return sampler, *sampler.fit_resample(X, y)


@pytest.mark.parametrize("kind", ["text", "arrow", "zoned", "y frame", "sparse"])
def test_what_is_saved_can_be_used(kind, tmp_path):
    X, y = NUMBERS, Y
    if kind == "text":
        X = pd.DataFrame({"note": [f"a note number {i} of words" for i in range(N)]})
        X["other"] = X["note"].str[::-1]
        parameters = {"column_types": {"note": "text", "other": "text"}}
    else:
        parameters = {}
    if kind == "arrow":
        pa = pytest.importorskip("pyarrow")
        text = pd.ArrowDtype(pa.string())
        X = pd.DataFrame({"a": pd.Series(["x", "y"] * (N // 2), dtype=text)})
        y = pd.Series(Y, dtype=text)
    elif kind == "zoned":
        pa = pytest.importorskip("pyarrow")
        moments = pd.Series(pd.date_range("2020", periods=N, tz="Europe/Rome"))
        zoned = pd.ArrowDtype(pa.timestamp("us", "Europe/Rome"))
        X = pd.DataFrame({"a": moments.astype(zoned), "NaT": range(N)})
    elif kind == "y frame":
        y = pd.DataFrame({"y": Y})
    elif kind == "sparse":
        X = pd.DataFrame({"a": pd.arrays.SparseArray([0.0, 0.5] * (N // 2)), "b": range(N)})
    sampler, whole, _ = fitted(X, y, **parameters)
    sampler.save(tmp_path / "saved")
    loaded = LLMOverSampler.load(tmp_path / "saved")
    for one, other in zip(sampler.sample(5), loaded.sample(5), strict=True):
        assert type(one) is type(other)
        assert np.asarray(one).tolist() == np.asarray(other).tolist()
    made = loaded.sample(2)[0]
    assert made.dtypes.tolist() == whole.dtypes.tolist() == X.dtypes.tolist()


@pytest.mark.parametrize("name", [pd.NaT, np.nan, pd.NA, "n\udfff"])
def test_a_name_that_is_none_is_refused(name):
    X = pd.DataFrame({"a": range(N), "b": range(N)})
    X.columns = pd.Index(["a", name], dtype=object)
    with pytest.raises(SchemaError, match=r"give it a name|surrogate"):
        fitted(X)


def test_labels_around_the_ends_of_64_bits():
    labels = [0 if i % 4 else 2**63 + 1 for i in range(N)]
    for y in (labels, np.array(labels, dtype=object), np.array(labels, dtype=np.uint64)):
        made = fitted(y=y)[2][N:]
        assert {int(label) for label in made} == {2**63 + 1}
    with pytest.raises(ValueError, match="no type of integers"):
        fitted(y=[-label for label in labels[:-1]] + [2**63])


@pytest.mark.parametrize("labels", [((1, 2), (3, 4)), (1, "a"), ("yes\ud800", "no")])
def test_labels_that_cannot_be_used_are_named(labels):
    y = pd.Series([labels[i % 4 == 0] for i in range(N)], dtype=object)
    with pytest.raises((TypeError, SchemaError), match=r"y has labels|the label 'yes"):
        fitted(y=y)


def test_half_a_surrogate_pair_is_reported(tmp_path):
    X = NUMBERS.assign(b=pd.Series(["x\ud800", "y"] * (N // 2), dtype=object))
    found = report(fitted(X)[0])
    found.to_html(tmp_path / "report.html")
    found.to_markdown(tmp_path / "report.md")
    found.to_json(tmp_path / "report.json")
    assert "x\\ud800" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "x\ud800" in json.dumps(
        json.loads((tmp_path / "report.json").read_bytes()), ensure_ascii=False
    )


def test_nothing_that_a_table_holds_controls_the_terminal():
    assert printable("a\x1b[2J\r\x9b\u202eb\n\ud800é") == "a\\x1b[2J\\r\\x9b\\u202eb\n\\ud800é"


def test_the_default_dtype_of_torch_changes_nothing():
    expected = fitted(*mixed_frame(N))[1]
    torch.set_default_dtype(torch.float64)
    try:
        found = fitted(*mixed_frame(N))[1]
    finally:
        torch.set_default_dtype(torch.float32)
    assert found.equals(expected)


def test_fits_in_threads_leave_the_generator_of_torch():
    state = torch.get_rng_state()
    with ThreadPoolExecutor(3) as threads:
        done = list(threads.map(lambda seed: fitted(random_state=seed)[1], [1, 2, 1]))
    assert torch.equal(torch.get_rng_state(), state)
    assert done[0].equals(done[2])
    assert done[0].equals(fitted(random_state=1)[1])


@pytest.mark.parametrize("values", [[0, 0, 0, 1, 1000], [0.5, 7.25], [-3, 3]])
def test_free_decoding_fills_in_means_off_the_grid(values):
    X = pd.DataFrame({"a": np.resize(values, N), "b": range(N)})
    whole = fitted(X, decoding="free", serialization="text", patience=1)[1]
    assert whole["a"].between(min(values), max(values)).all()


def test_a_forged_length_of_text_does_not_hang(tmp_path):
    X = pd.DataFrame({"note": [f"a note number {i}" for i in range(N)], "b": range(N)})
    fitted(X, column_types={"note": "text"})[0].save(tmp_path / "saved")
    path = tmp_path / "saved" / "sampler.json"
    document = json.loads(path.read_text())
    document["schema"]["columns"][1]["max_length"] = 10**6
    document["text_parts"]["1"]["longest"] = 10**6
    path.write_text(json.dumps(document))
    resealed(tmp_path / "saved")
    with pytest.raises(ModelError, match="parts of free text"):
        LLMOverSampler.load(tmp_path / "saved")


def test_numbers_between_two_floats_stay_in_their_range():
    values = 1e15 + np.random.default_rng(0).integers(1, 8, N) / 8
    whole = fitted(pd.DataFrame({"a": values}))[1]
    assert whole["a"].between(values.min(), values.max()).all()


CODES = [f"K{i:03d}" for i in range(N - 1)]


@pytest.mark.parametrize("texts", [["", *CODES], ["n\ud800x", *CODES], ["", "?", *CODES[1:]]])
def test_codes_with_another_text_among_them(texts):
    X = pd.DataFrame({"code": pd.Series(texts * 2, dtype=object), "a": range(2 * N)})
    made = fitted(X, np.tile(Y, 2), column_types={"code": "text"}, id_columns=None)[1]["code"]
    assert set("".join(made)) <= set("".join(texts))
    assert made.str.len().max() <= 4
    keys = [f"{text}{at}" for at, text in enumerate(texts * 2)]
    fitted(X.assign(code=pd.Series(keys, dtype=object)), np.tile(Y, 2))  # are they identifiers?


def test_identifiers_that_are_objects_of_numpy():
    X = NUMBERS.assign(key=pd.Series([np.int64(i) for i in range(N)], dtype=object))
    whole = fitted(X, id_columns=["key"])[1]
    assert whole["key"].tolist() == list(range(len(whole)))


def test_columns_that_are_carried_along_can_be_missing_or_are_refused_before_training():
    X = NUMBERS.assign(key=pd.arrays.SparseArray(range(N)))
    whole = fitted(X, passthrough_columns=["key"])[1]
    assert whole["key"].isna().sum() == len(whole) - N
    assert whole["key"][:N].tolist() == list(range(N))
    X["key"] = pd.interval_range(0, N)
    with pytest.raises(SchemaError, match="in which no cell can be missing"):
        fitted(X, passthrough_columns=["key"])


@pytest.mark.parametrize(
    "form", ["2020-01-{0:02d}T00:00:00+0{1}:00", "{0:02d}.01.000{1}", "{0:02d}.01.20{0:02d}"]
)
def test_dates_in_text_of_any_zone_and_year(form):
    days = [form.format(1 + i % 28, 1 + i % 9) for i in range(2 * N)]
    made = fitted(NUMBERS.iloc[np.resize(range(N), 2 * N)].assign(d=days), np.tile(Y, 2))[1]["d"]
    assert made.str.len().eq(len(days[0])).all()


def test_whole_numbers_that_have_decimals_as_they_are_written():
    X = NUMBERS.assign(n=[f"1.{i:03d},5" for i in range(N)])
    with pytest.raises(SchemaError, match=r"declared integer, but has decimals, as in '1\.000,5'"):
        fitted(X, column_types={"n": "integer"})
