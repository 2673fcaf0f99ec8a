"""Faults that are put into the newest days of tables are listed, with their days and words."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.data.checks.panel import Panel, panel_of
from features.data.reading.reader import ReadTable
from features.data.screening.outlier import Outlier, OutlierKind, OutlierSeverity
from features.data.screening.screen import screen
from features.data.screening.treatment import Screening
from features.data.specification import FAVORITA
from features.data.step import Step
from features.data.tables import read_tables
from tests.support.shops import LAST, write_shops

END = date(2024, 6, 30)
SALES, DAY = pl.col("sales"), pl.col("date")
STORE, FAMILY = pl.col("store_nbr"), pl.col("family")
SERIES = (STORE == 3) & (FAMILY == "DAIRY")

Change = Callable[[pl.DataFrame], pl.DataFrame]


def ago(days: int) -> date:
    return END - timedelta(days)


TWO_WEEKS_AGO = ago(14)


@pytest.fixture(scope="module")
def rows(demo_folder: Path) -> pl.DataFrame:
    return pl.read_parquet(demo_folder / "train.parquet").sort("store_nbr", "family", "date")


@pytest.fixture(scope="module")
def holidays(demo_folder: Path) -> frozenset[date]:
    return frozenset(pl.read_parquet(demo_folder / "holidays_events.parquet")["date"])


def outliers_of(
    rows: pl.DataFrame, holidays: frozenset[date], *, served: date | None = TWO_WEEKS_AGO
) -> list[Outlier]:
    frame = rows.with_columns(_file=pl.lit(0), _row=pl.int_range(pl.len()))
    table = ReadTable("train", frame, ["train.parquet"], ("date", "store_nbr", "family"))
    panel = panel_of(table, FAVORITA.series)
    assert panel is not None
    return screen(panel, FAVORITA, served=served, holidays=holidays)


def scale(factor: float, where: pl.Expr) -> Change:
    return lambda rows: rows.with_columns(
        sales=pl.when(where).then(SALES * factor).otherwise(SALES)
    )


def promote(count: int, where: pl.Expr) -> Change:
    return lambda rows: rows.with_columns(
        onpromotion=pl.when(where).then(count).otherwise(pl.col("onpromotion"))
    )


def on(day: date) -> pl.Expr:
    return pl.col("date") == day


def since(day: date) -> pl.Expr:
    return pl.col("date") >= day


@dataclass(frozen=True)
class Fault:
    """A fault, and what must be listed of it."""

    change: Change
    kind: OutlierKind
    node: str
    first: date
    last: date
    words: str
    severity: OutlierSeverity = OutlierSeverity.WARNING
    column: str = "sales"


CRITICAL = OutlierSeverity.CRITICAL
FAULTS = {
    "a spike of a series": Fault(
        scale(5, SERIES & on(ago(3))),
        OutlierKind.SPIKE,
        "store:3/family:DAIRY",
        *(ago(3), ago(3)),
        "more than its year before, its promotions and its peers explain",
    ),
    "a spike of two days": Fault(
        scale(5, SERIES & DAY.is_between(ago(3), ago(2))),
        OutlierKind.SPIKE,
        "store:3/family:DAIRY",
        *(ago(3), ago(2)),
        f"from {ago(3)} to {ago(2)}",
    ),
    "a series times ten": Fault(
        scale(10, SERIES & on(ago(4))),
        OutlierKind.DECIMAL_SHIFT,
        "store:3/family:DAIRY",
        *(ago(4), ago(4)),
        "close to 10 times the",
    ),
    "a family times a hundred": Fault(
        scale(100, (FAMILY == "BEVERAGES") & on(ago(2))),
        OutlierKind.DECIMAL_SHIFT,
        "family:BEVERAGES",
        *(ago(2), ago(2)),
        "close to 100 times the",
        CRITICAL,
    ),
    "a family times a hundred on a day on which all sell twice as much": Fault(
        lambda rows: scale(100, (FAMILY == "BEVERAGES") & on(ago(2)))(scale(2, on(ago(2)))(rows)),
        OutlierKind.DECIMAL_SHIFT,
        "family:BEVERAGES",
        *(ago(2), ago(2)),
        "close to 100 times the",
        CRITICAL,
    ),
    "a store a tenth from a day on": Fault(
        scale(0.1, (STORE == 2) & since(ago(4))),
        OutlierKind.DECIMAL_SHIFT,
        "store:2",
        *(ago(4), END),
        "close to 1/10 of the",
        CRITICAL,
    ),
    "all sales a hundredth": Fault(
        scale(0.01, on(ago(1))),
        OutlierKind.DECIMAL_SHIFT,
        "total",
        *(ago(1), ago(1)),
        "close to 1/100 of the",
        CRITICAL,
    ),
    "a stock-out": Fault(
        scale(0, SERIES & DAY.is_between(ago(8), ago(4))),
        OutlierKind.STOCKOUT,
        "store:3/family:DAIRY",
        *(ago(8), ago(4)),
        "(5 days)",
    ),
    "a closed store": Fault(
        scale(0, (STORE == 10) & since(ago(6))),
        OutlierKind.CLOSED_SITE,
        "store:10",
        *(ago(6), END),
        "(7 days) while others sold",
    ),
    "a store whose rows are missing": Fault(
        lambda rows: rows.filter(~((STORE == 10) & DAY.is_between(ago(6), ago(5)))),
        OutlierKind.CLOSED_SITE,
        "store:10",
        *(ago(6), ago(5)),
        "(2 days) while others sold",
    ),
    "a store that sells 1.3 times as much": Fault(
        scale(1.3, (STORE == 1) & since(ago(9))),
        OutlierKind.LEVEL_SHIFT,
        "store:1",
        *(ago(9), END),
        "% more than the",
    ),
    "a store that sells a third less": Fault(
        scale(0.67, (STORE == 21) & since(ago(9))),
        OutlierKind.LEVEL_SHIFT,
        "store:21",
        *(ago(9), END),
        "% less than the",
    ),
    "a day without rows": Fault(
        lambda rows: rows.filter(ago(10) != DAY),
        OutlierKind.MISSING_DAY,
        "total",
        *(ago(10), ago(10)),
        "nobody sold anything",
        CRITICAL,
    ),
    "a day of zeros": Fault(
        scale(0, on(ago(10))),
        OutlierKind.MISSING_DAY,
        "total",
        *(ago(10), ago(10)),
        "which is no holiday",
        CRITICAL,
    ),
    "a count of promotions out of range": Fault(
        promote(900, SERIES & on(ago(3))),
        OutlierKind.PROMOTION_RANGE,
        "store:3/family:DAIRY",
        *(ago(3), ago(3)),
        "900 in onpromotion",
        column="onpromotion",
    ),
    "counts of promotions out of range in many stores": Fault(
        promote(900, (FAMILY == "DAIRY") & on(ago(3))),
        OutlierKind.PROMOTION_RANGE,
        "family:DAIRY",
        *(ago(3), ago(3)),
        "900 in onpromotion",
        column="onpromotion",
    ),
    "a column of promotions that is all zero": Fault(
        promote(0, since(ago(7))),
        OutlierKind.PROMOTION_COLUMN,
        "total",
        *(ago(7), END),
        "no series has a value in onpromotion",
        CRITICAL,
        "onpromotion",
    ),
    "a column of promotions that is all one": Fault(
        promote(1, since(ago(7))),
        OutlierKind.PROMOTION_COLUMN,
        "total",
        *(ago(7), END),
        "every series has a value in onpromotion",
        CRITICAL,
        "onpromotion",
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_of_new_days_is_listed_once_with_its_days(
    rows: pl.DataFrame, holidays: frozenset[date], fault: Fault
) -> None:
    (outlier,) = outliers_of(fault.change(rows), holidays)
    assert (outlier.kind, outlier.node, outlier.column) == (fault.kind, fault.node, fault.column)
    assert outlier.severity is fault.severity
    assert fault.words in outlier.message
    assert outlier.last == fault.last
    if fault.kind is OutlierKind.LEVEL_SHIFT:  # chance hides on which of two days it began
        assert abs((outlier.first - fault.first).days) <= 1
    else:
        assert outlier.first == fault.first


def test_the_words_say_what_was_sold_before(rows: pl.DataFrame, holidays: frozenset[date]) -> None:
    day = ago(3)
    (spike,) = outliers_of(scale(5, SERIES & on(day))(rows), holidays)
    sold = dict(rows.filter(SERIES).select("date", "sales").rows())
    weeks = [f"{sold[day - timedelta(7 * number)]:,.0f}" for number in (4, 3, 2, 1)]
    assert f"It sold {', '.join(weeks[:3])} and {weeks[3]} on the Thursdays before" in spike.message
    assert f"{sold[day - timedelta(1)]:,.0f} the day before" in spike.message
    assert spike.value == pytest.approx(5 * sold[day])
    assert spike.expected == pytest.approx(sold[day], rel=0.4)


PLAUSIBLE: dict[str, Change] = {
    "a holiday on which all sell twice as much": scale(2, on(ago(3))),
    "a holiday on which all sell a fifth": scale(0.2, on(ago(3))),
    "a fair at which all of a store sells five times as much": scale(5, (STORE == 1) & on(ago(3))),
    "a holiday on which all sell four times, and a store ten times as much": (
        lambda rows: scale(2.5, (STORE == 1) & on(ago(3)))(scale(4, on(ago(3)))(rows))
    ),
    "a family that sells four times as much everywhere": scale(
        4, (FAMILY == "BEVERAGES") & on(ago(3))
    ),
}


@pytest.mark.parametrize("change", PLAUSIBLE.values(), ids=PLAUSIBLE)
def test_what_the_peers_of_a_day_explain_is_no_outlier(
    rows: pl.DataFrame, holidays: frozenset[date], change: Change
) -> None:
    assert outliers_of(change(rows), holidays) == []


def test_a_holiday_on_which_all_are_closed_is_no_missing_day(
    rows: pl.DataFrame, holidays: frozenset[date]
) -> None:
    closed = rows.filter(ago(10) != DAY)
    assert outliers_of(closed, holidays | {ago(10)}) == []


def test_days_that_are_served_already_are_not_screened(
    rows: pl.DataFrame, holidays: frozenset[date]
) -> None:
    changed = scale(5, SERIES & on(ago(3)))(rows)
    assert outliers_of(changed, holidays, served=ago(3)) == []
    assert outliers_of(changed, holidays, served=END) == []
    assert len(outliers_of(changed, holidays, served=ago(4))) == 1


def test_the_last_four_weeks_are_screened_where_nothing_is_served(
    rows: pl.DataFrame, holidays: frozenset[date]
) -> None:
    for days, count in ((27, 1), (28, 0)):
        changed = scale(5, SERIES & on(ago(days)))(rows)
        assert len(outliers_of(changed, holidays, served=None)) == count


def test_sales_that_go_on_as_before_have_no_outlier(
    rows: pl.DataFrame, holidays: frozenset[date]
) -> None:
    """Half a year of the demo, screened week by week."""
    for weeks in range(26):
        day = ago(7 * weeks)
        before = outliers_of(rows.filter(day >= DAY), holidays, served=day - timedelta(7))
        assert before == [], f"the week to {day}"


def test_shops_that_close_on_sundays_have_no_outlier(tmp_path: Path) -> None:
    folder = write_shops(tmp_path)
    screening = Screening(served=LAST - timedelta(91))
    assert read_tables(folder, screening=screening).outliers == ()


@pytest.mark.parametrize("new_days", [1, 28])
def test_four_weeks_of_1782_series_take_less_than_two_seconds(new_days: int) -> None:
    draw = np.random.default_rng(1)
    stores, families, days = 54, 33, 1000
    units = draw.poisson(draw.lognormal(2, 1.5, (stores * families, 1)), (stores * families, days))
    frame = pl.DataFrame({"sales": units.ravel(), "onpromotion": np.zeros(units.size, np.int32)})
    frame = frame.with_columns(date=pl.lit(END))
    series = pl.DataFrame(
        {
            "store_nbr": np.repeat(np.arange(stores), families),
            "family": [f"family {number}" for number in range(families)] * stores,
        }
    )
    table = ReadTable("train", frame, ["train"])
    cells = np.arange(units.size, dtype=np.int32).reshape(units.shape)
    panel = Panel(table, series, END - timedelta(days - 1), Step.DAY, days, cells)
    served = panel.day(days - 1 - new_days)
    started = time.process_time()
    outliers = screen(panel, FAVORITA, served=served, holidays=frozenset())
    assert time.process_time() - started < 2
    assert len(outliers) <= 1
