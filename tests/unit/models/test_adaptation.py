"""Intervals get wider or narrower by what they missed, within bounds, and stay intervals."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.data.hierarchy import Hierarchy
from features.data.specification import BOTTOM, FAVORITA
from models.adaptation import LEAST, LEAST_CHANGE, MOST, Adaptation, Cell, CellTracker
from models.buckets import buckets_of
from models.engine import ForecastEngine
from models.intervals import PROBABILITIES, Calibration, Intervals, LevelErrors
from models.uncertainty import Uncertainty
from models.volumes import NO_VOLUME, VOLUMES, volumes_of

BUCKETS = buckets_of(FAVORITA)
NEAR = BUCKETS.names[0]
TODAY = date(2024, 7, 1)


def adaptation_of(factors: dict[Cell, float]) -> Adaptation:
    return Adaptation("bundle", TODAY, factors)


# --- the simulation of a change of noise -------------------------------------------------------


class NoisyShop:
    """Series whose errors are normal in roots, with intervals calibrated to a noise of 1."""

    ROOT = 20.0
    SERIES = 300

    def __init__(self) -> None:
        self._draw = np.random.default_rng(7)
        numbers = [str(number) for number in range(self.SERIES)]
        self.hierarchy = Hierarchy({"store_nbr": numbers, "family": ["A"] * self.SERIES})
        normal = np.array([NormalDist().inv_cdf(share) for share in PROBABILITIES])
        shape = (len(BUCKETS), 1, len(PROBABILITIES))
        errors = LevelErrors(
            scale=np.ones(len(BUCKETS)),
            sizes=np.array([self.ROOT]),
            quantiles=np.broadcast_to(normal, shape),
            unsold=np.zeros(shape),
        )
        levels = dict.fromkeys(self.hierarchy.levels, errors)
        self._calibration = Calibration((), np.empty((0, len(BUCKETS))), levels)
        self._nodes = np.arange(self.hierarchy.n_upper, len(self.hierarchy))

    def sell(self, noise: float, factor: float, ahead: int) -> tuple[float, float]:
        """Return how many sales of a day are within the intervals of 80 % and of 95 %."""
        cells = {Cell(BOTTOM, "", name): factor for name in BUCKETS.names}
        classes = np.full(len(self.hierarchy), NO_VOLUME)
        factors = adaptation_of(cells).of_nodes(self.hierarchy, classes)
        intervals = Intervals(self._calibration, self.hierarchy, factors=factors)
        mean = np.full((self.SERIES, 1), self.ROOT**2)
        bounds = intervals.bounds_of(
            self._nodes, mean, np.array([ahead]), (80, 95), sold=np.ones(self.SERIES, dtype=bool)
        )
        sold = (self.ROOT + noise * self._draw.standard_normal((self.SERIES, 1))) ** 2
        within = [float(np.sum((lower <= sold) & (sold <= upper))) for lower, upper in bounds]
        return within[0], within[1]


@pytest.mark.parametrize(
    ("ahead", "days"), [pytest.param(4, 75, id="a few days"), pytest.param(40, 120, id="weeks")]
)
def test_coverage_returns_after_sales_become_twice_as_noisy_and_calm_again(
    ahead: int, days: int
) -> None:
    """`days` after each change, however long the answer takes; and not before it has begun."""
    shop, cell, factors = NoisyShop(), CellTracker(), [1.0] * ahead
    noises = [1.0] * 60 + [2.0] * days + [1.0] * (days + 30)
    shares = []
    for noise in noises:
        served = factors[-ahead]
        within_80, within_95 = shop.sell(noise, served, ahead)
        cell.add_day(
            judged=shop.SERIES,
            within_80=within_80,
            within_95=within_95,
            logs=float(np.log(served)) * shop.SERIES,
        )
        factors.append(cell.factor)
        shares.append(within_80 / shop.SERIES)
    assert min(factors) >= LEAST
    assert max(factors) <= MOST
    assert np.mean(shares[:60]) == pytest.approx(0.8, abs=0.03)
    assert np.mean(shares[60:65]) < 0.6
    assert np.mean(shares[60 + days - 14 : 60 + days]) == pytest.approx(0.8, abs=0.03)
    assert np.mean(shares[60 + days : 65 + days]) > 0.9
    assert np.mean(shares[-14:]) == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize(
    ("within_80", "within_95", "factor"),
    [
        pytest.param(0, 0, MOST, id="nothing within"),
        pytest.param(100, 100, LEAST, id="everything within"),
        pytest.param(80, 95, 1, id="as many as stated"),
        pytest.param(95, 95, 1, id="no room below the wider interval"),
    ],
)
def test_a_factor_ends_within_its_bounds(within_80: int, within_95: int, factor: float) -> None:
    cell = CellTracker()
    for _ in range(400):
        served = float(np.log(cell.factor)) * 100
        cell.add_day(judged=100, within_80=within_80, within_95=within_95, logs=served)
    assert cell.factor == pytest.approx(factor, abs=1e-3)


def test_misses_of_intervals_that_were_never_adapted_do_not_add_up() -> None:
    """As while the setting is off: the factor is the one that would have been right."""
    cell, normal = CellTracker(), NormalDist()
    half_as_wide = [2 * normal.cdf(normal.inv_cdf(share) / 1.5) - 1 for share in (0.9, 0.975)]
    for _ in range(400):
        within_80, within_95 = (1000 * share for share in half_as_wide)
        cell.add_day(judged=1000, within_80=within_80, within_95=within_95, logs=0)
    assert cell.factor == pytest.approx(1.5, abs=0.01)


def test_a_few_values_move_a_factor_less_than_many() -> None:
    few, many = CellTracker(), CellTracker()
    for _ in range(10):
        few.add_day(judged=1, within_80=0, within_95=0, logs=0)
        many.add_day(judged=1000, within_80=0, within_95=0, logs=0)
    assert 1 < few.factor < 1.1 < many.factor


def test_a_day_without_values_moves_nothing() -> None:
    cell = CellTracker()
    cell.add_day(judged=0, within_80=0, within_95=0, logs=0)
    assert cell == CellTracker()


# --- the intervals -----------------------------------------------------------------------------


def cells_of(engine: ForecastEngine) -> list[Cell]:
    return [
        Cell(level, volume, name)
        for level in engine.snapshot.hierarchy.levels
        for volume in ("", *VOLUMES)
        for name in BUCKETS.names
    ]


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_intervals_are_nested_and_contain_the_mean_whatever_the_factors(
    engine: ForecastEngine, data: st.DataObject
) -> None:
    cells = cells_of(engine)
    drawn = data.draw(
        st.lists(st.floats(LEAST, MOST), min_size=len(cells), max_size=len(cells)), label="factors"
    )
    adapted = engine.adapt_intervals(adaptation_of(dict(zip(cells, drawn, strict=True))))
    nodes = np.arange(len(engine.snapshot.hierarchy))
    horizons = np.arange(1, 31)
    root = data.draw(st.floats(0, 300), label="root")
    mean = np.full((len(nodes), len(horizons)), root**2)
    sold = engine.snapshot.may_sell(engine.snapshot.newest_origin)
    wanted = Uncertainty((50, 80, 95))
    daily = adapted.evaluate(nodes, mean, horizons, wanted, sold=sold)
    sums = adapted.evaluate_sums(nodes, mean, horizons, [0, 1, 8], wanted, sold=sold)
    totals = np.add.reduceat(mean, [0, 1, 8], axis=1)
    for values, middle in ((daily, mean), (sums, totals)):
        (low_50, high_50), (low_80, high_80), (low_95, high_95) = wanted.pairs(values)
        ascending = [
            np.zeros_like(middle),
            low_95,
            low_80,
            low_50,
            middle,
            high_50,
            high_80,
            high_95,
        ]
        assert all((left <= right).all() for left, right in pairwise(ascending))


def test_a_factor_widens_the_cell_that_it_is_of(engine: ForecastEngine) -> None:
    hierarchy = engine.snapshot.hierarchy
    cell = Cell(BOTTOM, "high", NEAR)
    assert engine.intervals
    adapted = engine.adapt_intervals(adaptation_of({cell: 2.0}))
    nodes, horizons = np.arange(len(hierarchy)), np.array([1, 90])
    mean = np.full((len(nodes), 2), 400.0)
    sold = np.ones(len(nodes), dtype=bool)
    before, after = (
        np.subtract(*each.bounds(nodes, mean, horizons, 80, sold=sold)[::-1])
        for each in (engine.intervals, adapted)
    )
    high = (volumes_of(engine.snapshot) == VOLUMES.index("high")) & (
        np.arange(len(nodes)) >= hierarchy.n_upper
    )
    assert (after[high, 0] > before[high, 0]).all()
    assert (after[~high] == before[~high]).all()
    assert (after[:, 1] == before[:, 1]).all(), "the farthest bucket has no factor"
    assert adapted.factors is not None
    assert adapted.factors[high, 0] == pytest.approx(2)


def test_series_that_never_sold_stay_as_they_are(engine: ForecastEngine) -> None:
    assert engine.intervals
    adapted = engine.adapt_intervals(adaptation_of(dict.fromkeys(cells_of(engine), MOST)))
    nodes, horizons = np.arange(len(engine.snapshot.hierarchy)), np.arange(1, 91)
    never = np.zeros(len(nodes), dtype=bool)
    mean = np.zeros((len(nodes), len(horizons)))
    bounds = [
        each.bounds(nodes, mean, horizons, 80, sold=never) for each in (engine.intervals, adapted)
    ]
    np.testing.assert_array_equal(bounds[0], bounds[1])


def test_factors_of_one_leave_every_byte_as_it_is(engine: ForecastEngine) -> None:
    assert engine.intervals
    adapted = engine.adapt_intervals(adaptation_of({}))
    nodes, horizons = np.arange(len(engine.snapshot.hierarchy)), np.arange(1, 91)
    mean = np.full((len(nodes), len(horizons)), 12.3)
    sold = np.ones(len(nodes), dtype=bool)
    one, other = (
        np.stack(each.bounds(nodes, mean, horizons, 80, sold=sold)).tobytes()
        for each in (engine.intervals, adapted)
    )
    assert one == other


# --- the state ---------------------------------------------------------------------------------


def test_a_state_is_read_back() -> None:
    state = adaptation_of({Cell("store", "low", NEAR): 1.25, Cell("total", "", NEAR): 0.5})
    assert Adaptation.from_json(state.to_json()) == state


@pytest.mark.parametrize(
    "factor", [pytest.param(2.1, id="too wide"), pytest.param(float("nan"), id="no number")]
)
def test_a_factor_out_of_bounds_is_refused(factor: float) -> None:
    with pytest.raises(ValueError, match="between"):
        Adaptation.from_json(adaptation_of({Cell("total", "", NEAR): factor}).to_json())


def test_a_small_change_is_not_worth_another_state() -> None:
    cell = Cell("total", "", NEAR)
    state = adaptation_of({cell: 1.2})
    assert not state.differs(adaptation_of({cell: 1.2 * (1 + LEAST_CHANGE / 2)}))
    assert state.differs(adaptation_of({cell: 1.2 * (1 + 2 * LEAST_CHANGE)}))
    assert state.differs(None)
    assert not adaptation_of({cell: 1.0}).differs(None)
