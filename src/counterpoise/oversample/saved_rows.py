"""Counted values, rules and (where asked for) rows as tensors and JSON, and back.

Whatever is read is checked against the schema: no code may stand for what its column can't have.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from counterpoise.errors import ModelError
from counterpoise.language.grammar import IntArray
from counterpoise.oversample.combination import Combination, Layout
from counterpoise.oversample.copies import RealRows
from counterpoise.oversample.fields import Fields
from counterpoise.oversample.inequality import read_inequalities
from counterpoise.oversample.rows import TrainingRows
from counterpoise.oversample.rules import Rules
from counterpoise.oversample.starts import Starts
from counterpoise.table import ABSENT, Schema, Table, TextColumn

Tensors = Mapping[str, Any]
_COMBINATION = "combination"


def starts_tensors(starts: Starts) -> dict[str, IntArray]:
    """Return counted values as tensors, ``label.position.codes`` and ``label.position.counts``."""
    tensors = {}
    for (label, position), (codes, counts) in starts.counts.items():
        tensors[f"{label}.{position}.codes"] = codes
        tensors[f"{label}.{position}.counts"] = counts
    return tensors


def read_starts(tensors: Tensors, schema: Schema) -> Starts:
    """Read counted values."""
    own = {n: t for n, t in tensors.items() if not n.startswith(f"{_COMBINATION}.")}
    counts: dict[tuple[int, int], tuple[IntArray, IntArray]] = {}
    for name, codes in own.items():
        label, position, what = name.split(".")
        if what == "counts":
            continue
        key = int(label), int(position)
        if not 0 < key[1] < len(schema) or name != f"{key[0]}.{key[1]}.codes":
            raise ModelError(f"there are counted values {name!r} of no column")
        n_each = own[f"{label}.{position}.counts"]
        _check_counts(codes, n_each, schema, key)
        counts[key] = codes, n_each
    if len(own) != 2 * len(counts) or not counts:
        raise ModelError("the counted values are not whole")
    return Starts(schema, dict(sorted(counts.items())))


def _check_counts(codes: Any, n_each: Any, schema: Schema, key: tuple[int, int]) -> None:
    column, of_class = schema[key[1]], schema[0]
    assert not isinstance(of_class, TextColumn)
    is_right = (
        not isinstance(column, TextColumn)
        and codes.dtype == n_each.dtype == np.int64
        and codes.ndim == 1
        and codes.shape == n_each.shape
        and bool((codes[1:] > codes[:-1]).all() and (n_each > 0).all() and n_each.sum() < 2**62)
        and bool(column.contains(codes).all())
        and bool(of_class.contains(np.array([key[0]])).all())
    )
    if not is_right:
        raise ModelError(f"there are counted values that column {column.name!r} cannot have")


def describe_rules(rules: Rules) -> dict[str, Any]:
    """Return what of the rules is not in the parameters, with JSON types only."""
    return {
        "columns": rules.layout.schema.to_dict(),
        "combinations": [list(c.members) for c in rules.layout.combinations],
    }


def rules_tensors(rules: Rules) -> dict[str, IntArray]:
    """Return the combinations that rows are held to."""
    combinations = rules.layout.combinations
    return {f"{_COMBINATION}.{i}.codes": c.codes for i, c in enumerate(combinations)}


def read_rules(fields: Fields, tensors: Tensors, sampler: Any) -> Rules:
    """Read rules, without the real rows; `sampler` has the parameters already."""
    schema = Schema.from_dict(fields.raw("columns"))
    combinations = []
    taken: set[int] = set()
    for number, members in enumerate(fields.items("combinations")):
        codes = tensors[f"{_COMBINATION}.{number}.codes"]
        if (
            type(members) is not list
            or any(type(m) is not int or not 0 < m < len(schema) for m in members)
            or len(members) < 2
            or len(set(members) | taken) < len(members) + len(taken)
            or codes.dtype != np.int64
            or codes.ndim != 2
            or not len(codes)
            or codes.shape[1] != len(members)
        ):
            raise ModelError(f"the combination {number} is malformed")
        taken |= set(members)
        _check_cells(schema, codes, members)
        combinations.append(Combination(tuple(members), codes))
    if sum(n.startswith(f"{_COMBINATION}.") for n in tensors) != len(combinations):
        raise ModelError("there are combinations of no columns")
    inequalities = tuple(read_inequalities(schema, sampler.inequalities or ()))
    layout = Layout(schema, tuple(combinations))
    return Rules(layout, inequalities, None, sampler.allow_copies)


def no_rows(schema: Schema) -> Table:
    """Return a table without rows."""
    texts = {at: () for at, column in enumerate(schema) if isinstance(column, TextColumn)}
    return Table(schema, np.empty((0, len(schema)), dtype=np.int64), texts)


def rows_to_store(rows: TrainingRows, rules: Rules) -> tuple[dict[str, IntArray], dict[str, Any]]:
    """Return the training rows, and the real rows that none may copy, as tensors and JSON."""
    corpus = rows.corpus
    keys = sorted(rules.real_rows.keys, key=repr) if rules.real_rows else []
    raw = [key if isinstance(key, bytes) else key[0] for key in keys]  # type: ignore[index]
    n_columns = len(corpus.schema)
    real = np.frombuffer(b"".join(raw), dtype=np.int64).reshape(-1, n_columns)
    strings = [[] if isinstance(key, bytes) else list(key[1:]) for key in keys]  # type: ignore[index]
    texts = {str(position): list(strings) for position, strings in corpus.texts.items()}
    return (
        {"codes": corpus.codes, "real": real},
        {"n_real": rows.n_real, "texts": texts, "real_texts": strings},
    )


def read_rows(
    tensors: Tensors, fields: Fields, without: TrainingRows
) -> tuple[TrainingRows, RealRows]:
    """Read what `rows_to_store` stored; `without` has all but the rows."""
    schema = without.corpus.schema
    texts = {
        int(position): tuple(map(_string, strings))
        for position, strings in fields.raw("texts").items()
    }
    corpus = Table(schema, tensors["codes"], texts)
    n_real = fields.whole("n_real", high=len(corpus))
    real, strings = tensors["real"], fields.items("real_texts")
    fields.done()
    if len(tensors) != 2 or real.dtype != np.int64 or real.shape != (len(strings), len(schema)):
        raise ModelError("the stored rows are malformed")
    _check_cells(schema, corpus.codes, range(len(schema)), corpus.texts)
    keys: list[Hashable] = [
        row.tobytes() if not texts else (row.tobytes(), *map(_string, own))
        for row, own in zip(np.ascontiguousarray(real), strings, strict=True)
    ]
    return replace(without, corpus=corpus, n_real=n_real), RealRows(frozenset(keys))


def _check_cells(
    schema: Schema,
    codes: IntArray,
    positions: Any,
    texts: Mapping[int, tuple[str, ...]] | None = None,
) -> None:
    """Check that each column of `codes` is of what the column at its position can have."""
    for cells, position in zip(codes.T, positions, strict=True):
        column = schema[position]
        known = np.ascontiguousarray(cells[cells != ABSENT])
        if isinstance(column, TextColumn):
            inside = column.contains(known, (texts or {}).get(position, ()))
        else:
            inside = column.contains(known)
        if not inside.all():
            raise ModelError(f"there are cells that column {column.name!r} cannot have")


def _string(value: Any) -> str:
    if type(value) is not str:
        raise ModelError(f"a text is {value!r}")
    return value
