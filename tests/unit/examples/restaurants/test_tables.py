"""The restaurants: what their tables are understood as."""

from __future__ import annotations

import polars as pl

from features.data.specification import Missing
from tests.support.examples import Read, kinds_of


def test_the_specification_is_what_the_page_says(read_example: Read) -> None:
    specification = read_example("restaurants").specification
    assert specification.columns_of_level == {
        "total": (),
        "area": ("area",),
        "genre": ("genre",),
        "bottom": ("restaurant",),
    }
    assert kinds_of(specification) == {"reserved": ("count", True, ("restaurant",))}
    assert specification.missing is Missing.CLOSED
    assert specification.holidays.country == "JP"


def test_rows_are_days_with_visitors_alone(read_example: Read) -> None:
    train = read_example("restaurants").train
    assert train["sales"].min() == 1
    days = train.group_by("restaurant").len()["len"]
    assert days.max() < 480  # type: ignore[operator]


def test_some_restaurants_close_on_a_weekday(read_example: Read) -> None:
    train = read_example("restaurants").train
    weekdays = train.group_by("restaurant").agg(pl.col("date").dt.weekday().n_unique())["date"]
    assert set(weekdays) == {6, 7}


def test_reservations_are_known_two_weeks_ahead(read_example: Read) -> None:
    tables = read_example("restaurants")
    ahead = tables.table("reservations")["date"].max() - tables.train["date"].max()  # type: ignore[operator]
    assert ahead.days == 14
