"""Days are divided into weeks from Monday, months, or one whole."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from api.forecasts.periods import starts_of
from api.schemas.requests import Period

FRIDAY = date(2024, 12, 27)


@pytest.mark.parametrize(
    ("period", "days", "starts"),
    [
        pytest.param(Period.DAY, 3, [0, 1, 2], id="days"),
        pytest.param(Period.WEEK, 12, [0, 3, 10], id="weeks over the end of a year"),
        pytest.param(Period.MONTH, 40, [0, 5, 36], id="months"),
        pytest.param(Period.HORIZON, 90, [0], id="all of it"),
        pytest.param(Period.WEEK, 1, [0], id="one day"),
    ],
)
def test_periods_begin_where_the_calendar_says(
    period: Period, days: int, starts: list[int]
) -> None:
    dates = [FRIDAY + timedelta(number) for number in range(days)]
    assert starts_of(dates, period) == starts
