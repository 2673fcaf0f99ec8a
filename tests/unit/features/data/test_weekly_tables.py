"""Weekly tables: what is understood of them, checked, and laid on a grid of weeks."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.data.build import build_snapshot
from features.data.findings import Report
from features.data.reading.layout import STANDARD
from features.data.snapshot import Snapshot
from features.data.snapshot_files import load_snapshot
from features.data.step import Step, WeekDate
from features.data.tables import check_tables, read_tables

WEEKS, AHEAD = 120, 20
MONDAY, FRIDAY = date(2022, 1, 3), date(2022, 1, 7)


def write(folder: Path, first: date = MONDAY, *, stated: str = "", ahead: int = 0) -> Path:
    """Write weekly sales of two shops; 100 + week in A, 10 in B."""
    folder.mkdir()
    weeks = [first + timedelta(weeks=number) for number in range(WEEKS)]
    sales = {"date": weeks * 2, "shop": ["A"] * WEEKS + ["B"] * WEEKS}
    units = [*range(100, 100 + WEEKS), *[10] * WEEKS]
    pl.DataFrame({**sales, "sales": units}).write_csv(folder / "sales.csv")
    if ahead:
        later = [weeks[-1] + timedelta(weeks=number + 1) for number in range(ahead)]
        future = {"date": later * 2, "shop": ["A"] * ahead + ["B"] * ahead}
        pl.DataFrame(future).write_csv(folder / "future.csv")
    (folder / "retailer.yaml").write_text(f"series: [shop]\n{stated}", encoding="utf-8")
    return folder


def snapshot_of(folder: Path) -> Snapshot:
    return load_snapshot(build_snapshot(read_tables(folder), folder / "built").path)


def faults(folder: Path) -> list[str]:
    report = Report()
    check_tables(folder, STANDARD, report)
    return [kind.first.text for kind in report.errors]


@pytest.mark.parametrize(
    ("first", "stated", "ahead", "expected"),
    [
        pytest.param(MONDAY, "", 0, (Step.WEEK, WeekDate.FIRST, 13), id="Mondays"),
        pytest.param(FRIDAY, "", 0, (Step.WEEK, WeekDate.LAST, 13), id="Fridays"),
        pytest.param(
            FRIDAY, "week_date: first", 0, (Step.WEEK, WeekDate.FIRST, 13), id="as is stated"
        ),
        pytest.param(MONDAY, "", AHEAD, (Step.WEEK, WeekDate.FIRST, AHEAD), id="many weeks ahead"),
        pytest.param(MONDAY, "horizon: 5", 5, (Step.WEEK, WeekDate.FIRST, 5), id="a horizon"),
    ],
)
def test_weeks_are_understood_from_the_dates(
    tmp_path: Path, first: date, stated: str, ahead: int, expected: tuple[Step, WeekDate, int]
) -> None:
    made = read_tables(write(tmp_path / "tables", first, stated=stated, ahead=ahead)).specification
    assert (made.step, made.week_date, made.horizon) == expected


@pytest.mark.parametrize(
    ("stated", "phrase"),
    [
        pytest.param("step: day", "is 7 days after the date before it", id="weeks as days"),
        pytest.param("horizon: 105", "105 weeks are too many; at most 104", id="too far"),
        pytest.param("horizon: 0", "greater than or equal to 1", id="nowhere"),
        pytest.param("step: month", "'month'", id="another step"),
    ],
)
def test_a_statement_that_does_not_fit_is_refused(tmp_path: Path, stated: str, phrase: str) -> None:
    (fault,) = faults(write(tmp_path / "tables", stated=stated))
    assert phrase in fault


def _late(table: pl.DataFrame) -> pl.DataFrame:
    last = pl.col("date") == pl.col("date").max()
    return table.with_columns(
        pl.when(last).then(pl.col("date").dt.offset_by("1d")).otherwise("date")
    )


@pytest.mark.parametrize("table", ["sales", "future"])
def test_a_date_on_another_weekday_is_refused(tmp_path: Path, table: str) -> None:
    folder = write(tmp_path / "tables", stated="step: week", ahead=4)
    path = folder / f"{table}.csv"
    _late(pl.read_csv(path, try_parse_dates=True)).write_csv(path)
    (fault,) = faults(folder)
    assert "is a Tuesday, and most weeks have the date of a Monday" in fault


def test_the_grid_has_a_column_for_each_week(tmp_path: Path) -> None:
    snapshot = snapshot_of(write(tmp_path / "tables", ahead=AHEAD))
    assert snapshot.sales.shape == (3, WEEKS)
    assert snapshot.sales[1].tolist() == list(range(100, 100 + WEEKS))
    assert len(snapshot.dates) == WEEKS + AHEAD
    for index in (0, 7, WEEKS + AHEAD - 1):
        assert snapshot.index_of(snapshot.date_at(index)) == index
    assert snapshot.date_at(7) == MONDAY + timedelta(weeks=7)


@pytest.mark.parametrize(
    ("first", "before"),
    [pytest.param(MONDAY, 0, id="first day"), pytest.param(FRIDAY, 6, id="last day")],
)
def test_days_of_another_table_count_for_their_week(
    tmp_path: Path, first: date, before: int
) -> None:
    """A temperature is averaged, a flag holds if it does on any day."""
    folder = write(tmp_path / "tables", first)
    begin = first - timedelta(before)
    days = [begin + timedelta(number) for number in range(7 * WEEKS)]
    values = {
        "date": days,
        "warmth": [number % 7 + 0.5 for number in range(len(days))],
        "fair": [int(number == 3) for number in range(len(days))],
    }
    pl.DataFrame(values).write_csv(folder / "weather.csv")
    snapshot = snapshot_of(folder)
    assert np.allclose(snapshot.covariates["warmth"], 3.5)
    assert snapshot.covariates["fair"][0, :3].tolist() == [1, 0, 0]


def test_a_holiday_belongs_to_the_week_of_its_day(tmp_path: Path) -> None:
    folder = write(tmp_path / "tables", FRIDAY, stated="calendar: {holidays: feasts.csv}")
    days = [FRIDAY + timedelta(weeks=10) - timedelta(back) for back in (0, 6)]
    pl.DataFrame({"date": [*days], "name": ["Feast", "Eve"]}).write_csv(folder / "feasts.csv")
    snapshot = snapshot_of(folder)
    assert snapshot.calendar.names[9:12].tolist() == ["", "Eve", ""]
    assert snapshot.calendar.day["event"][9:12].tolist() == [0, 2, 0]


def _without_a_store(table: pl.DataFrame) -> pl.DataFrame:
    return table.filter((pl.col("shop") != "B") | (pl.col("date") < pl.col("date").max()))


def test_a_week_that_a_shop_has_not_reported_is_not_known(tmp_path: Path) -> None:
    folder = write(tmp_path / "tables")
    path = folder / "sales.csv"
    _without_a_store(pl.read_csv(path, try_parse_dates=True)).write_csv(path)
    snapshot = snapshot_of(folder)
    assert np.isnan(snapshot.sales[2, -1])
    assert snapshot.history[2, -1] == 10
