"""Unusual series: sane forecasts, marked with the method that made them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from features.data.snapshot import Snapshot
from features.data.specification import BOTTOM
from features.state import MIN_HISTORY_DAYS
from models.baselines import Baseline
from models.bundle import Bundle
from models.engine import ForecastEngine
from models.methods import IDLE_DAYS, NEW_DAYS, Method, methods_at

ORDINARY = "store:1/family:GROCERY I"
EVERY_WAY = (50, 80, 95, 99)


@pytest.fixture(scope="module")
def odd(bundle: Bundle, odd_snapshot: Snapshot) -> ForecastEngine:
    """Return the demo's model over newer tables."""
    return ForecastEngine(bundle, odd_snapshot)


@pytest.fixture(scope="module")
def forecast(odd: ForecastEngine) -> np.ndarray:
    return odd.forecast(odd.snapshot.newest_origin).values


def method_of(engine: ForecastEngine, node: str, origin: int | None = None) -> Method:
    origin = engine.snapshot.newest_origin if origin is None else origin
    (method,) = engine.methods(origin, np.array([engine.snapshot.hierarchy.index[node]]))
    return method


def assert_sane(engine: ForecastEngine, values: np.ndarray) -> None:
    hierarchy = engine.snapshot.hierarchy
    assert np.isfinite(values).all()
    assert (values >= 0).all()
    np.testing.assert_allclose(values, hierarchy.aggregate(values[hierarchy.n_upper :]), rtol=1e-9)


@pytest.mark.parametrize(
    ("node", "method"),
    [
        pytest.param(ORDINARY, Method.MODEL, id="ordinary"),
        pytest.param("store:21/family:DAIRY", Method.MODEL_NEW, id="opened last month"),
        pytest.param("store:77/family:DAIRY", Method.MODEL_NEW, id="new and unseen by the model"),
        pytest.param("store:79/family:DAIRY", Method.MODEL_NEW, id="a year old and unseen"),
        pytest.param("store:3/family:DAIRY", Method.MODEL_IDLE, id="closed"),
        pytest.param("store:2/family:DAIRY", Method.MODEL, id="with gaps"),
        pytest.param("store:3/family:BOOKS", Method.ZERO_NEVER_SOLD, id="never sold"),
        pytest.param("store:2/family:TOYS", Method.ZERO_NEVER_SOLD, id="unseen and never sold"),
        pytest.param("store:3", Method.SUM, id="closed store as a whole"),
        pytest.param("family:TOYS", Method.SUM, id="family that never sold"),
        pytest.param("total", Method.SUM, id="total"),
    ],
)
def test_an_unusual_series_is_marked(odd: ForecastEngine, node: str, method: Method) -> None:
    assert method_of(odd, node) is method


def test_unusual_series_are_forecast_by_the_model(
    odd: ForecastEngine, forecast: np.ndarray
) -> None:
    assert_sane(odd, forecast)
    assert odd.intervals is not None
    nodes = np.arange(len(odd.snapshot.hierarchy))
    sold = odd.snapshot.first_sale < odd.snapshot.n_days
    before = None
    for nominal in EVERY_WAY:
        lower, upper = odd.intervals.bounds(nodes, forecast, np.arange(1, 91), nominal, sold=sold)
        assert np.isfinite(upper).all()
        assert ((lower >= 0) & (lower <= forecast) & (forecast <= upper)).all()
        if before is not None:
            assert (lower <= before[0]).all()
            assert (upper >= before[1]).all()
        before = lower, upper


def test_only_a_series_that_never_sold_is_zero_by_rule(
    odd: ForecastEngine, forecast: np.ndarray
) -> None:
    snapshot = odd.snapshot
    bottoms = np.arange(snapshot.hierarchy.n_upper, len(snapshot.hierarchy))
    methods = odd.methods(snapshot.newest_origin, bottoms)
    zero = np.array([method is Method.ZERO_NEVER_SOLD for method in methods])
    np.testing.assert_array_equal((forecast[bottoms] == 0).all(axis=1), zero)
    np.testing.assert_array_equal((snapshot.sales[bottoms] == 0).all(axis=1), zero)


