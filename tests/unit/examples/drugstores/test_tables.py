"""The drugstores: what their tables are understood as."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from examples.writer import write_example
from features.data.specification import Missing
from features.data.tables import DataError, read_tables
from tests.support.examples import SCALE, Read, kinds_of


def test_the_specification_is_what_the_page_says(read_example: Read) -> None:
    specification = read_example("drugstores").specification
    assert list(specification.columns_of_level) == ["total", "StoreType", "bottom"]
    assert kinds_of(specification) == {
        "Customers": ("count", False, ("Store",)),
        "Promo": ("flag", True, ("Store",)),
        "StateHoliday=a": ("flag", True, ("Store",)),
        "StateHoliday=b": ("flag", True, ("Store",)),
        "StateHoliday=c": ("flag", True, ("Store",)),
        "SchoolHoliday": ("flag", True, ("Store",)),
    }
    assert (specification.sales, specification.future) == ("train", "test")
    assert specification.columns == {"date": "Date", "sales": "Sales"}
    assert specification.open == "Open"
    assert specification.missing is Missing.ZERO


def test_closed_days_have_rows_without_sales(read_example: Read) -> None:
    train = read_example("drugstores").train
    closed = train.filter(~pl.col("open"))
    assert closed["sales"].max() == 0
    assert train.filter("open")["sales"].min() > 0  # type: ignore[operator]
    sundays = train.filter(pl.col("date").dt.weekday() == 7)
    assert 0 < sundays["open"].mean() < 0.5  # type: ignore[operator]


def test_some_stores_have_no_row_for_half_a_year(read_example: Read) -> None:
    train = read_example("drugstores").train
    half = train.filter(pl.col("date").is_between(date(2014, 7, 1), date(2014, 12, 31)))
    assert train["Store"].n_unique() - half["Store"].n_unique() == 1


def test_plans_reach_42_days_ahead(read_example: Read) -> None:
    tables = read_example("drugstores")
    assert tables.test is not None
    assert tables.test["date"].n_unique() == 42
    assert {"open", "Promo"} <= set(tables.test.columns)


def test_a_store_may_lack_an_attribute_that_is_no_level(tmp_path: Path) -> None:
    """As the distance to competitors of some stores of the public data."""
    write_example("drugstores", tmp_path, scale=SCALE)
    stores = (tmp_path / "store.csv").read_text().splitlines()
    stores[1] = stores[1].rpartition(",")[0] + ","
    (tmp_path / "store.csv").write_text("\n".join(stores))
    assert read_tables(tmp_path).table("store")["CompetitionDistance"].null_count() == 1


def test_a_store_must_not_lack_the_attribute_of_a_level(tmp_path: Path) -> None:
    write_example("drugstores", tmp_path, scale=SCALE)
    stores = (tmp_path / "store.csv").read_text().splitlines()
    number, _, *others = stores[1].split(",")
    stores[1] = ",".join((number, "", *others))
    (tmp_path / "store.csv").write_text("\n".join(stores))
    with pytest.raises(DataError, match="no value"):
        read_tables(tmp_path)
