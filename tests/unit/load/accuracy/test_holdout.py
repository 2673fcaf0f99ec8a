"""Holding out the last days of a folder of tables."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from errors import InputError
from examples.writer import write_example
from features.data.tables import DataError, read_tables
from load.accuracy.holdout import hold_out

DAYS = 28


def cut(name: str, folder: Path) -> tuple[Path, date]:
    write_example(name, folder / "full", scale=0.05)
    return folder / "cut", hold_out(folder / "full", folder / "cut", DAYS)


def test_sales_end_before_the_days_that_are_held_out(tmp_path: Path) -> None:
    tables, last = cut("items", tmp_path)
    full = read_tables(tmp_path / "full").train
    assert last == full["date"].max() - timedelta(DAYS)  # type: ignore[operator]
    assert read_tables(tables).train.equals(full.filter(pl.col("date") <= last))


def test_plans_of_the_days_ahead_are_those_of_the_sales_that_were_cut(tmp_path: Path) -> None:
    tables, last = cut("drugstores", tmp_path)
    ahead = read_tables(tables).test
    assert ahead is not None
    assert ahead["date"].n_unique() == DAYS
    assert ahead["date"].min() == last + timedelta(1)
    full = read_tables(tmp_path / "full").train.filter(pl.col("date") > last)
    assert ahead.equals(full.select(ahead.columns))
    assert "sales" not in ahead.columns
    assert "Customers" not in ahead.columns


def test_other_tables_reach_as_far_ahead_as_they_did(tmp_path: Path) -> None:
    tables, last = cut("restaurants", tmp_path)
    reservations = read_tables(tables).table("reservations")
    assert reservations["date"].max() == last + timedelta(14)


def test_own_events_are_known_for_all_years(tmp_path: Path) -> None:
    tables, _ = cut("returns", tmp_path)
    events = (tables / "ereignisse.csv").read_text(encoding="utf-8")
    assert events == (tmp_path / "full" / "ereignisse.csv").read_text(encoding="utf-8")


def test_too_few_days_are_refused(tmp_path: Path) -> None:
    write_example("items", tmp_path / "full", scale=0.05)
    with pytest.raises(InputError, match="no sales 2000 days before"):
        hold_out(tmp_path / "full", tmp_path / "cut", 2000)


def test_tables_that_are_not_understood_are_refused(tmp_path: Path) -> None:
    write_example("items", tmp_path / "full", scale=0.05)
    (tmp_path / "full" / "retailer.yaml").write_text("series: shop\n", encoding="utf-8")
    with pytest.raises(DataError, match="shop"):
        hold_out(tmp_path / "full", tmp_path / "cut", DAYS)
