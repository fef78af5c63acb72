"""Selection classifiers come back as they were; a forged one is refused before it predicts."""

from __future__ import annotations

import io
import json
import pickle
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from counterpoise.errors import ModelError
from counterpoise.generation._selection import SelectionClassifier
from counterpoise.persistence._folder import refuse_malformed
from counterpoise.persistence._selection import (
    ESTIMATORS_FILE,
    TREES,
    read_selection,
    write_selection,
)
from tests.small_models import labelled_table, mixed_frame

TABLE = labelled_table(*mixed_frame(80))
FOREST = RandomForestClassifier(3)


def fitted(selection) -> SelectionClassifier:
    classifier = SelectionClassifier.fit(TABLE, np.random.default_rng(0), selection)
    assert classifier is not None
    return classifier


def read(folder: Path, selection) -> SelectionClassifier:
    names = frozenset(path.name for path in folder.iterdir())
    with refuse_malformed(folder):
        return read_selection(folder, names, TABLE.schema, selection)


@pytest.mark.parametrize(
    "selection",
    [
        "classifier",
        HistGradientBoostingClassifier(max_iter=5),
        FOREST,
        ExtraTreesClassifier(2),
        DecisionTreeClassifier(),
        LogisticRegression(max_iter=10_000),
        make_pipeline(StandardScaler(), LogisticRegression()),
        [FOREST, HistGradientBoostingClassifier(max_iter=5)],
    ],
    ids=repr,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_it_selects_the_same_rows(selection, tmp_path):
    classifier = fitted(selection)
    write_selection(classifier, tmp_path)
    again = read(tmp_path, selection)
    np.testing.assert_array_equal(again.margin(TABLE), classifier.margin(TABLE))
    np.testing.assert_array_equal(again.quantiles, classifier.quantiles)
    np.testing.assert_array_equal(again.strata(TABLE), classifier.strata(TABLE))


@pytest.mark.parametrize("how", ["shape", "not finite", "falling", "integers", "gone"])
def test_forged_quantiles_are_refused(how, folder):
    arrays = load_file(folder / TREES)
    quantiles = arrays.pop("quantiles")
    if how == "shape":
        arrays["quantiles"] = quantiles[:, 1:].copy()
    elif how == "not finite":
        arrays["quantiles"] = np.full_like(quantiles, np.nan)
    elif how == "falling":
        arrays["quantiles"] = np.tile(np.arange(9.0)[::-1], (2, 1)).copy()
    elif how == "integers":
        arrays["quantiles"] = np.zeros(quantiles.shape, dtype=np.int64)
    save_file(arrays, folder / TREES)
    with pytest.raises(ModelError):
        read(folder, FOREST)


@pytest.mark.parametrize(
    "selection",
    [
        SVC(),
        KNeighborsClassifier(),
        GradientBoostingClassifier(n_estimators=2),
        GaussianNB(),
        MLPClassifier(max_iter=2, hidden_layer_sizes=4),
        make_pipeline(StandardScaler(), SVC()),
        HistGradientBoostingClassifier(categorical_features=[0]),
    ],
    ids=repr,
)
def test_what_runs_unchecked_compiled_code_is_refused_at_saving(selection, tmp_path):
    with pytest.raises(ModelError, match="cannot be saved"):
        write_selection(fitted(selection), tmp_path)


@pytest.fixture
def folder(tmp_path) -> Path:
    write_selection(fitted(FOREST), tmp_path)
    return tmp_path


def rewrite(folder: Path, change) -> None:
    """Pass the content of every file in the archive, by name, through `change`."""
    path = folder / ESTIMATORS_FILE
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, change(name, content))


def test_a_rewritten_archive_is_read(folder):
    rewrite(folder, lambda _, content: content)
    read(folder, FOREST)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("left_child", 0),
        ("left_child", 2**31),
        ("left_child", 2**60),
        ("left_child", -7),
        ("right_child", 2**40),
        ("right_child", 0),
        ("feature", 2**30),
        ("feature", -(2**40)),
        ("feature", 5_000),
    ],
)
def test_a_forged_tree_is_refused(folder, field, value):
    def change(name, content):
        if not name.endswith(".npy"):
            return content
        array = np.load(io.BytesIO(content))
        if array.dtype.names:
            array.reshape(-1)[field][0] = value
        stream = io.BytesIO()
        np.save(stream, array)
        return stream.getvalue()

    rewrite(folder, change)
    with pytest.raises(ModelError, match="nodes are malformed"):
        read(folder, FOREST)


