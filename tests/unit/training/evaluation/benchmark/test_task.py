"""The task of the benchmark: its series, windows, measures, and what is known at each origin."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from errors import InputError
from features.data.specification import FAVORITA
from features.data.tables import Tables
from tests.support.benchmark import FIRST_WINDOW, made_tables
from training.evaluation.benchmark.task import (
    DECILES,
    HORIZON,
    Panel,
    Scores,
    Window,
    all_windows,
    means,
    tables_as_of,
)


@pytest.fixture(scope="module")
def tables() -> Tables:
    return made_tables()


@pytest.fixture(scope="module")
def panel(tables: Tables) -> Panel:
    return Panel.of_tables(tables)


def test_ten_windows_of_four_weeks_end_on_the_last_day_of_the_task() -> None:
    windows = all_windows()
    assert [window.number for window in windows] == list(range(1, 11))
    assert windows[0].first == date(2016, 11, 9)
    assert windows[-1].first + timedelta(HORIZON - 1) == date(2017, 8, 15)
    apart = {later.first - earlier.first for earlier, later in pairwise(windows)}
    assert apart == {timedelta(HORIZON)}


def test_windows_whose_days_are_not_all_known_are_left_out(panel: Panel) -> None:
    assert [window.number for window in panel.windows] == [1]


def test_a_series_that_began_less_than_two_years_before_the_end_is_left_out(
    tables: Tables, panel: Panel
) -> None:
    assert "NEW" in tables.train["family"].unique()
    assert ("2", "NEW") not in panel.series
    assert len(panel.series) == 6


def test_a_day_without_a_row_counts_as_zero(tables: Tables, panel: Panel) -> None:
    day = date(2016, 3, 1)
    fewer = tables.train.filter(~((pl.col("date") == day) & (pl.col("family") == "DAIRY")))
    without = Panel.of_tables(Tables(fewer, tables.holidays_events, tables.others, tables.test))
    at = panel.series.index(("1", "DAIRY"))
    assert panel.sales[at, (day - panel.first).days] > 0
    assert without.sales[at, (day - panel.first).days] == 0


def test_the_measures_are_those_of_their_definitions() -> None:
    sales = np.array([[*range(1, 15), *[20.0] * HORIZON], [*[5.0] * 14, *[10.0] * HORIZON]])
    panel = Panel(sales, FIRST_WINDOW.first - timedelta(14), (("1", "A"), ("1", "B")))
    point = np.full((2, HORIZON), 16.0)
    scores = panel.score(FIRST_WINDOW, point, np.repeat(point[None], len(DECILES), axis=0))
    assert scores.wape == pytest.approx((4 + 6) / (20 + 10))
    # the second series never changed in a week, and has no scale
    assert scores.mase == pytest.approx(4 / 7)
    assert scores.wql == pytest.approx(scores.wape), "twice the pinball loss of a point"
    assert scores.sql == pytest.approx(scores.mase)
    assert panel.ratio(FIRST_WINDOW, point) == pytest.approx(32 / 30)


def test_right_deciles_score_better_than_the_point_alone(draw: np.random.Generator) -> None:
    noise = draw.gamma(4, 10, (50, 200))
    panel = Panel(noise, FIRST_WINDOW.first - timedelta(172), (("1", "A"),) * 50)
    point = np.full((50, HORIZON), np.median(noise))
    deciles = np.broadcast_to(np.quantile(noise, DECILES)[:, None, None], (9, 50, HORIZON))
    right = panel.score(FIRST_WINDOW, point, deciles)
    naive = panel.score(FIRST_WINDOW, point, np.repeat(point[None], 9, axis=0))
    assert right.wql is not None
    assert naive.wql is not None
    assert right.wql < 0.9 * naive.wql


def test_the_mean_over_windows_leaves_out_measures_that_one_lacks() -> None:
    both = {1: Scores(0.1, 1.0, 0.08, 0.9), 2: Scores(0.3, 2.0)}
    assert means(both) == Scores(pytest.approx(0.2), pytest.approx(1.5), None, None)


# --- what is known at an origin -----------------------------------------------------------------


def test_no_sales_after_the_origin_are_known_but_the_promotions_are(tables: Tables) -> None:
    known = tables_as_of(tables, FIRST_WINDOW)
    assert known.train["date"].max() == FIRST_WINDOW.origin
    assert known.test is not None
    assert "sales" not in known.test.columns
    assert known.test["date"].min() == FIRST_WINDOW.first
    assert known.test["date"].max() == FIRST_WINDOW.first + timedelta(HORIZON - 1)
    assert known.test["onpromotion"].sum() > 0


def test_other_tables_of_days_end_on_the_origin(tables: Tables) -> None:
    known = tables_as_of(tables, FIRST_WINDOW)
    assert tables.others["oil"]["date"].max() > FIRST_WINDOW.origin
    assert known.others["oil"]["date"].max() == FIRST_WINDOW.origin
    assert known.others["stores"].equals(tables.others["stores"])


# --- tables and windows that are refused --------------------------------------------------------


def test_a_window_that_the_tables_do_not_hold_is_refused(panel: Panel) -> None:
    with pytest.raises(InputError, match=r"no window 7 .*end on .*windows 1 to 1"):
        panel.select([1, 7])


def test_tables_that_hold_no_window_are_refused(tables: Tables) -> None:
    early = tables.train.filter(pl.col("date") < date(2016, 6, 1))
    with pytest.raises(InputError, match="no window of the benchmark"):
        Panel.of_tables(Tables(early, tables.holidays_events, tables.others))


def test_the_tables_of_another_retailer_are_refused(tables: Tables) -> None:
    other = Tables(
        tables.train,
        tables.holidays_events,
        tables.others,
        specification=FAVORITA.model_copy(update={"series": ("shop", "article")}),
    )
    with pytest.raises(InputError, match="needs the tables of Kaggle's competition"):
        Panel.of_tables(other)


def test_a_window_begins_the_day_after_its_origin() -> None:
    assert Window(1, date(2016, 11, 9)).origin == date(2016, 11, 8)