@pytest.mark.parametrize("store", [21, 77, 79])
def test_a_new_store_is_forecast_near_its_sales(
    odd: ForecastEngine, forecast: np.ndarray, store: int
) -> None:
    """The model has seen neither 77 nor 79; their last weeks and families suffice."""
    row = odd.snapshot.hierarchy.index[f"store:{store}"]
    lately = odd.snapshot.sales[row, -14:].mean()
    assert 0.5 < forecast[row, :16].mean() / lately < 2


def test_a_store_without_a_row_in_train_is_no_node(odd: ForecastEngine) -> None:
    assert "78" not in odd.snapshot.hierarchy.bottoms["store_nbr"]
    assert not any("store:78" in node for node in odd.snapshot.hierarchy.index)


@pytest.mark.parametrize(
    ("day", "method"),
    [
        (date(2024, 6, 9), Method.ZERO_NEVER_SOLD),
        (date(2024, 6, 10), Method.MODEL_NEW),
        (date(2024, 6, 30), Method.MODEL_NEW),
    ],
    ids=str,
)
def test_a_past_origin_is_marked_as_of_its_date(
    odd: ForecastEngine, day: date, method: Method
) -> None:
    """The store opens on 10 June."""
    origin = odd.snapshot.index_of(day)
    assert method_of(odd, "store:77/family:DAIRY", origin) is method
    assert_sane(odd, odd.forecast(origin, np.arange(1, 17)).values)


def test_the_first_origin_can_be_forecast(odd: ForecastEngine) -> None:
    """Every existing series has few days then."""
    origin = MIN_HISTORY_DAYS - 1
    assert method_of(odd, ORDINARY, origin) is Method.MODEL_NEW
    assert_sane(odd, odd.forecast(origin, np.arange(1, 17)).values)


def test_new_and_idle_series_depend_on_the_origin(snapshot: Snapshot) -> None:
    row = snapshot.hierarchy.slices[BOTTOM].start
    sold = np.zeros_like(snapshot.sales)
    sold[:, [100, 150]] = 1
    other = replace(snapshot, sales=sold)

    def at(origin: int) -> Method:
        (method,) = methods_at(other, origin, np.array([row]), np.array([False]), np.array([None]))
        return method

    assert at(99) is Method.ZERO_NEVER_SOLD
    assert at(100) is Method.MODEL_NEW
    assert at(100 + IDLE_DAYS - 1) is Method.MODEL_NEW
    assert at(100 + IDLE_DAYS) is Method.MODEL_IDLE
    assert at(100 + NEW_DAYS - 1) is Method.MODEL_NEW
    assert at(100 + NEW_DAYS) is Method.MODEL
    assert at(150 + IDLE_DAYS - 1) is Method.MODEL
    assert at(150 + IDLE_DAYS) is Method.MODEL_IDLE


def test_an_announced_series_is_forecast_by_analogues_from_the_newest_origin_alone(
    snapshot: Snapshot,
) -> None:
    row = snapshot.hierarchy.index["store:3/family:BOOKS"]  # it never sold
    begins = np.zeros(snapshot.hierarchy.n_bottom, dtype=np.int64)
    begins[row - snapshot.hierarchy.n_upper] = 1
    announced = replace(snapshot, begins=begins)

    def at(origin: int) -> Method:
        rule = np.array([Baseline.SEASONAL_NAIVE])
        (method,) = methods_at(announced, origin, np.array([row]), np.array([True]), rule)
        return method

    assert at(snapshot.newest_origin) is Method.ANALOGUE
    assert at(snapshot.newest_origin - 1) is Method.ZERO_NEVER_SOLD


@pytest.mark.parametrize("rule", Baseline)
def test_a_series_that_falls_back_to_a_rule_is_named_after_it(
    snapshot: Snapshot, rule: Baseline
) -> None:
    row = snapshot.hierarchy.n_upper
    (method,) = methods_at(
        snapshot, snapshot.newest_origin, np.array([row]), np.array([False]), np.array([rule])
    )
    assert method.value == rule.value