def replaced(node, key, value):
    """`node` with another value wherever it has `key`."""
    if isinstance(node, dict):
        return {k: value if k == key else replaced(v, key, value) for k, v in node.items()}
    return [replaced(item, key, value) for item in node] if isinstance(node, list) else node


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("node_count", {"__class__": "int", "__module__": "builtins", "__loader__": "JsonNode"}),
        ("node_count", {"content": "1"}),
        ("n_features_in_", {"content": "1000000"}),
        ("n_classes_", {"content": "1000000000000"}),
        ("n_outputs_", {"content": "2"}),
        ("tree_", {"content": "1"}),
        ("__loader__", "FunctionNode"),
        ("__class__", "system"),
        ("__module__", "os"),
        ("__id__", 1),
    ],
)
def test_a_forged_description_is_refused(folder, key, value):
    json_node = {"__class__": "int", "__module__": "builtins", "__loader__": "JsonNode"}
    new = {**json_node, "is_json": True, **value} if isinstance(value, dict) else value

    def change(name, content):
        if name != "schema.json":
            return content
        return json.dumps(replaced(json.loads(content), key, new)).encode()

    rewrite(folder, change)
    with pytest.raises(ModelError):
        read(folder, FOREST)


@pytest.mark.parametrize("how", ["pickle", "pickled array", "compressed", "missing", "number"])
def test_another_file_is_refused(folder, how):
    path = folder / ESTIMATORS_FILE
    if how == "pickle":
        path.write_bytes(pickle.dumps(FOREST))
    elif how == "missing":
        path.unlink()
    elif how == "pickled array":
        stream = io.BytesIO()
        np.save(stream, np.array([FOREST], dtype=object), allow_pickle=True)
        rewrite(folder, lambda n, c: stream.getvalue() if n.endswith(".npy") else c)
    elif how == "compressed":
        with zipfile.ZipFile(path) as archive:
            contents = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w", compression=zipfile.ZIP_DEFLATED) as archive:
            for name, content in contents.items():
                archive.writestr(name, content)
    selection = [FOREST, FOREST] if how == "number" else FOREST
    assert (folder / TREES).is_file()
    with pytest.raises(ModelError):
        read(folder, selection)


def nodes_of(node):
    """Every dict within a description."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from nodes_of(item)


def damage(name: str, content: bytes, chance: random.Random) -> bytes:
    """Change one place of a file of the archive, or none."""
    if name == "schema.json":
        description = json.loads(content)
        node = chance.choice([n for n in nodes_of(description) if n])
        key = chance.choice(sorted(node))
        node[key] = chance.choice([None, 0, "1", [], {}, "numpy", "tuple", "ListNode", 10**30])
        return json.dumps(description).encode()
    if chance.random() < 0.1:
        return content[: chance.randrange(len(content))]
    array = np.load(io.BytesIO(content)).copy()
    if array.size:
        flat = array.reshape(-1)
        row = chance.randrange(flat.size)
        number = chance.choice([0, -1, -(2**40), 2**20, 2**60])
        if array.dtype.names:
            field = chance.choice(["left_child", "right_child", "feature", "threshold"])
            flat[field][row] = number
        else:
            flat[row] = np.int64(number).astype(array.dtype)
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize("is_description", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_damaged_archives_are_refused_or_predict(is_description, tmp_path):
    chance = random.Random(0)
    selection = [
        FOREST,
        make_pipeline(StandardScaler(), LogisticRegression()),
        DecisionTreeClassifier(),
    ]
    classifier = fitted(selection)
    write_selection(classifier, tmp_path)
    original = (tmp_path / ESTIMATORS_FILE).read_bytes()
    n_refused = 0
    for _ in range(150):
        (tmp_path / ESTIMATORS_FILE).write_bytes(original)
        with zipfile.ZipFile(tmp_path / ESTIMATORS_FILE) as archive:
            names = archive.namelist()
        arrays = [name for name in names if name.endswith(".npy")]
        one = "schema.json" if is_description else chance.choice(arrays)
        rewrite(tmp_path, lambda n, c, one=one: damage(n, c, chance) if n == one else c)
        try:
            again = read(tmp_path, selection)
        except ModelError:
            n_refused += 1
        else:
            assert again.margin(TABLE).shape == (len(TABLE),)
    assert n_refused > 20
