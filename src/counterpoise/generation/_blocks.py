"""Wide tables: blocks of columns that go together, each learned and generated as a row of its own.

A row of hundreds of columns is a long sequence, in which each token is compared with all before it
and is chosen among those of all columns. In blocks the cost is linear in the columns. A block holds
the label, its own columns, and the few earlier columns that go best with them, its context; what an
earlier block has filled is given when the next one is generated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import squareform
from scipy.stats import chi2

from counterpoise.columns import Schema, Table
from counterpoise.grammar._grammar import BoolArray, FloatArray, IntArray
from counterpoise.serialization import Serializer, TextParts, table_serializer

MAX_COLUMNS = 50  # features; a table with more is learned in blocks
_BLOCK_SIZE = 32  # columns of its own, unless constraints join more
_CONTEXT_SIZE = 8
_N_BINS = 5  # of a column with more values, where its association with others is measured
_MAX_ROWS = 5_000  # that association is measured on
_MAX_CHANCE = 0.01  # that any column of a context goes with those of the block by chance alone


class Block(NamedTuple):
    """Columns that are learned together, by their positions in the whole table."""

    columns: tuple[int, ...]  # the label, the context, and its own
    n_context: int = 0

    def of(self, table: Table) -> Table:
        """Return these columns of a table."""
        own = dict(enumerate(self.columns))
        schema = Schema(tuple(table.schema[at] for at in self.columns))
        texts = {local: table.texts[at] for local, at in own.items() if at in table.texts}
        return Table(schema, table.codes[:, list(self.columns)], texts)

    def serializer(self, table: Table, parts: Mapping[int, TextParts] | None = None) -> Serializer:
        """Return the serializer of these columns; `parts` are by position in the whole table."""
        if parts is not None:
            own = enumerate(self.columns)
            parts = {local: parts[at] for local, at in own if at in parts}
        return table_serializer(self.of(table), None, parts)


def find_blocks(table: Table, linked: Iterable[Sequence[int]] = ()) -> tuple[Block, ...]:
    """Return the blocks of a table, label first; none where it is not wide.

    `linked` are pairs of columns that have to be in one block. Beyond that, columns are in the
    order of a hierarchical clustering (average linkage) by their association.
    """
    n_features = len(table.schema) - 1
    if n_features <= MAX_COLUMNS:
        return ()
    association, is_chance = _association(table.codes[:, 1:])
    tree = linkage(squareform(1 - association, checks=False), "average")
    pairs = np.array([pair for pair in linked if 0 not in pair], dtype=np.int64).reshape(-1, 2) - 1
    graph = coo_array((np.ones(len(pairs)), tuple(pairs.T)), (n_features, n_features))
    joined = connected_components(graph, directed=False)[1]
    groups: dict[int, list[int]] = {}  # of columns that are not parted, in their order
    for feature in leaves_list(tree).tolist():
        groups.setdefault(joined[feature], []).append(feature)
    size = -(-n_features // -(-n_features // _BLOCK_SIZE))  # of blocks that are equally large
    own: list[list[int]] = [[]]
    for group in groups.values():
        if own[-1] and len(own[-1]) + len(group) > size:
            own.append([])
        own[-1] += group
    blocks: list[Block] = []
    earlier = np.empty(0, dtype=np.int64)
    for columns in own:
        context: list[int] = []
        if len(earlier):
            # the best earlier column for each, the strongest of them first
            both = np.ix_(np.array(columns), earlier)
            with_earlier = np.where(is_chance[both], -1.0, association[both])
            ranked = np.argsort(-with_earlier.max(axis=1), kind="stable")
            ranked = ranked[with_earlier.max(axis=1)[ranked] >= 0]
            best = earlier[with_earlier.argmax(axis=1)[ranked]]
            context = list(dict.fromkeys(best.tolist()))[:_CONTEXT_SIZE]
        positions = (0, *(at + 1 for at in (*context, *columns)))
        blocks.append(Block(positions, len(context)))
        is_text = np.array([table.schema[at + 1].is_text for at in columns])
        earlier = np.concatenate([earlier, np.array(columns)[~is_text]])
    return tuple(blocks)


def _association(codes: IntArray) -> tuple[FloatArray, BoolArray]:
    """Return Cramer's V of each two columns, of numbers in a few bins, and which may be chance.

    Both are (n_columns, n_columns).
    """
    codes = codes[:: -(-len(codes) // _MAX_ROWS)]
    n_rows, n_columns = codes.shape
    bins = np.column_stack([_bins(column) for column in codes.T])
    one_hot = (bins[:, :, None] == np.arange(_N_BINS)).astype(np.float32).reshape(n_rows, -1)
    n_each = one_hot.sum(axis=0)
    n_bins = (n_each.reshape(-1, _N_BINS) > 0).sum(axis=1)
    association, chance = np.eye(n_columns), np.ones((n_columns, n_columns))
    for at in range(n_columns):
        own = slice(at * _N_BINS, (at + 1) * _N_BINS)
        expected = np.outer(n_each[own], n_each) / n_rows
        difference = one_hot[:, own].T @ one_hot - expected
        terms = np.divide(difference**2, expected, where=expected > 0, out=np.zeros_like(expected))
        chi_squared = terms.reshape(_N_BINS, -1, _N_BINS).sum(axis=(0, 2))
        most = n_rows * np.maximum(np.minimum(n_bins[at], n_bins) - 1, 1)
        association[at] = np.sqrt(np.minimum(chi_squared / most, 1.0))
        freedom = np.maximum((n_bins[at] - 1) * (n_bins - 1), 1)
        chance[at] = chi2.sf(chi_squared, freedom)
    np.fill_diagonal(association, 1.0)
    is_chance = chance > _MAX_CHANCE / (n_columns * (n_columns - 1) / 2)
    return np.asarray((association + association.T) / 2), is_chance


def _bins(codes: npt.NDArray[np.int64]) -> IntArray:
    values, ranks = np.unique(codes, return_inverse=True)
    if len(values) <= _N_BINS:
        return ranks
    edges = np.quantile(codes, np.arange(1, _N_BINS) / _N_BINS)
    return np.searchsorted(edges, codes)
