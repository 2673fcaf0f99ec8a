"""Parts of generated sales: days, profiles, counts and rows."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from examples.demand import (
    Days,
    count_of,
    draw_counts,
    draw_starts,
    draw_weeks,
    make_rows,
    make_season,
)

DAYS = Days(date(2024, 2, 28), past=700, ahead=30)


def test_days_know_their_calendar() -> None:
    assert len(DAYS) == 730
    assert DAYS.weekday[:3].tolist() == [2, 3, 4]  # Wednesday
    assert DAYS.month[:3].tolist() == [2, 2, 3]
    assert DAYS.day_of_month[:3].tolist() == [28, 29, 1]
    assert DAYS.day_of_year[:3].tolist() == [59, 60, 61]
    assert DAYS.week[:6].tolist() == [0, 0, 0, 0, 0, 1]


def test_spans_of_days_include_both_ends() -> None:
    assert np.flatnonzero(DAYS.within(date(2024, 2, 29), date(2024, 3, 1))).tolist() == [1, 2]
    assert np.flatnonzero(DAYS.among(date(2024, 3, 1), date(2023, 1, 1))).tolist() == [2]


@pytest.mark.parametrize(("scale", "count"), [(1, 60), (0.1, 6), (0.001, 4)])
def test_a_scaled_number_has_a_least_value(scale: float, count: int) -> None:
    assert count_of(60, scale, least=4) == count


def test_profiles_and_seasons_do_not_change_the_level(draw: np.random.Generator) -> None:
    assert draw_weeks((1, 1, 1, 1, 2, 3, 1), 5, draw).mean(axis=1) == pytest.approx(np.ones(5))
    assert make_season(DAYS, peak=180, height=0.3).mean() == pytest.approx(1, abs=0.01)


def test_counts_are_negative_binomial(draw: np.random.Generator) -> None:
    counts = draw_counts(np.full(200_000, 4.0), 0.5, draw)
    assert counts.mean() == pytest.approx(4, rel=0.02)
    assert counts.var() == pytest.approx(4 + 0.5 * 16, rel=0.05)


def test_a_share_of_series_begins_late(draw: np.random.Generator) -> None:
    starts = draw_starts(DAYS, 1000, 0.2, draw)
    assert (starts > 0).mean() == pytest.approx(0.2, abs=0.04)
    assert starts.max() < DAYS.past / 2


def test_rows_are_listed_cells_by_day_and_series() -> None:
    days = Days(date(2024, 1, 1), past=2)
    listed = np.array([[True, True], [False, True]])
    values = np.array([[1, 2], [3, 4]])
    table = make_rows(days, {"store": ["A", "B"]}, listed, {"units": values}, date_column="day")
    assert table.rows() == [
        (date(2024, 1, 1), "A", 1),
        (date(2024, 1, 2), "A", 2),
        (date(2024, 1, 2), "B", 4),
    ]
