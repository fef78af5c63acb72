"""The entropies of generated rows against distributions whose entropies are known exactly."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks._entropy import DrawnRows, IntArray, RowEntropy, cross_entropy, enclose

FloatArray = npt.NDArray[np.float64]
SHAPE = (2, 3, 4)
ORDERS = list(itertools.permutations(range(3)))


def entropy(shares: FloatArray) -> float:
    known = shares[shares > 0]
    return float(-(known * np.log(known)).sum())


class KnownRows:
    """Rows of three features, of which every probability is known.

    For each order of the features there is a joint distribution, as a model has that does not
    mind whether its orders agree. `starts` take the place of the first value's distribution.
    """

    def __init__(
        self, joints: dict[tuple[int, ...], FloatArray], starts: list[FloatArray] | None
    ) -> None:
        self.joints, self.starts = joints, starts
        self.orders = sorted(joints)
        self.n_strata = 3
        self.is_single = len(joints) == 3

    def start_entropies(self) -> FloatArray | None:
        return None if self.starts is None else np.array([entropy(s) for s in self.starts])

    def part(self, order: tuple[int, ...]) -> FloatArray:
        """The distribution of rows that are written in one order."""
        joint, first = self.joints[order], order[0]
        if self.starts is None:
            return joint
        others = tuple(at for at in range(3) if at != first)
        given_first = joint / joint.sum(axis=others, keepdims=True)
        shape = [1, 1, 1]
        shape[first] = -1
        return given_first * self.starts[first].reshape(shape)

    def whole(self) -> FloatArray:
        """The distribution of rows: the mean over all orders, each first feature as often."""
        return np.mean([self.part(order) for order in self.orders], axis=0)

    def draw(self, n_rows: int, rng: np.random.Generator) -> DrawnRows:
        which = rng.integers(len(self.orders), size=n_rows)
        codes = np.zeros((n_rows, 4), dtype=np.int64)
        orders = np.zeros((n_rows, 4), dtype=np.int64)
        for at, order in enumerate(self.orders):
            rows = np.flatnonzero(which == at)
            cells = rng.choice(24, len(rows), p=self.part(order).ravel())
            codes[rows, 1:] = np.column_stack(np.unravel_index(cells, SHAPE))
            orders[rows, 1:] = np.array(order) + 1
        return DrawnRows(codes, orders, orders[:, 1] - 1)

    def draw_orders(self, stratum: int, n: int, rng: np.random.Generator) -> IntArray:
        fitting = np.array([order for order in self.orders if order[0] == stratum])
        drawn = fitting[rng.integers(len(fitting), size=n)] + 1
        return np.hstack([np.zeros((n, 1), dtype=np.int64), drawn])

    def log_probabilities(self, codes: IntArray, orders: IntArray) -> FloatArray:
        logs = np.zeros(codes.shape)
        for row, (cells, order) in enumerate(zip(codes[:, 1:], orders[:, 1:] - 1, strict=True)):
            part = self.part(tuple(order.tolist()))
            before = 1.0
            for n_given in range(1, 4):
                index = [slice(None)] * 3
                for at in order[:n_given]:
                    index[at] = cells[at]
                now = part[tuple(index)].sum()
                logs[row, 1 + order[n_given - 1]] = np.log(now / before) if now else -np.inf
                before = now or 1.0
        return logs


def peaked(rng: np.random.Generator, concentration: float = 0.3) -> FloatArray:
    return rng.dirichlet(np.full(24, concentration)).reshape(SHAPE)


def known_rows(seed: int, *, n_orders: int = 6, with_starts: bool) -> KnownRows:
    rng = np.random.default_rng(seed)
    orders = ORDERS if n_orders == 6 else [(0, 1, 2), (1, 0, 2), (2, 0, 1)]
    joints = {order: peaked(rng) for order in orders}
    starts = [rng.dirichlet(np.full(size, 5.0)) for size in SHAPE] if with_starts else None
    return KnownRows(joints, starts)


def measured(rows: KnownRows, n_rows: int = 1500, n_orders: int = 2) -> RowEntropy:
    return enclose(rows, n_rows, n_orders, np.random.default_rng(7))


@pytest.mark.parametrize("with_starts", [True, False])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_bounds_enclose_the_entropy(seed: int, with_starts: bool) -> None:
    rows = known_rows(seed, with_starts=with_starts)
    found, exact = measured(rows), entropy(rows.whole())
    # beyond 4 standard errors by chance: 1 in 30,000, and the draw is fixed
    assert found.lower.value <= exact + 4 * found.lower.error
    assert found.upper.value >= exact - 4 * found.upper.error
    assert found.given_order.value <= found.lower.value + 4 * found.lower.error
    # and they are worth something: closer than the bound by the number of ways, log 6
    assert found.upper.value - found.lower.value < np.log(6) / 2


@pytest.mark.parametrize("with_starts", [True, False])
def test_with_a_single_way_a_stratum_the_entropy_is_exact(with_starts: bool) -> None:
    rows = known_rows(3, n_orders=3, with_starts=with_starts)
    found = measured(rows)
    assert found.lower == found.upper
    assert found.n_orders == 1
    assert abs(found.lower.value - entropy(rows.whole())) < 4 * found.lower.error


def test_more_ways_bring_the_bounds_together() -> None:
    rows = known_rows(4, with_starts=True)
    few, many = measured(rows, 400, 1), measured(rows, 400, 12)
    assert many.upper.value - many.lower.value < few.upper.value - few.lower.value


@pytest.mark.parametrize("with_starts", [True, False])
def test_start_and_rest_are_the_entropies_of_the_parts(with_starts: bool) -> None:
    rows = known_rows(5, with_starts=with_starts)
    found = measured(rows)
    parts = [rows.part(order) for order in rows.orders]
    firsts = [
        part.sum(axis=tuple(at for at in range(3) if at != order[0]))
        for part, order in zip(parts, rows.orders, strict=True)
    ]
    start = np.mean([entropy(first) for first in firsts])
    whole = np.mean([entropy(part) for part in parts])
    assert found.start.value == pytest.approx(start, abs=4 * found.start.error + 1e-12)
    assert abs(found.given_order.value - whole) < 4 * found.given_order.error
    assert abs(found.rest.value - (whole - start)) < 4 * found.rest.error
    if with_starts:
        assert found.start.error == 0.0


def test_bounds_from_fewer_rows_enclose_the_entropy_too() -> None:
    rows = known_rows(2, with_starts=True)
    found = enclose(rows, 1500, 2, np.random.default_rng(7), n_bounded=300)
    exact = entropy(rows.whole())
    assert found.lower.value <= exact + 4 * found.lower.error
    assert found.upper.value >= exact - 4 * found.upper.error


def test_cross_entropy_of_other_rows() -> None:
    rows = known_rows(6, n_orders=3, with_starts=True)
    rng = np.random.default_rng(0)
    real = rng.dirichlet(np.full(24, 2.0))
    cells = np.unravel_index(rng.choice(24, 1500, p=real), SHAPE)
    codes = np.column_stack([np.zeros(1500, dtype=np.int64), *cells]).astype(np.int64)
    found = cross_entropy(rows, codes, 1, rng)
    exact = -(real * np.log(rows.whole().ravel())).sum()
    assert abs(found.value - exact) < 4 * found.error


def test_a_row_that_no_way_can_write_has_no_probability() -> None:
    rows = known_rows(6, n_orders=3, with_starts=True)
    assert rows.starts is not None
    rows.starts = [
        np.array([1.0, 0.0]),
        np.array([1.0, 0.0, 0.0]),
        np.array([1.0, 0.0, 0.0, 0.0]),
    ]
    codes = np.array([[0, 1, 1, 1], [0, 0, 0, 0]])
    found = cross_entropy(rows, codes, 1, np.random.default_rng(0))
    assert found.value == np.inf
    # a start that one feature cannot have is written from another feature
    one = cross_entropy(rows, np.array([[0, 0, 1, 1]] * 2), 1, np.random.default_rng(0))
    assert np.isfinite(one.value)


shares = st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3).map(
    lambda weights: np.array(weights) / sum(weights)
)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), shares)
def test_proposition_2_the_mixture_is_between_its_parts_and_their_number(
    seed: int, weights: FloatArray
) -> None:
    rng = np.random.default_rng(seed)
    parts = [peaked(rng).ravel() for _ in weights]
    inner = sum(w * entropy(part) for w, part in zip(weights, parts, strict=True))
    mixture = entropy(sum(w * part for w, part in zip(weights, parts, strict=True)))
    assert inner - 1e-9 <= mixture <= inner + entropy(weights) + 1e-9


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_proposition_3_broader_starts_give_more_if_the_rest_does_not_take_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rest = [rng.dirichlet(np.full(8, 0.5)) for _ in range(4)]  # given each first value
    narrow, broad = rng.dirichlet(np.full(4, 0.3)), rng.dirichlet(np.full(4, 5.0))
    row = [
        entropy(np.concatenate([p * r for p, r in zip(first, rest, strict=True)]))
        for first in (narrow, broad)
    ]
    of_rest = np.array([entropy(part) for part in rest])
    change = entropy(broad) - entropy(narrow) + (broad - narrow) @ of_rest
    assert row[1] - row[0] == pytest.approx(change, abs=1e-9)
    moved = np.abs(broad - narrow).sum() / 2
    if entropy(broad) - entropy(narrow) >= moved * (of_rest.max() - of_rest.min()):
        assert row[1] >= row[0] - 1e-9


def test_counterexample_to_proposition_3_without_its_assumption() -> None:
    """A broader start, and rows of less variety: the new starts have nothing to say."""
    rest = [np.full(1000, 1 / 1000), np.array([1.0])]
    rows = {
        name: entropy(np.concatenate([p * r for p, r in zip(first, rest, strict=True)]))
        for name, first in (("narrow", (0.99, 0.01)), ("broad", (0.5, 0.5)))
    }
    assert entropy(np.array([0.5, 0.5])) > entropy(np.array([0.99, 0.01]))
    assert rows["broad"] < rows["narrow"] - 2.5


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, 1.0))
def test_proposition_4_interpolation_keeps_the_support_and_splits_the_entropy(
    seed: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    real = np.concatenate([rng.dirichlet(np.ones(5)), np.zeros(4)])
    made = rng.dirichlet(np.ones(9))
    mixed = (1 - share) * real + share * made
    if share < 1:
        assert ((mixed > 0) >= (real > 0)).all()
    assert entropy(mixed) >= (1 - share) * entropy(real) + share * entropy(made) - 1e-9
    off = mixed[5:].sum()
    if 1e-6 < off < 1 - 1e-6:
        split = entropy(np.array([off, 1 - off]))
        split += (1 - off) * entropy(mixed[:5] / (1 - off)) + off * entropy(mixed[5:] / off)
        assert entropy(mixed) == pytest.approx(split, abs=1e-9)


def test_counterexample_interpolation_can_lower_the_entropy() -> None:
    """Real values that are uniform on a grid without gaps: what lies between is in the middle."""
    n = 20
    real = np.full(n, 1 / n)
    made = np.zeros(n)
    steps = (np.arange(200) + 0.5) / 200
    for one, other in itertools.product(range(n), repeat=2):
        values = np.rint(one + steps * (other - one)).astype(int)
        np.add.at(made, values, 1 / (n * n * len(steps)))
    assert made.sum() == pytest.approx(1)
    assert entropy((real + made) / 2) < entropy(real) - 0.01


def sharpened(shares: FloatArray, temperature: float) -> FloatArray:
    powers = shares ** (1 / temperature)
    return powers / powers.sum(axis=-1, keepdims=True)


@settings(max_examples=60, deadline=None)
@given(shares, st.floats(0.2, 1.0))
def test_proposition_5_a_choice_has_less_entropy_at_a_lower_temperature(
    choice: FloatArray, temperature: float
) -> None:
    assert entropy(sharpened(choice, temperature)) <= entropy(choice) + 1e-9


def test_counterexample_a_row_of_two_choices_can_have_more() -> None:
    first = np.array([0.9, 0.1])
    rest = [np.full(1000, 1 / 1000), np.array([1.0])]

    def row(temperature: float) -> float:
        starts = sharpened(first, temperature)
        parts = [p * sharpened(r, temperature) for p, r in zip(starts, rest, strict=True)]
        return entropy(np.concatenate(parts))

    assert row(0.5) > row(1.0) + 0.3


def test_proposition_6_starting_from_the_models_own_marginals_changes_nothing() -> None:
    joint = peaked(np.random.default_rng(8))
    joints = dict.fromkeys(ORDERS, joint)
    marginals = [joint.sum(axis=tuple(a for a in range(3) if a != at)) for at in range(3)]
    assert np.allclose(KnownRows(joints, marginals).whole(), KnownRows(joints, None).whole())
