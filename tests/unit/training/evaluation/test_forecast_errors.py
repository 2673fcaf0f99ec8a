"""Errors of frozen models: their origins, and what was known of them when."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.data.snapshot import Snapshot
from models.bundle import load_bundle
from models.engine import ForecastEngine
from tests.support.forecast_errors import draw_errors
from training.evaluation.forecast_errors import (
    Errors,
    chronological_blocks,
    collect,
    weekly_origins,
)


@pytest.fixture(scope="module")
def errors(snapshot: Snapshot) -> Errors:
    return draw_errors(snapshot.hierarchy, np.random.default_rng(1), origins=60)


# --- origins ----------------------------------------------------------------------------------


@given(last=st.integers(1000, 3000), count=st.integers(1, 100))
def test_origins_lie_one_in_each_week(last: int, count: int) -> None:
    origins = weekly_origins(last, count)
    assert len(origins) == count
    assert (np.diff(origins) > 0).all()
    assert ((last - origins[::-1]) // 7 == np.arange(count)).all()


@given(last=st.integers(1000, 3000), count=st.integers(7, 100))
def test_origins_of_seven_weeks_are_seven_weekdays(last: int, count: int) -> None:
    origins = weekly_origins(last, count)
    for first in range(count - 6):
        assert len(set(origins[first : first + 7] % 7)) == 7


# --- errors -----------------------------------------------------------------------------------


@pytest.fixture
def old_engine(backtested: Path, snapshot: Snapshot) -> ForecastEngine:
    """Return the oldest model of the backtest."""
    oldest = min((backtested / "bundles").iterdir())
    return ForecastEngine(load_bundle(oldest), snapshot)


def test_errors_are_those_of_forecasts_as_of_their_origin(
    old_engine: ForecastEngine, snapshot: Snapshot
) -> None:
    trained = snapshot.index_of(old_engine.bundle.facts.trained_through)
    origins, horizons = np.array([trained, trained + 9]), np.array([1, 16, 89])
    steps: list[tuple[int, int]] = []
    errors = collect(
        old_engine,
        origins,
        horizons=horizons,
        progress=lambda done, total: steps.append((done, total)),
    )
    for place, origin in enumerate(origins):
        forecast = old_engine.forecast(int(origin), horizons).values
        np.testing.assert_array_equal(errors.forecast[place], forecast)
        np.testing.assert_array_equal(errors.actual[place], snapshot.sales[:, origin + horizons])
        np.testing.assert_array_equal(errors.sold[place], snapshot.first_sale <= origin)
    assert steps == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    "origin",
    [
        pytest.param(lambda trained, newest: trained - 1, id="seen by the model"),
        pytest.param(lambda trained, newest: newest, id="nothing is known after it"),
    ],
)
def test_an_origin_within_training_data_is_refused(
    old_engine: ForecastEngine, snapshot: Snapshot, origin: Callable[[int, int], int]
) -> None:
    trained = snapshot.index_of(old_engine.bundle.facts.trained_through)
    with pytest.raises(ValueError, match="before the model's last day, or not before"):
        collect(old_engine, np.array([origin(trained, snapshot.newest_origin)]))


@pytest.mark.parametrize(("count", "models"), [(8, 1), (10, 1), (11, 2), (40, 4)])
def test_models_alternate_between_origins(count: int, models: int) -> None:
    origins = weekly_origins(1500, count)
    turns = chronological_blocks(origins)
    assert len(turns) == models
    np.testing.assert_array_equal(np.concatenate(turns), origins)


def test_errors_of_several_models_are_joined_in_their_order(errors: Errors) -> None:
    joined = Errors.concatenate([errors.between(0, 70), errors.between(71, 7 * 60)])
    for name, values in vars(errors).items():
        np.testing.assert_array_equal(getattr(joined, name), values, err_msg=name)


def test_errors_between_origins_are_a_part_of_all(errors: Errors) -> None:
    some = errors.between(7, 21)
    assert some.origins.tolist() == [7, 14, 21]
    np.testing.assert_array_equal(some.actual, errors.actual[1:4])
    np.testing.assert_array_equal(some.sold, errors.sold[1:4])


def test_sales_of_later_days_are_not_known(errors: Errors) -> None:
    known = errors.known_by(70)
    days = errors.origins[:, None] + errors.horizons
    np.testing.assert_array_equal(np.isnan(known.actual).all(axis=1), days > 70)
    np.testing.assert_array_equal(known.forecast, errors.forecast)
