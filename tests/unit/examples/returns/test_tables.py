"""The online shop: what its tables are understood as."""

from __future__ import annotations

import polars as pl
import pytest

from features.data.calendar import LOCAL
from features.data.specification import Returns
from tests.support.examples import Read, kinds_of


def test_the_specification_is_what_the_page_says(read_example: Read) -> None:
    specification = read_example("returns").specification
    assert list(specification.columns_of_level) == ["total", "Lager", "Artikel", "bottom"]
    assert specification.columns == {"date": "Datum", "sales": "Menge"}
    assert specification.returns is Returns.NET


def test_the_season_of_three_weeks_is_a_flag_that_is_known_ahead(read_example: Read) -> None:
    assert kinds_of(read_example("returns").specification) == {
        "Herbstaktion": ("flag", True, ("Lager",))
    }


def test_the_local_event_is_kept_by_one_warehouse(read_example: Read) -> None:
    holidays = read_example("returns").holidays_events
    local = holidays.filter(pl.col("locale") == LOCAL)
    assert set(local["locale_name"]) == {"Süd"}
    assert set(local["description"]) == {"Lagerverkauf"}


def test_some_days_are_negative(read_example: Read) -> None:
    sales = read_example("returns").train["sales"]
    assert (sales < 0).mean() == pytest.approx(0.03, abs=0.01)
    assert (sales == 0).sum() == 0
