"""The metrics, against values computed by hand and by another library."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from utilsforecast import losses

from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot
from models import metrics

Values = metrics.Values


def units(*rows: list[float]) -> Values:
    return np.array(rows, dtype=np.float64)


# --- by hand ----------------------------------------------------------------------------------


def test_rmsle_is_the_root_of_the_mean_squared_difference_of_log1p() -> None:
    forecast, actual = units([0, math.e - 1]), units([math.e - 1, math.e**3 - 1])
    assert metrics.rmsle(forecast, actual) == pytest.approx(math.sqrt((1 + 4) / 2))


def test_wape_and_bias_are_shares_of_the_units_sold() -> None:
    forecast, actual = units([12, 5], [3, 0]), units([10, 10], [0, 0])
    assert metrics.wape(forecast, actual) == pytest.approx((2 + 5 + 3) / 20)
    assert metrics.bias(forecast, actual) == pytest.approx((2 - 5 + 3) / 20)


def test_without_sales_relative_metrics_are_missing() -> None:
    nothing = units([0, 0])
    assert math.isnan(metrics.wape(units([1, 1]), nothing))
    assert math.isnan(metrics.bias(units([1, 1]), nothing))


def test_the_scale_begins_with_the_first_sale() -> None:
    sales = units([0, 0, 0, 4, 4, 6], [2, 0, 2, 0, 2, 0])
    np.testing.assert_allclose(metrics.m5_scale(sales), [(0 + 4) / 2, 4])


@pytest.mark.parametrize(
    "series",
    [
        pytest.param([0, 0, 0, 0], id="never sold"),
        pytest.param([0, 0, 0, 5], id="first sold on the last day"),
        pytest.param([0, 5, 5, 5], id="never changed"),
    ],
)
def test_a_constant_series_has_no_scale(series: list[float]) -> None:
    assert np.isnan(metrics.m5_scale(units(series))).all()


def test_rmsse_is_the_error_over_the_scale() -> None:
    error = metrics.rmsse(units([3, 5]), units([1, 5]), np.array([4.0]))
    np.testing.assert_allclose(error, [math.sqrt((4 / 2) / 4)])


def test_weighted_rmsse_weighs_nodes_by_their_units_of_the_last_weeks(  # pragma: allowlist secret
    snapshot: Snapshot, draw: np.random.Generator
) -> None:
    hierarchy = snapshot.hierarchy
    history = snapshot.sales[:, :-16]
    actual = snapshot.sales[:, -16:]
    forecast = actual * draw.uniform(0.8, 1.2, actual.shape)
    by_level = metrics.weighted_rmsse(forecast, actual, history, hierarchy)
    assert metrics.wrmsse(by_level) == pytest.approx(sum(by_level.values()) / len(by_level))
    for level, rows in hierarchy.slices.items():
        total, weights = 0.0, 0.0
        for node in range(rows.start, rows.stop):
            past = history[node][np.argmax(history[node] > 0) :]
            weight = history[node, -28:].sum()
            if past.any() and weight:
                scale = np.mean(np.diff(past) ** 2)
                total += weight * math.sqrt(np.mean((forecast - actual)[node] ** 2) / scale)
                weights += weight
        assert by_level[level] == pytest.approx(total / weights)


def test_a_level_without_recent_sales_has_no_figure(snapshot: Snapshot) -> None:
    hierarchy: Hierarchy = snapshot.hierarchy
    nothing = np.zeros((len(hierarchy), 40))
    by_level = metrics.weighted_rmsse(nothing[:, :7], nothing[:, :7], nothing, hierarchy)
    assert np.isnan(list(by_level.values())).all()
    assert math.isnan(metrics.wrmsse(by_level))


def test_coverage_counts_the_bounds() -> None:
    lower, upper = units([1, 1, 1, 1]), units([3, 3, 3, 3])
    assert metrics.coverage(lower, upper, units([1, 3, 0.9, 3.1])) == 0.5


def test_interval_score_is_width_plus_misses() -> None:
    lower, upper = units([10, 10, 10]), units([20, 20, 20])
    score = metrics.interval_score(lower, upper, units([15, 8, 23]), 0.8)
    np.testing.assert_allclose(score, [[10, 10 + 2 / 0.2 * 2, 10 + 2 / 0.2 * 3]])


def test_wis_of_the_median_alone_is_the_absolute_error() -> None:
    np.testing.assert_allclose(
        metrics.weighted_interval_score(units([5]), {}, units([2])), units([3])
    )


def test_wis_weighs_median_and_intervals() -> None:
    wis = metrics.weighted_interval_score(units([5]), {0.5: (units([4]), units([6]))}, units([8]))
    # 0.5 x 3 for the median; 0.25 x (2 + 2 / 0.5 x 2) for the interval; over 1.5
    np.testing.assert_allclose(wis, [[(1.5 + 0.25 * 10) / 1.5]])


amounts = arrays(np.float64, (3, 5), elements=st.integers(0, 10**5).map(float))


@given(actual=amounts, factor=st.floats(0.1, 10))
def test_wape_and_bias_are_scale_free(actual: Values, factor: float) -> None:
    forecast = actual[::-1] + 1
    for measure in (metrics.wape, metrics.bias):
        np.testing.assert_allclose(
            measure(forecast * factor, actual * factor),
            measure(forecast, actual),
            rtol=1e-6,
            atol=1e-9,
        )


@given(actual=amounts)
def test_a_perfect_forecast_has_no_error(actual: Values) -> None:
    assert metrics.rmsle(actual, actual) == 0
    assert np.nan_to_num(metrics.wape(actual, actual)) == 0
    assert (metrics.weighted_interval_score(actual, {0.8: (actual, actual)}, actual) == 0).all()


# --- against utilsforecast --------------------------------------------------------------------

LEVELS = (50, 80, 95)
Forecasts = dict[str, Any]


@pytest.fixture
def case(draw: np.random.Generator) -> Forecasts:
    """Draw three series: a past, a future, a forecast with intervals."""
    past, actual = draw.gamma(2, 10, (3, 60)), draw.gamma(2, 10, (3, 14))
    forecast = draw.gamma(2, 10, (3, 14))
    reach = {level: draw.uniform(1, 3, (3, 14)) * level / 10 for level in LEVELS}
    intervals = {
        level / 100: (forecast - reach[level], forecast + reach[level]) for level in LEVELS
    }
    return {"past": past, "actual": actual, "forecast": forecast, "intervals": intervals}


def frame(first: int, **columns: Values) -> pl.DataFrame:
    series, days = next(iter(columns.values())).shape
    ids = np.repeat(np.arange(series), days)
    when = np.tile(np.arange(first, first + days), series)
    return pl.DataFrame(
        {"unique_id": ids, "ds": when} | {name: v.reshape(-1) for name, v in columns.items()}
    )


@pytest.fixture
def table(case: Forecasts) -> pl.DataFrame:
    bounds = {
        f"m-{side}-{nominal:.0%}".removesuffix("%"): bound
        for nominal, release in case["intervals"].items()
        for side, bound in zip(("lo", "hi"), release, strict=True)
    }
    return frame(60, y=case["actual"], m=case["forecast"], **bounds)


def theirs(result: pl.DataFrame) -> Values:
    return result.sort("unique_id")["m"].to_numpy()


def test_wape_equals_utilsforecast(case: Forecasts, table: pl.DataFrame) -> None:
    ours = [
        metrics.wape(forecast, actual)
        for forecast, actual in zip(case["forecast"], case["actual"], strict=True)
    ]
    np.testing.assert_allclose(ours, theirs(losses.nd(table, ["m"])))


def test_rmsse_equals_utilsforecast(case: Forecasts, table: pl.DataFrame) -> None:
    ours = metrics.rmsse(case["forecast"], case["actual"], metrics.m5_scale(case["past"]))
    past = frame(0, y=case["past"])
    np.testing.assert_allclose(ours, theirs(losses.rmsse(table, ["m"], 1, past)))


@pytest.mark.parametrize("level", LEVELS)
def test_coverage_equals_utilsforecast(case: Forecasts, table: pl.DataFrame, level: int) -> None:
    lower, upper = case["intervals"][level / 100]
    ours = metrics.coverage(lower, upper, case["actual"])
    assert ours == pytest.approx(theirs(losses.coverage(table, ["m"], level)).mean())


@pytest.mark.parametrize("level", LEVELS)
def test_the_interval_score_equals_utilsforecast(
    case: Forecasts, table: pl.DataFrame, level: int
) -> None:
    """utilsforecast calls it the Winkler score."""
    lower, upper = case["intervals"][level / 100]
    ours = metrics.interval_score(lower, upper, case["actual"], level / 100).mean(axis=1)
    np.testing.assert_allclose(ours, theirs(losses.winkler_score(table, ["m"], level)))


def test_wis_is_twice_the_mean_quantile_loss_of_utilsforecast(
    case: Forecasts, table: pl.DataFrame
) -> None:
    """Bracher et al. (2021), equation 3: the same score, written by quantiles."""
    shares = [0.5]
    columns = ["m"]
    for level in LEVELS:
        shares += [(1 - level / 100) / 2, 1 - (1 - level / 100) / 2]
        columns += [f"m-lo-{level}", f"m-hi-{level}"]
    loss = losses.mqloss(table, {"m": columns}, np.array(shares))
    ours = metrics.weighted_interval_score(case["forecast"], case["intervals"], case["actual"])
    np.testing.assert_allclose(ours.mean(axis=1), 2 * theirs(loss))


# --- missing actuals --------------------------------------------------------------------------


@pytest.mark.parametrize("measure", [metrics.rmsle, metrics.wape, metrics.bias])
def test_an_unknown_day_is_ignored(measure: Any) -> None:
    forecast, actual = units([12, 5, 7], [3, 1, 2]), units([10, 8, 9], [1, 4, 2])
    actual[:, 1] = np.nan
    known = [0, 2]
    assert measure(forecast, actual) == pytest.approx(measure(forecast[:, known], actual[:, known]))


def test_a_node_without_a_known_day_has_no_rmsse() -> None:
    forecast, actual = units([1, 2], [1, 2]), units([3, math.nan], [math.nan, math.nan])
    root = metrics.rmsse(forecast, actual, np.array([4.0, 4.0]))
    np.testing.assert_array_equal(root, [1, math.nan])


def test_coverage_is_that_of_the_known_days() -> None:
    lower, upper = units([0, 0, 0]), units([1, 1, 1])
    assert metrics.coverage(lower, upper, units([0.5, 2, math.nan])) == 0.5
