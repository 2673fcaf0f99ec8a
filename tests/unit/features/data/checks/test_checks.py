"""Checks of readable tables: keys, references, spans, gaps, unusual values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.data.checks.spikes import unusual_cells
from features.data.findings import Report, Severity
from features.data.reading.layout import STANDARD
from features.data.tables import DataError, check_tables, read_tables
from tests.unit.features.data.reading.sheets import DAYS, FIRST, frames, write_frames

Frames = dict[str, pl.DataFrame]
TODAY = date(2024, 6, 1)
DAY, STORE, FAMILY = pl.col("date"), pl.col("store_nbr"), pl.col("family")


def check_frames(folder: Path, changed: Frames, today: date = TODAY) -> Report:
    report = Report()
    check_tables(write_frames(folder, changed), STANDARD, report, today=today)
    return report


def codes(report: Report) -> list[tuple[str, str, int]]:
    return [(k.first.severity.value, k.first.code, k.count) for k in report.kinds]


def with_rows(frame: pl.DataFrame, *rows: dict[str, object]) -> pl.DataFrame:
    added = [frame.row(0, named=True) | row for row in rows]
    return pl.concat([frame, pl.DataFrame(added, schema=frame.schema)])


@pytest.mark.parametrize(
    ("table", "day"),
    [
        ("train", date(9999, 12, 31)),
        ("train", date(2099, 1, 1)),
        ("train", date(204, 1, 5)),
        ("train", date(1970, 1, 1)),
        ("train", date(2023, 1, 1)),
        ("train", date(2024, 5, 1)),
        ("transactions", date(9999, 12, 31)),
        ("oil", date(1900, 1, 1)),
        ("test", date(2099, 1, 1)),
        ("holidays_events", date(9999, 12, 31)),
    ],
    ids=lambda value: str(value),
)
def test_a_date_far_from_all_others_is_refused(tmp_path: Path, table: str, day: date) -> None:
    changed = frames()
    changed[table] = with_rows(changed[table], {"date": day})
    report = check_frames(tmp_path, changed)
    assert codes(report)[0] == ("error", "date-span", 1)
    first = report.errors[0].first
    assert (first.row, first.column, first.value) == (changed[table].height, "date", str(day))


def test_a_store_that_reopens_after_two_months_is_a_gap_and_no_error(tmp_path: Path) -> None:
    changed = frames()
    later = changed["train"].with_columns(DAY + timedelta(DAYS + 60))
    changed["train"] = pl.concat([changed["train"], later])
    del changed["test"]
    report = check_frames(tmp_path, changed, date(2024, 12, 1))
    assert report.errors == []
    assert "gap-retailer" in [kind.first.code for kind in report.warnings]


@pytest.mark.parametrize(
    ("step", "refused"),
    [
        pytest.param(timedelta(7), True, id="weekly"),
        pytest.param(timedelta(30), True, id="monthly"),
        pytest.param(timedelta(2), False, id="every other day"),
    ],
)
def test_sales_that_are_not_daily_are_refused(
    tmp_path: Path, step: timedelta, refused: bool
) -> None:
    """They would be read as the sales of one day, with zeros on all others."""
    changed = frames()
    dates = [FIRST - step * number for number in range(30)]
    rows = changed["train"].filter(DAY == FIRST)
    changed["train"] = pl.concat([rows.with_columns(date=pl.lit(day)) for day in dates])
    report = check_frames(tmp_path, changed)
    refusals = [kind.first for kind in report.errors if kind.first.code == "not-daily"]
    assert bool(refusals) is refused
    if refused:
        assert f"is {step.days} days after the date before it" in refusals[0].message
        assert refusals[0].column == "date"


@pytest.mark.parametrize("first", [date(2024, 1, 6), date(2024, 1, 7)], ids=["Saturday", "Sunday"])
def test_stores_that_open_on_weekends_only_are_daily(tmp_path: Path, first: date) -> None:
    changed = frames()
    changed["train"] = changed["train"].filter((DAY.dt.weekday() >= 6) & (first <= DAY))
    assert "not-daily" not in {kind.first.code for kind in check_frames(tmp_path, changed).errors}


def test_sales_in_the_future_are_a_warning(tmp_path: Path) -> None:
    report = check_frames(tmp_path, frames(), FIRST + timedelta(DAYS - 3))
    assert [k.first.code for k in report.warnings] == ["future-rows", "future-rows"]
    assert report.errors == []


def _end_store_early(changed: Frames) -> None:
    last = FIRST + timedelta(DAYS - 3)
    changed["train"] = changed["train"].filter(~((STORE == 2) & (last < DAY)))


def _drop_store_day(changed: Frames) -> None:
    changed["train"] = changed["train"].filter(~((STORE == 2) & (date(2024, 1, 20) == DAY)))


def _drop_day_of_all_stores(changed: Frames) -> None:
    changed["train"] = changed["train"].filter(date(2024, 1, 20) != DAY)


def _drop_series_day(changed: Frames) -> None:
    hole = (STORE == 2) & (FAMILY == "BREAD") & (date(2024, 1, 20) == DAY)
    changed["train"] = changed["train"].filter(~hole)


def _sell_a_barcode(changed: Frames) -> None:
    cell = (STORE == 1) & (FAMILY == "BREAD") & (date(2024, 1, 20) == DAY)
    changed["train"] = changed["train"].with_columns(
        sales=pl.when(cell).then(7501031311309.0).otherwise("sales")
    )


def _multiply_one_cell(changed: Frames) -> None:
    cell = (STORE == 1) & (FAMILY == "BREAD") & (date(2024, 1, 20) == DAY)
    changed["train"] = changed["train"].with_columns(
        sales=pl.when(cell).then(pl.col("sales") * 100).otherwise("sales")
    )


def _misspell_city(changed: Frames) -> None:
    changed["holidays_events"] = changed["holidays_events"].with_columns(
        locale_name=pl.col("locale_name").replace("Bröke", "Broke")
    )


def _uppercase_city(changed: Frames) -> None:
    changed["holidays_events"] = changed["holidays_events"].with_columns(
        locale_name=pl.col("locale_name").replace("Bröke", "BRÖKE")
    )


def _add_store_without_rows(changed: Frames) -> None:
    changed["stores"] = with_rows(changed["stores"], {"store_nbr": 77})


def _shorten_oil(changed: Frames) -> None:
    changed["oil"] = changed["oil"].head(2)


def _drop_transactions(changed: Frames) -> None:
    changed["transactions"] = changed["transactions"].filter(STORE != 2)


def _drop_store_from_test(changed: Frames) -> None:
    changed["test"] = changed["test"].filter(STORE != 2)


def _repeat_holiday(changed: Frames) -> None:
    changed["holidays_events"] = with_rows(changed["holidays_events"], {})


def _add_long_event(changed: Frames) -> None:
    row = {"type": "Event", "description": "Lockdown", "transferred": False}
    days = [{**row, "date": FIRST + timedelta(number)} for number in range(12)]
    changed["holidays_events"] = with_rows(changed["holidays_events"], *days)


def _add_similar_family(changed: Frames) -> None:
    more = changed["train"].filter(STORE == 2, FAMILY == "BREAD")
    changed["train"] = pl.concat([changed["train"], more.with_columns(family=pl.lit("Bread"))])


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (_end_store_early, "undelivered", "store_nbr 2 has no rows from 2024-02-08 to 2024-02-09"),
        (_drop_store_day, "gap-store", "no row of store_nbr 2 on 2024-01-20"),
        (_drop_day_of_all_stores, "gap-retailer", "no row of any store_nbr on 2024-01-20"),
        (_drop_series_day, "gap-series", "store_nbr 2, family BREAD has no row on 1 days"),
        (_sell_a_barcode, "outlier", "7501031311309 on 2024-01-20 for store_nbr 1, family BREAD"),
        (
            _multiply_one_cell,
            "unusual-sales",
            "on 2024-01-20 is unusual for store_nbr 1, family BREAD",
        ),
        (_misspell_city, "place-unknown", "'Broke' is the city of no store"),
        (_uppercase_city, "place-case", "'BRÖKE' is taken for the city 'Bröke'"),
        (_add_store_without_rows, "store-without-rows", "store_nbr 77 has no sales"),
        (_shorten_oil, "stale", "ends on 2024-01-02, 38 days before"),
        (_drop_transactions, "no-transactions", "says nothing of store_nbr 2"),
        (_drop_store_from_test, "test-partial", "leaves out 3 of 9 series"),
        (_repeat_holiday, "holiday-repeated", "'New Year' on 2024-01-01 is listed again"),
        (_add_long_event, "long-event", "'Lockdown' takes 12 days of 2024"),
        (_add_similar_family, "similar-names", "'BREAD' (120 rows) and 'Bread' (40 rows)"),
    ],
)
def test_suspicious_data_is_a_warning(
    tmp_path: Path, change: Callable[[Frames], None], code: str, words: str
) -> None:
    changed = frames()
    change(changed)
    report = check_frames(tmp_path, changed)
    assert report.errors == []
    warnings = {kind.first.code: kind.first.line for kind in report.warnings}
    assert words in warnings.get(code, f"only {warnings}")


def test_all_faults_of_all_tables_are_reported_at_once(tmp_path: Path) -> None:
    changed = frames()
    changed["train"] = with_rows(
        changed["train"], {}, {"store_nbr": 77, "date": date(2024, 1, 2)}
    ).with_columns(sales=pl.when(pl.int_range(pl.len()) == 5).then(-1.0).otherwise("sales"))
    changed["oil"] = changed["oil"].drop("dcoilwtico")
    changed["stores"] = with_rows(changed["stores"], {"city": "  "})
    changed["test"] = with_rows(changed["test"], {"date": FIRST, "id": 99})
    report = check_frames(tmp_path, changed)
    assert {(k.first.file, k.first.code) for k in report.errors} == {
        ("train.parquet", "too-small"),
        ("train.parquet", "repeated-row"),
        ("train.parquet", "unknown-store"),
        ("oil.parquet", "column-missing"),
        ("stores.parquet", "no-value"),
        ("test.parquet", "test-before-origin"),
    }
    with pytest.raises(DataError) as caught:
        read_tables(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'train.parquet'}, row 6, column sales: ")
    assert f"(5 more; mlrf check {tmp_path} shows all)" in str(caught.value)


def test_names_equal_after_cleaning_are_reported_with_both_rows(tmp_path: Path) -> None:
    changed = frames()
    changed["train"] = with_rows(changed["train"], {"family": "BREAD "})
    report = check_frames(tmp_path, changed)
    assert codes(report) == [("warning", "name-form", 1), ("error", "repeated-row", 1)]
    assert "repeats row 1 " in report.errors[0].first.message


def test_an_unknown_series_of_test_is_reported_with_the_nearest_name(tmp_path: Path) -> None:
    changed = frames()
    changed["test"] = with_rows(changed["test"], {"family": "BRAED", "id": 99})
    report = check_frames(tmp_path, changed)
    assert report.errors[0].first.advice == "did you mean 'BREAD'?"


@pytest.mark.parametrize(
    "family",
    [
        pytest.param("bread", id="case"),
        pytest.param("PATE", id="accents"),
        pytest.param("LIQUOR WINE", id="punctuation"),
        pytest.param("BREED", id="a letter"),
        pytest.param("BRAED", id="two letters swapped"),
    ],
)
def test_a_misspelt_name_ahead_is_no_new_series(tmp_path: Path, family: str) -> None:
    changed = frames()
    changed["test"] = with_rows(
        changed["test"], {"family": family, "id": 98}, {"family": "TOYS", "id": 99}
    )
    report = check_frames(tmp_path, changed)
    assert ("error", "unknown-series", 1) in codes(report)
    assert ("warning", "new-series", 1) in codes(report)
    assert "family TOYS" in report.warnings[0].first.message


def test_new_series_are_one_warning_with_the_names_that_may_be_meant(tmp_path: Path) -> None:
    """Whole names are new; a store that sells another family than before is too."""
    changed = frames()
    changed["train"] = changed["train"].filter((STORE != 14) | (FAMILY != "BREAD"))
    new = [
        {"store_nbr": store, "family": "BREADS AND BUNS", "id": 90 + store} for store in (1, 2, 14)
    ]
    changed["test"] = with_rows(changed["test"], *new)
    report = check_frames(tmp_path, changed)
    assert report.errors == []
    (warning,) = [kind.first for kind in report.warnings if kind.first.code == "new-series"]
    assert warning.message == (
        "4 series not in the train table are taken for new: store_nbr 14, family BREAD; "
        "store_nbr 1, family BREADS AND BUNS; store_nbr 2, family BREADS AND BUNS; …"
    )
    assert warning.advice is None, "no known name is close"
    assert codes(report).count(("warning", "new-series", 1)) == 1


def test_a_new_series_whose_name_is_close_to_a_known_one_says_so(tmp_path: Path) -> None:
    changed = frames()
    changed["test"] = with_rows(changed["test"], {"family": "BREAD II", "id": 99})
    report = check_frames(tmp_path, changed)
    (warning,) = [kind.first for kind in report.warnings if kind.first.code == "new-series"]
    assert warning.advice == "did you mean 'BREAD' by 'BREAD II'?"


def test_a_store_that_opens_is_not_called_one_without_forecasts(tmp_path: Path) -> None:
    changed = frames()
    changed["stores"] = with_rows(changed["stores"], {"store_nbr": 3}, {"store_nbr": 4})
    changed["test"] = with_rows(changed["test"], {"store_nbr": 3, "id": 99})
    report = check_frames(tmp_path, changed)
    idle = [kind for kind in report.warnings if kind.first.code == "store-without-rows"]
    assert [(kind.count, "4 has no sales" in kind.first.message) for kind in idle] == [(1, True)]
    assert "test-partial" not in {kind.first.code for kind in report.warnings}


def test_a_store_that_opens_must_be_described(tmp_path: Path) -> None:
    changed = frames()
    changed["test"] = with_rows(changed["test"], {"store_nbr": 3, "id": 99})
    report = check_frames(tmp_path, changed)
    assert [kind.first.code for kind in report.errors] == ["unknown-store"]


def test_a_new_series_whose_attributes_only_the_sales_hold_is_refused(tmp_path: Path) -> None:
    days = [FIRST + timedelta(number) for number in range(DAYS)]
    sales = [(day, shop, "tea", 3 + day.day, "drinks") for day in days for shop in ("a", "b")]
    header = ["date", "shop", "item", "sales", "kind"]
    pl.DataFrame(sales, schema=header, orient="row").write_csv(tmp_path / "sales.csv")
    ahead = [(days[-1] + timedelta(1), shop, "tea") for shop in ("a", "b", "zebra")]
    pl.DataFrame(ahead, schema=header[:3], orient="row").write_csv(tmp_path / "future.csv")
    (tmp_path / "retailer.yaml").write_text("series: [shop, item]", encoding="utf-8")
    report = Report()
    assert check_tables(tmp_path, STANDARD, report, today=TODAY) is None
    (error,) = [kind.first for kind in report.errors]
    assert (error.code, error.row) == ("unknown-series", 4)
    assert "shop zebra, item tea is not in the sales table, so its kind" in error.message


def test_seasons_and_promotions_are_not_unusual() -> None:
    """Each year has a week of tenfold sales, as in December or at the start of school."""
    draw = np.random.default_rng(1)
    sales = draw.poisson(20, (1, 3 * 365)).astype(float)
    for year in range(3):
        sales[0, year * 365 + 350 : year * 365 + 357] *= 10
    assert unusual_cells(sales) == []
    sales[0, 500] = 2000
    assert unusual_cells(sales) == [(0, 500)]


def test_clean_tables_have_no_errors(tmp_path: Path) -> None:
    assert check_frames(tmp_path, frames()).count(Severity.ERROR) == 0
