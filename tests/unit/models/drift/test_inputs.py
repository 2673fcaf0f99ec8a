"""Silent series and sites, and the use of covariates."""

from __future__ import annotations

import numpy as np
import pytest

from models.drift.inputs import (
    find_silent,
    longest_run,
    mark_open,
    mark_trading,
    share_in_use,
    sum_groups,
    window_shares,
)


def steady(days: int = 200, *, every: int = 1) -> np.ndarray:
    """Return sales on each n-th day."""
    return (np.arange(days) % every == 0).astype(float)


def silent_ratio(sales: np.ndarray, **options: int) -> float:
    return float(find_silent(sales[None], np.ones((1, len(sales)), dtype=bool), **options)[0])


@pytest.mark.parametrize(
    ("every", "gap", "silent"),
    [
        pytest.param(1, 13, False, id="daily, thirteen days"),
        pytest.param(1, 14, True, id="daily, two weeks"),
        pytest.param(10, 14, False, id="each tenth day, two weeks"),
        pytest.param(10, 150, True, id="each tenth day, five months"),
    ],
)
def test_silence_is_judged_by_what_the_series_used_to_do(
    every: int, gap: int, silent: bool
) -> None:
    sales = np.concatenate((steady(400, every=every), np.zeros(gap)))
    assert (silent_ratio(sales) >= 1) is silent


def test_a_series_that_hardly_sold_is_not_missed() -> None:
    sales = np.zeros(300)
    sales[[10, 200]] = 1
    assert silent_ratio(sales) == 0


def test_days_on_which_the_site_is_closed_do_not_count() -> None:
    sales = np.concatenate((steady(200), np.zeros(30)))[None]
    usable = np.ones(sales.shape, dtype=bool)
    usable[:, 200:225] = False
    assert find_silent(sales, usable)[0] == 0


def test_a_site_is_open_where_any_of_its_series_sells() -> None:
    sales = np.array([[1.0, 0, 0], [0, 2, np.nan], [1, 1, 1]])
    group = np.array([0, 0, 1])
    assert mark_open(sales, group).tolist() == [
        [True, True, False],
        [True, True, False],
        [True, True, True],
    ]
    assert sum_groups(sales, group).tolist() == [[1, 2, 0], [1, 1, 1]]


def test_a_day_on_which_no_other_site_sells_is_no_silence() -> None:
    assert mark_trading(np.array([[1.0, 0, 0], [1, 0, 2]])).tolist() == [
        [True, False, True],
        [True, False, False],
    ]


def test_the_longest_run_is_found() -> None:
    assert longest_run(np.array([[1, 1, 0, 1], [0, 0, 0, 0]], dtype=bool)).tolist() == [2, 0]


def test_shares_in_use_leave_unknown_values_out() -> None:
    values = np.array([[1.0, 0, np.nan, 2], [0, 0, 1, np.nan]])
    assert share_in_use(values) == pytest.approx(3 / 6)
    assert window_shares(values, 2) == pytest.approx([1 / 4, 1 / 3, 2 / 2])
    assert np.isnan(share_in_use(np.full((1, 2), np.nan)))
