"""Scores of held-out days, by numbers that were worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from features.data.hierarchy import Hierarchy
from features.data.specification import Specification, levels_of
from load.accuracy.scores import ALL, HeldOut, summarise

SPECIFICATION = Specification(
    series=("shop",), levels=levels_of({"total": (), "bottom": ("shop",)})
)
ACTUAL = np.array([[10.0, np.nan], [20.0, 30.0]])
FORECAST = np.array([[12.0, 99.0], [20.0, 26.0]])


@pytest.fixture
def holdout() -> HeldOut:
    """Two shops: A sold 4 and 8 by turns, B always 10 but one day 30; A's second day is closed."""
    hierarchy = Hierarchy({"shop": ["A", "B"]}, SPECIFICATION)
    history = np.array([[4.0, 8.0] * 14, [10.0] * 14 + [30.0] + [10.0] * 13])
    return HeldOut(hierarchy, bottoms=ACTUAL, history=hierarchy.aggregate(history))


def test_cells_that_do_not_count_are_in_no_sum(holdout: HeldOut) -> None:
    assert holdout.sum_counted(FORECAST)[0].tolist() == [32, 26]
    assert holdout.sum_counted(ACTUAL)[0].tolist() == [30, 30]
    assert np.isnan(holdout.sum_counted(FORECAST)[1, 1])


def test_points_are_scored_by_level(holdout: HeldOut) -> None:
    scores = holdout.score_points(FORECAST)
    assert scores["total"]["wape"] == pytest.approx((2 + 4) / 60)
    assert scores["total"]["bias"] == pytest.approx(58 / 60 - 1)
    assert scores["bottom"]["wape"] == pytest.approx((2 + 0 + 4) / 60)
    assert scores["bottom"]["bias"] == scores["total"]["bias"]


def test_wrmsse_is_that_of_the_m5_competition(holdout: HeldOut) -> None:
    scores = holdout.score_points(FORECAST)
    # A: error 2 over one day, daily differences of 4; B: errors 0 and 4, two differences of 20
    a = np.sqrt(4 / 16)
    b = np.sqrt(((0 + 16) / 2) / (2 * 400 / 27))
    sold_a, sold_b = 14 * 12, 27 * 10 + 30
    assert scores["bottom"]["rmsse"] == pytest.approx((a * sold_a + b * sold_b) / (sold_a + sold_b))
    # total: 14, 18, …, with one day of 34 instead of 14, hence two differences of 16 among 27
    total = np.sqrt(((4 + 16) / 2) / ((25 * 16 + 2 * 256) / 27))
    assert scores["total"]["rmsse"] == pytest.approx(total)
    mean = (scores["bottom"]["rmsse"] + scores["total"]["rmsse"]) / 2
    assert scores[ALL]["rmsse"] == pytest.approx(mean)


def test_coverage_counts_what_lies_within(holdout: HeldOut) -> None:
    mean = holdout.hierarchy.aggregate(FORECAST)
    scores = holdout.score_intervals(mean, {80: (mean - 1, mean + 1), 95: (mean - 3, mean + 3)})
    assert scores["bottom"] == {"80": pytest.approx(1 / 3), "95": pytest.approx(2 / 3)}
    assert scores[ALL]["95"] == pytest.approx((scores["total"]["95"] + 2 / 3) / 2)


def test_bounds_are_those_of_the_counted_part(holdout: HeldOut) -> None:
    """The total of the second day is forecast as 125, of which 26 count."""
    mean = holdout.hierarchy.aggregate(FORECAST)
    assert mean[0, 1] == 125
    within = holdout.score_intervals(mean, {80: (mean * 0.9, mean * 31 / 26)})
    assert within["total"]["80"] == 1
    below = holdout.score_intervals(mean, {80: (mean * 0.9, mean * 29 / 26)})
    assert below["total"]["80"] == 0.5


def test_a_summary_has_a_row_for_each_level() -> None:
    scores = {"ours": {"total": {"wape": 0.1}}, "naive": {"total": {"wape": 0.2}}}
    assert summarise(scores, "wape") == {"total": {"ours": 0.1, "naive": 0.2}}
