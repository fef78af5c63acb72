"""A column type of one's own is one class in one file: IPv4 addresses, which nothing else knows."""

from __future__ import annotations

import ipaddress
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import pandas as pd
import pytest

from counterpoise import LLMOverSampler
from counterpoise.columns import (
    MISSING,
    Codes,
    Column,
    Schema,
    Table,
    register_column_type,
)
from counterpoise.grammar import Automaton, expand, framed, from_steps
from counterpoise.metrics._distance import distances, encode
from counterpoise.report._build import column_facts, compare_columns
from counterpoise.serialization import (
    CharacterTokenizer,
    serialize,
    table_serializer,
    text_serializer,
)


def is_address(cell: Any) -> bool:
    try:
        ipaddress.IPv4Address(cell)
    except ValueError:
        return False
    return isinstance(cell, str)


@register_column_type
@dataclass(frozen=True)
class AddressColumn(Column):
    """Strings such as 10.0.0.1; the code is the address as a 32-bit integer."""

    kinds = ("ipv4",)

    @classmethod
    def recognizes(cls, series: pd.Series[Any]) -> bool:
        return all(map(is_address, series.dropna()))

    @classmethod
    def infer(cls, series: pd.Series[Any], kind: str | None = None) -> Self:
        return cls(series.name, "ipv4", series.dtype, bool(series.isna().any()))

    def encode(self, series: pd.Series[Any]) -> Codes:
        self.check_dtype(series)
        self.check_missing(series.isna().to_numpy())
        codes = [MISSING if pd.isna(c) else int(ipaddress.IPv4Address(c)) for c in series]
        return np.array(codes, dtype=np.int64)

    def decode(self, codes: Codes) -> pd.Series[Any]:
        cells = [None if code == MISSING else self.text(code) for code in codes.tolist()]
        return pd.Series(cells, name=self.name, dtype=self.dtype)

    def contains(self, codes: Codes) -> np.ndarray:
        inside = (codes >= 0) & (codes < 2**32)
        return inside | (codes == MISSING) if self.has_missing else inside

    @property
    def n_values(self) -> float:
        return 2**32

    def domain(self) -> str:
        return "IPv4 addresses"

    def symbol_automaton(self) -> Automaton:
        """One symbol per octet."""

        def steps(place: Hashable) -> Any:
            at = cast(int, place)
            for octet in range(256):
                yield (at, octet), (at + 1 if at < 3 else None), 256, octet

        return from_steps(0, steps)

    def symbols(self, code: int) -> list[Hashable]:
        return list(enumerate(code.to_bytes(4)))

    def text_automaton(self) -> Automaton:
        after = ("." * 3 + ",").__getitem__
        texts = expand(self.symbol_automaton(), lambda s: f"{s[1]}{after(s[0])}")  # type: ignore[index]
        return framed(texts, " ")

    def text(self, code: int) -> str:
        return str(ipaddress.IPv4Address(code))


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    hosts = rng.integers(1, 255, 60)
    addresses = [f"10.{host % 3}.0.{host}" for host in hosts]
    return pd.DataFrame({"source": [*addresses[:59], None], "size": rng.integers(1, 99, 60)})


def test_it_is_inferred_and_survives_json(frame: pd.DataFrame) -> None:
    schema = Schema.infer(frame)
    assert [column.kind for column in schema] == ["ipv4", "integer"]
    assert Schema.infer(frame, kinds={"source": "categorical"})[0].kind == "categorical"
    assert Schema.from_dict(schema.to_dict()) == schema
    pd.testing.assert_frame_equal(Table.from_frame(frame, schema).to_frame(), frame)


def test_both_serializers_encode_it(frame: pd.DataFrame) -> None:
    table = Table.from_frame(frame, Schema.infer(frame))
    for serializer in (table_serializer(table), text_serializer(table, CharacterTokenizer())):
        assert len(serialize(table, serializer)) == 60
        cell = serializer.cells[0]
        code = table.codes[0, 0]
        assert cell.automaton.read(cell.encode(int(code))) == code


def test_free_text_is_read_and_a_condition_is_looked_up(frame: pd.DataFrame) -> None:
    column = Schema.infer(frame)[0]
    assert column.read_text("0.0.1.2") == (258, True)
    assert column.read_text("0.0.1.256") == (None, False)
    assert column.code_of("0.0.1.2") == 258
    with pytest.raises(ValueError, match="'source'"):
        column.code_of("0.0.1.256")


def test_a_sampler_generates_new_addresses(frame: pd.DataFrame, tmp_path: Path) -> None:
    y = np.where(np.arange(60) % 4 == 0, "attack", "normal")
    sampler = LLMOverSampler(random_state=0)
    X, _ = sampler.fit_resample(frame, y)
    synthetic = X.iloc[60:].reset_index(drop=True)
    present = synthetic["source"].dropna()
    assert len(present) > 0
    assert all(map(is_address, present))
    assert set(present) - set(frame["source"])
    sampler.save(tmp_path / "saved")
    loaded = LLMOverSampler.load(tmp_path / "saved")
    assert is_address(loaded.sample(1)[0]["source"].iloc[0] or "0.0.0.0")


def test_distances_and_the_report_take_it(frame: pd.DataFrame) -> None:
    schema = Schema.infer(frame)
    (rows,) = encode(schema, [frame])
    assert distances(rows, rows)[0, 0] == 0
    assert column_facts(frame, schema)[0].domain == "IPv4 addresses"
    assert {c.name for c in compare_columns(frame, frame, schema)} == {"source", "size"}


def test_a_kind_belongs_to_one_class() -> None:
    class Other(AddressColumn):
        kinds = ("text",)

    with pytest.raises(ValueError, match="TextColumn already"):
        register_column_type(Other)
