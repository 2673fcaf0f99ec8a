"""Undelivered days at the end are distinguished from days without sales."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import polars as pl
import pytest

from features.data.delivery import MAX_DAYS, undelivered_days

LAST = date(2024, 3, 31)  # a Sunday
DAYS = [LAST - timedelta(back) for back in range(99, -1, -1)]
FAMILIES = ("BREAD", "MILK", "WINE")
Keep = Callable[[date, int, str], bool]


def table(keep: Keep, *, stores: int = 3) -> pl.DataFrame:
    """Return a row for every day, store and family that `keep` accepts."""
    rows = [
        (day, store, family)
        for day in DAYS
        for store in range(1, stores + 1)
        for family in FAMILIES
        if keep(day, store, family)
    ]
    return pl.DataFrame(rows, schema=["date", "store_nbr", "family"], orient="row")


def late(days: int, *, store: int = 2, family: str | None = None) -> Keep:
    """Keep everything but the last days of a store, or of one of its families."""

    def keep(day: date, store_nbr: int, name: str) -> bool:
        is_unit = store_nbr == store and family in (None, name)
        return not is_unit or (LAST - day).days >= days

    return keep


def cells(train: pl.DataFrame) -> list[tuple[int, str | None, int]]:
    """Return store, family and days before the last day of each undelivered cell."""
    return [
        (store, family, (LAST - day).days)
        for store, family, day in undelivered_days(train, ("store_nbr", "family")).rows()
    ]


def test_nothing_is_late_in_a_complete_table() -> None:
    assert cells(table(late(0))) == []


@pytest.mark.parametrize("days", [1, 3, 10, MAX_DAYS])
def test_last_days_of_a_store_without_rows_are_undelivered(days: int) -> None:
    assert cells(table(late(days))) == [(2, None, back) for back in reversed(range(days))]


@pytest.mark.parametrize("days", [MAX_DAYS + 1, 60])
def test_a_store_without_rows_for_longer_is_closed(days: int) -> None:
    assert cells(table(late(days))) == []


def test_all_stores_but_one_may_be_late() -> None:
    def keep(day: date, store: int, _: str) -> bool:
        return store == 3 or day < LAST

    assert cells(table(keep)) == [(1, None, 0), (2, None, 0)]


def test_a_family_of_one_store_may_be_late() -> None:
    assert cells(table(late(2, family="MILK"))) == [(2, "MILK", 1), (2, "MILK", 0)]


def test_a_family_that_is_late_in_a_late_store_is_late_for_longer() -> None:
    def keep(day: date, store: int, family: str) -> bool:
        return late(1)(day, store, family) and late(3, family="MILK")(day, store, family)

    assert cells(table(keep)) == [(2, "MILK", 2), (2, "MILK", 1), (2, None, 0)]


def test_a_store_that_is_closed_on_sundays_is_not_late_on_one() -> None:
    def keep(day: date, store: int, _: str) -> bool:
        return store != 2 or day.weekday() != LAST.weekday()

    assert cells(table(keep)) == []


def test_a_day_without_rows_of_any_other_store_is_a_closed_day() -> None:
    def keep(day: date, store: int, family: str) -> bool:
        return (LAST - day).days not in (1, 2) and late(3)(day, store, family)

    assert cells(table(keep)) == [(2, None, 0)]


def test_a_gap_followed_by_rows_is_no_late_delivery() -> None:
    assert cells(table(lambda day, store, _: store != 2 or (LAST - day).days not in (1, 2))) == []


def test_a_slow_family_is_zero_in_a_table_of_sold_rows() -> None:
    """It sells every other day, so its last sale is some days old."""

    def keep(day: date, store: int, family: str) -> bool:
        slow = family == "WINE" and day.toordinal() % 2 == 0
        return not slow and not (store == 2 and family == "BREAD" and day > LAST - timedelta(2))

    assert cells(table(keep)) == []


def test_a_slow_store_is_not_late() -> None:
    def keep(day: date, store: int, _: str) -> bool:
        return store != 2 or (day.toordinal() % 3 == 0 and day < LAST - timedelta(1))

    assert cells(table(keep)) == []


def test_a_store_is_late_with_all_its_families_in_a_table_of_sold_rows() -> None:
    def keep(day: date, store: int, family: str) -> bool:
        slow = family == "WINE" and day.toordinal() % 2 == 0
        return not slow and late(2)(day, store, family)

    assert cells(table(keep)) == [(2, None, 1), (2, None, 0)]


def test_a_discontinued_family_does_not_hide_a_late_one() -> None:
    def keep(day: date, store: int, family: str) -> bool:
        discontinued = store == 1 and family == "WINE" and day > LAST - timedelta(40)
        return not discontinued and late(1, family="MILK")(day, store, family)

    assert cells(table(keep)) == [(2, "MILK", 0)]


def test_a_store_that_has_just_opened_is_never_late() -> None:
    def keep(day: date, store: int, _: str) -> bool:
        return store != 2 or 1 <= (LAST - day).days < 12

    assert cells(table(keep)) == []
