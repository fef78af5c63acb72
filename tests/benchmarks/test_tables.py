import os
from pathlib import Path

import pytest

from benchmarks._tables import NATURAL, PUBLISHED, TableSpec, load_table, read_keel


def test_a_numeric_target_is_cut_and_incomplete_rows_are_dropped(tmp_path):
    rows = ["age,sex,bmi,children,smoker,region,charges"]
    rows += [f"{20 + i},male,2{i}.5,0,no,north,{9998 + i}.5" for i in range(4)] + [",m,1,0,no,n,1"]
    (tmp_path / "insurance.csv").write_text("\n".join(rows))
    table = load_table("insurance", tmp_path)
    assert table.y.tolist() == ["low", "low", "high", "high"]
    assert table.categorical == ["sex", "smoker", "region"]
    assert table.positive == "high"


def test_codes_that_look_like_numbers_stay_categories_and_na_stays_a_word(tmp_path):
    (tmp_path / "t.csv").write_text("code,age,y\n1,39,a\nNA,old,b\n,41,a\n")
    table = load_table(TableSpec("t", "y", numeric=("age",), file=str(tmp_path / "t.csv")))
    assert table.X["code"].fillna("").tolist() == ["1", "NA", ""]
    assert table.X["age"].isna().tolist() == [False, True, False]
    assert table.positive == "b"


def test_the_folder_may_come_from_the_environment(tmp_path, monkeypatch):
    header = "buying,maint,doors,persons,lug_boot,safety,target"
    (tmp_path / "car.csv").write_text(
        f"{header}\nhigh,low,2,4,big,low,vgood\nhigh,low,2,4,big,low,acc\n"
    )
    monkeypatch.setenv("COUNTERPOISE_DATA_DIR", str(tmp_path))
    assert load_table("car").positive == "vgood"


@pytest.mark.parametrize(
    ("spec", "match"),
    [
        ("nonsense", "no table 'nonsense'; there are fuel, german"),
        ("german", r"no german.csv in .*archive.ics.uci.edu.*--data-dir"),
        (TableSpec("t", "z", file="t.csv"), "no column z"),
        (TableSpec("t", "y", file="t.csv", positive="c"), "no row has y = 'c'"),
    ],
)
def test_says_what_is_wrong(spec, match, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("x,y\n1,a\n2,b\n")
    with pytest.raises(ValueError, match=match):
        load_table(spec, tmp_path)


def test_a_table_of_ones_own_needs_a_file_and_a_target():
    with pytest.raises(ValueError, match="needs file, name, target"):
        TableSpec.from_mapping({"name": "t", "target": "y"})
    spec = TableSpec.from_mapping({"name": "t", "target": "y", "file": "t.csv", "numeric": ["x"]})
    assert spec.numeric == ("x",)
    assert spec.is_natural


def test_keels_format(tmp_path):
    path = tmp_path / "t.dat"
    path.write_text(
        "@relation t\n@attribute Sex {M, F}\n@attribute S1 integer[1,4]\n"
        "@attribute W real [0, 1.5]\n@attribute Class{positive,negative}\n@inputs Sex\n"
        "@data\nM, 1, 0.5,negative\nF,4,?,positive\n"
    )
    frame = read_keel(path)
    assert list(frame) == ["Sex", "S1", "W", "Class"]
    assert frame["Class"].tolist() == ["negative", "positive"]
    assert frame["S1"].tolist() == [1, 4]
    assert frame["W"].isna().tolist() == [False, True]
    path.write_text("@attribute a real\n@data\n1,2\n")
    with pytest.raises(ValueError, match="2 cells, not 1"):
        read_keel(path)


@pytest.mark.parametrize("name", ["attrition", "churn", "mortgage", "yeast6", "flare-F"])
def test_tables_of_packages_are_unequal_by_nature(name):
    pytest.importorskip(NATURAL[name].package)
    table = load_table(name)
    counts = table.y.value_counts()
    assert counts[table.positive] == counts.min()
    assert counts.max() > 4 * counts.min()


def test_the_ten_are_there():
    assert len(PUBLISHED) == 10
    assert all(spec.positive and spec.page for spec in PUBLISHED.values())


@pytest.mark.network
@pytest.mark.parametrize("name", ["sick", "adult"])
def test_openml_has_the_columns(name, tmp_path):
    table = load_table(name, tmp_path, allow_network=True)
    assert set(PUBLISHED[name].numeric) <= set(table.X)


PUBLISHED_COUNTS = {
    "adult": {"<=50K": 22654, ">50K": 7508},
    "bank": {"no": 4000, "yes": 521},
    "car": {"unacc": 1210, "acc": 384, "good": 69, "vgood": 65},
    "credit_card": {"Existing Customer": 8500, "Attrited Customer": 1627},
    "fuel": {"high": 281, "low": 358},
    "gem_price": {"high": 12751, "low": 13519},
    "german": {"1": 700, "2": 300},
    "housing": {"high": 8666, "low": 11767},
    "insurance": {"high": 626, "low": 712},
    "sick": {"negative": 3335, "sick": 225},
}


@pytest.mark.skipif(
    "COUNTERPOISE_DATA_DIR" not in os.environ, reason="no folder of tables in COUNTERPOISE_DATA_DIR"
)
@pytest.mark.parametrize("name", PUBLISHED)
def test_the_ten_are_as_published(name):
    table = load_table(name, Path(os.environ["COUNTERPOISE_DATA_DIR"]))
    assert table.y.value_counts().to_dict() == PUBLISHED_COUNTS[name]
    numeric = set(table.X) - set(table.categorical)
    assert numeric == set(PUBLISHED[name].numeric)
