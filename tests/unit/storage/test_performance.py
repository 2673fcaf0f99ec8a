"""A vintage forecasts the days after its origin that its model has not seen."""

from __future__ import annotations

from datetime import date

import pytest

from storage.performance import Vintage

MAY_10 = date(2024, 5, 10)


def vintage_of(*, trained_through: date, step_days: int = 1, days: int = 3) -> Vintage:
    return Vintage(
        name="a",
        bundle="b",
        snapshot="s",
        origin=MAY_10,
        trained_through=trained_through,
        step_days=step_days,
        days=days,
        bytes=1,
    )


@pytest.mark.parametrize(
    ("trained_through", "forecast"),
    [
        pytest.param(date(2024, 5, 1), [11, 12, 13], id="data newer than the model"),
        pytest.param(date(2024, 5, 10), [11, 12, 13], id="both as new"),
        pytest.param(date(2024, 5, 12), [13], id="a model that has seen two of the days"),
        pytest.param(date(2024, 5, 20), [], id="a model that has seen all"),
    ],
)
def test_days_that_the_model_has_seen_are_not_forecast(
    trained_through: date, forecast: list[int]
) -> None:
    vintage = vintage_of(trained_through=trained_through)
    days = [day for day in range(1, 31) if vintage.forecasts(date(2024, 5, day))]
    assert days == forecast


def test_weeks_count_as_steps() -> None:
    vintage = vintage_of(trained_through=MAY_10, step_days=7)
    assert vintage.last == date(2024, 5, 31)
    assert vintage.horizon_of(date(2024, 5, 24)) == 2
