"""A saved sampler writes the same rows; a folder that was tampered with is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file, save_file
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from benchmarks._samplers import make_sampler
from counterpoise import LLMOverSampler
from counterpoise.errors import ModelError
from counterpoise.persistence._folder import MANIFEST, write_manifest
from tests.small_models import mixed_frame, save_gpt2

FILES = (
    "manifest.json",
    "sampler.json",
    "selection.safetensors",
    "value_counts.safetensors",
    "weights.safetensors",
)


def fitted(**parameters) -> LLMOverSampler:
    X, y = mixed_frame(60)
    X["note"] = [f"note {i} of {i % 7}" for i in range(60)]
    chosen = {"model": "compact", "precision": "float32", "epochs": 1, "random_state": 0}
    sampler = make_sampler(column_types={"note": "text"}, **{**chosen, **parameters})
    sampler.fit_resample(X, y)
    return sampler


@pytest.fixture(scope="module")
def sampler() -> LLMOverSampler:
    return fitted()


@pytest.fixture(scope="module")
def original(sampler, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "sampler"
    sampler.save(folder)
    return folder


@pytest.fixture
def folder(original, tmp_path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "copy"))


def assert_writes_the_same(one, other):
    for _ in range(2):
        pd.testing.assert_frame_equal(one.sample(6)[0], other.sample(6)[0])
    X, y = one.sample(4, random_state=3, condition={"age": 30})
    X_other, y_other = other.sample(4, random_state=3, condition={"age": 30})
    pd.testing.assert_frame_equal(X, X_other)
    assert y.equals(y_other)


@pytest.mark.parametrize(
    ("serialization", "lora_rank"), [("table", None), ("text", None), ("table", 2)]
)
def test_a_pretrained_model_writes_the_same_rows(serialization, lora_rank, tmp_path):
    model = save_gpt2(tmp_path / "gpt2")
    sampler = fitted(model=str(model), serialization=serialization, lora_rank=lora_rank)
    sampler.save(tmp_path / "saved")
    shutil.rmtree(model)
    assert_writes_the_same(sampler, LLMOverSampler.load(tmp_path / "saved"))
    for path, value in [
        (("settings", "n_layer"), 10**9),
        (("settings", "n_embd"), 10**9),
        (("settings", "auto_map"), {"AutoModelForCausalLM": "evil--evil.Evil"}),
        (("model_type",), "../evil"),
        (("lora_rank",), 10**9),
    ]:
        folder = Path(shutil.copytree(tmp_path / "saved", tmp_path / "copy"))
        change(folder, ("model", *path), value)
        with pytest.raises(ModelError):
            LLMOverSampler.load(folder)
        shutil.rmtree(folder)


def test_rules_are_kept(tmp_path):
    X, y = mixed_frame(60)
    X["limit"] = X["age"] + 5
    sampler = make_sampler(
        model="compact",
        epochs=1,
        random_state=0,
        precision="float32",
        fixed_combinations=[("colour", "member")],
        inequalities=[("age", "<=", "limit")],
        allow_copies=False,
    )
    sampler.fit_resample(X, y)
    sampler.save(tmp_path / "rows", include_rows=True)
    loaded = LLMOverSampler.load(tmp_path / "rows")
    real, expected = loaded._constraint_set.real_rows, sampler._constraint_set.real_rows
    np.testing.assert_array_equal(real.codes, expected.codes)
    pd.testing.assert_frame_equal(sampler.sample(9)[0], loaded.sample(9)[0])
    sampler.save(tmp_path / "bare")
    bare = LLMOverSampler.load(tmp_path / "bare")
    with pytest.raises(ValueError, match="needs the real rows"):
        bare.sample(3)


def change(folder, path, value):
    document = json.loads((folder / "sampler.json").read_text())
    at(document, path[:-1])[path[-1]] = value
    (folder / "sampler.json").write_text(json.dumps(document))
    resealed(folder)


@pytest.mark.parametrize("serialization", ["table", "text"])
def test_the_compact_model_writes_the_same_rows(serialization, tmp_path):
    sampler = fitted(serialization=serialization)
    sampler.save(tmp_path / "saved")
    loaded = LLMOverSampler.load(tmp_path / "saved")
    assert_writes_the_same(sampler, loaded)
    assert loaded.get_params() == sampler.get_params()
    assert loaded.history_ == sampler.history_
    assert loaded.sampling_strategy_ == sampler.sampling_strategy_
    assert loaded.classes_.tolist() == sampler.classes_.tolist()
    assert loaded.schema_ == sampler.schema_
    assert loaded.n_features_in_ == sampler.n_features_in_
    assert loaded.feature_names_in_.tolist() == sampler.feature_names_in_.tolist()


@pytest.mark.parametrize("kind", ["array", "list", "polars", "wide names"])
def test_the_kinds_of_x_and_y_are_kept(kind, tmp_path):
    X, y = mixed_frame(30)
    X, y = X[["age", "price"]].fillna(0.0), y.to_numpy()
    if kind == "array":
        X = X.to_numpy()
    elif kind == "list":
        X, y = X.to_numpy().tolist(), y.tolist()
    elif kind == "polars":
        X, y = pytest.importorskip("polars").from_pandas(X), list(y)
    else:
        X.columns = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["x", None])
    sampler = make_sampler(model="compact", epochs=1, random_state=0)
    sampler.fit_resample(X, y)
    sampler.save(tmp_path / "saved")
    loaded = LLMOverSampler.load(tmp_path / "saved")
    for one, other in zip(sampler.sample(5), loaded.sample(5), strict=True):
        assert type(one) is type(other)
        assert np.asarray(one, dtype=object).tolist() == np.asarray(other, dtype=object).tolist()
        if hasattr(one, "columns"):
            assert list(one.columns) == list(other.columns)


def test_no_row_is_stored_unless_asked_for(sampler, original, tmp_path):
    notes = [f"note {i} of {i % 7}" for i in range(60)]
    stored = b"".join(path.read_bytes() for path in original.iterdir())
    assert not any(note.encode() in stored for note in notes)
    assert sorted(path.name for path in original.iterdir()) == sorted(FILES)
    assert len(LLMOverSampler.load(original).training_.rows.corpus) == 0
    sampler.save(tmp_path / "rows", include_rows=True)
    corpus = LLMOverSampler.load(tmp_path / "rows").training_.rows.corpus
    expected = sampler.training_.rows.corpus
    np.testing.assert_array_equal(corpus.codes, expected.codes)
    assert corpus.texts == expected.texts


def test_a_folder_is_not_overwritten_unless_asked_for(sampler, original, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    for overwrite in (False, True):
        with pytest.raises(ModelError, match=r"exists\. Choose another"):
            sampler.save(tmp_path / "mine", overwrite=overwrite)
    folder = Path(shutil.copytree(original, tmp_path / "saved"))
    with pytest.raises(ModelError, match="overwrite=True"):
        sampler.save(folder)
    sampler.save(folder, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "saved"]


def test_an_interrupted_save_leaves_nothing(sampler, tmp_path, monkeypatch):
    from counterpoise.persistence import _folder

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_folder, "write_manifest", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sampler.save(tmp_path / "saved")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_stored_is_named(sampler, tmp_path):
    sampler.set_params(verbose=object())
    try:
        with pytest.raises(ModelError, match="parameter verbose cannot be saved"):
            sampler.save(tmp_path / "saved")
    finally:
        sampler.set_params(verbose=False)


def at(document, path):
    for key in path:
        document = document[key]
    return document


def resealed(folder: Path) -> None:
    (folder / MANIFEST).unlink()
    write_manifest(folder, "0")


@pytest.fixture(scope="module")
def expected(sampler) -> pd.DataFrame:
    X, y = sampler.sample(3, random_state=1)
    return X.assign(churn=y)


def test_a_rewritten_folder_that_says_the_same_is_read(folder, expected):
    document = json.loads((folder / "sampler.json").read_text())
    (folder / "sampler.json").write_text(json.dumps(document))
    for path in folder.glob("*.safetensors"):
        save_file(load_file(path), path)
    resealed(folder)
    X, y = LLMOverSampler.load(folder).sample(3, random_state=1)
    pd.testing.assert_frame_equal(X.assign(churn=y), expected)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(number, folder):
    weights = load_file(folder / "weights.safetensors")
    weights["embedding"][0, 0] = number
    save_file(weights, folder / "weights.safetensors")
    resealed(folder)
    with pytest.raises(ModelError, match=r"weights embedding .* not all finite"):
        LLMOverSampler.load(folder)


def test_what_could_not_be_loaded_is_not_saved(sampler, tmp_path):
    weight = sampler.generator_.model.embedding.data
    before = weight[0, 0].item()
    weight[0, 0] = float("nan")
    try:
        with pytest.raises(ModelError, match="not all finite"):
            sampler.save(tmp_path / "saved")
    finally:
        weight[0, 0] = before
    assert not list(tmp_path.iterdir())


def test_given_classifiers_select_the_same_rows(tmp_path):
    sampler = fitted(selection=[RandomForestClassifier(3), LogisticRegression()])
    sampler.save(tmp_path / "saved")
    assert (tmp_path / "saved" / "selection.skops").is_file()
    assert_writes_the_same(sampler, LLMOverSampler.load(tmp_path / "saved"))


def test_a_classifier_that_cannot_be_checked_is_refused(tmp_path):
    sampler = fitted(selection=SVC())
    with pytest.raises(ModelError, match=r"recipe\.selection cannot be saved: SVC"):
        sampler.save(tmp_path / "saved")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("model", "shape", "n_layers"), 10**9),
        (("model", "shape", "width"), 10**9),
        (("model", "kind"), "../evil"),
        (("text_parts", "7", "longest"), 10**9),
        (("schema", "columns", 1, "high"), 10**400),
        (("schema", "columns", 5, "dtype"), {"unit": "ns", "zone": {"name": "../../etc/passwd"}}),
        (("attributes", "_generation_batch_size", "int"), 0),
        (("attributes", "_X_type", "caller", "kind", "str"), "os"),
        (("parameters", "device"), {"str": "__import__('os')"}),
    ],
)
def test_what_would_take_all_memory_or_leave_the_folder(path, value, folder):
    change(folder, path, value)
    with pytest.raises(ModelError):
        LLMOverSampler.load(folder)


def test_overwriting_deletes_only_what_was_saved(tmp_path):
    from counterpoise.persistence._folder import new_folder, write_manifest

    def write(name, **options):
        with new_folder(tmp_path / name, **options) as folder:
            (folder / "sampler.json").write_text(name)
            write_manifest(folder, "1")

    write("kept", overwrite=False)
    (tmp_path / "kept" / "notes.txt").write_text("mine")
    (tmp_path / "kept").chmod(0o700)
    (tmp_path / "link").symlink_to("kept")
    write("link", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "kept" / "sampler.json").read_text() == "link"
    assert (tmp_path / "kept" / "notes.txt").read_text() == "mine"
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "link"]
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "manifest.json").write_text('{"name": "a web page"}')
    with pytest.raises(ModelError, match="foreign exists"):
        write("foreign", overwrite=True)


def test_a_saved_folder_has_the_usual_permissions(sampler, tmp_path):
    (tmp_path / "usual").mkdir()
    (tmp_path / "usual" / "file").touch()
    sampler.save(tmp_path / "kept")
    kept, usual = tmp_path / "kept", tmp_path / "usual"
    assert kept.stat().st_mode == usual.stat().st_mode
    assert {path.stat().st_mode for path in kept.iterdir()} == {(usual / "file").stat().st_mode}


def test_a_folder_that_cannot_be_saved_to_is_named(sampler, tmp_path):
    (tmp_path / "file").touch()
    for name in ("x" * 260, "file/kept"):
        with pytest.raises(ModelError, match="Cannot save a sampler"):
            sampler.save(tmp_path / name)
