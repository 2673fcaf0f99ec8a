"""Estimates replace unusable cells and read no later day."""

from __future__ import annotations

import numpy as np
import pytest

from features.data.history import (
    Cells,
    carry_backward,
    carry_forward,
    fill_gaps,
    with_estimates,
)


def cells(*at: tuple[int, int]) -> Cells:
    rows, days = zip(*at, strict=True)
    return np.array(rows), np.array(days)


@pytest.fixture
def panel() -> np.ndarray:
    """Return two series over ten weeks: the number of the week, and ten times that."""
    week = np.repeat(np.arange(10.0), 7)
    return np.stack((week, 10 * week))


def test_an_estimate_is_the_mean_of_the_last_four_same_weekdays(panel: np.ndarray) -> None:
    estimated = with_estimates(panel, cells((1, 69)))
    assert estimated[1, 69] == np.mean([50, 60, 70, 80])
    np.testing.assert_array_equal(np.delete(estimated[1], 69), np.delete(panel[1], 69))
    np.testing.assert_array_equal(estimated[0], panel[0])


def test_an_unusable_cell_is_not_used_for_estimates(panel: np.ndarray) -> None:
    panel[0, 62] = 1e12
    panel[0, 69] = np.nan
    estimated = with_estimates(panel, cells((0, 69)), cells((0, 62)))
    assert estimated[0, 69] == estimated[0, 62] == np.mean([4, 5, 6, 7])


@pytest.mark.parametrize(
    ("day", "expected"), [pytest.param(3, 0, id="none before"), pytest.param(17, 0.5, id="two")]
)
def test_fewer_weeks_are_used_where_no_more_exist(
    panel: np.ndarray, day: int, expected: float
) -> None:
    panel[0, day] = 1e12
    assert with_estimates(panel, cells((0, day)))[0, day] == expected


def test_no_later_day_changes_an_estimate(panel: np.ndarray) -> None:
    other = panel.copy()
    other[:, 41:] *= 7
    first, second = (with_estimates(values, cells((0, 40)))[0, 40] for values in (panel, other))
    assert first == second


def test_a_panel_without_unusable_cells_is_returned_unchanged(panel: np.ndarray) -> None:
    nothing = (np.array([], dtype=np.intp), np.array([], dtype=np.intp))
    assert with_estimates(panel, nothing) is panel
    assert fill_gaps(panel) is panel


def test_promotions_that_are_not_known_are_estimated(panel: np.ndarray) -> None:
    panel[0, -1] = np.nan
    assert fill_gaps(panel)[0, -1] == np.mean([5, 6, 7, 8])


def test_a_value_is_carried_to_the_days_after_it() -> None:
    nan = np.nan
    values = np.array([[nan, 2, nan, nan, -5, nan], [1, 2, 3, 4, 5, 6], [nan] * 6], np.float32)
    carried = carry_forward(values)
    expected = [[nan, 2, 2, 2, -5, -5], [1, 2, 3, 4, 5, 6], [nan] * 6]
    np.testing.assert_array_equal(carried, np.array(expected, np.float32))
    assert carried.dtype == np.float32
    complete = carry_backward(carried)
    np.testing.assert_array_equal(complete, [[2, 2, 2, 2, -5, -5], [1, 2, 3, 4, 5, 6], [0] * 6])
    assert complete.dtype == np.float32
