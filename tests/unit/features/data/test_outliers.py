"""Outliers: a barcode as quantity is one; a large order or a change of units is not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest

from features.data.outliers import plan_outliers, sales_outliers, value_outliers

BARCODE = 7501031311309.0
SERIES = ("store_nbr", "family")
PROMOTIONS: dict[str, Any] = {"value": "onpromotion", "keys": ("family",)}
USUAL = [20.0, 25.0, 30.0] * 50


def table(values: Sequence[float], *, store: int = 1, family: str = "BREAD") -> pl.DataFrame:
    count = len(values)
    return pl.DataFrame(
        {
            "date": [date(2024, 1, 1) + timedelta(day) for day in range(count)],
            "store_nbr": [store] * count,
            "family": [family] * count,
            "sales": [float(value) for value in values],
        }
    )


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([*USUAL, BARCODE], [BARCODE], id="a barcode"),
        pytest.param([BARCODE, *USUAL], [BARCODE], id="on the first day"),
        pytest.param([*USUAL, *[BARCODE] * 10], [BARCODE] * 10, id="ten that could hide another"),
        pytest.param([*USUAL, 1e9, 4000], [1e9, 4000], id="of different sizes"),
        pytest.param([*USUAL, 2000], [], id="eighty times the usual"),
        pytest.param([*USUAL, *[25_000] * 30], [], id="another unit from a day on"),
        pytest.param([0, 0, 1] * 50 + [900], [], id="one large order of a slow series"),
        pytest.param([0, 0, 1] * 50 + [BARCODE], [BARCODE], id="a barcode in a slow series"),
        pytest.param([0] * 150, [], id="no sales"),
    ],
)
def test_outliers_are_detected(values: list[float], expected: list[float]) -> None:
    assert sales_outliers(table(values), SERIES)["sales"].to_list() == expected


@pytest.mark.parametrize("family", ["BREAD", "MILK"])
def test_a_series_of_few_sales_is_compared_with_its_family_or_the_table(family: str) -> None:
    few = table([0, 3, BARCODE], store=2, family=family)
    assert sales_outliers(pl.concat((table(USUAL), few)), SERIES)["sales"].to_list() == [BARCODE]


def test_a_table_of_few_sales_has_no_outliers() -> None:
    assert sales_outliers(table([1, BARCODE]), SERIES).is_empty()


def test_rows_are_whole_and_in_their_order() -> None:
    train = pl.concat((table([*USUAL, BARCODE], store=2), table([1e10, *USUAL])))
    train = train.with_row_index("_row")
    assert sales_outliers(train, SERIES).equals(train[[150, 151]])


def test_promotions_are_compared_with_those_of_the_family() -> None:
    items = [0.0] * 100 + [3.0, 4.0] * 10
    train = table(items).rename({"sales": "onpromotion"})
    plan = table([4.0, BARCODE]).rename({"sales": "onpromotion"})
    assert plan_outliers(train, train, plan, **PROMOTIONS).is_empty()
    assert plan_outliers(plan, train, plan, **PROMOTIONS)["onpromotion"].to_list() == [BARCODE]


def test_transactions_are_compared_with_those_of_the_store() -> None:
    visits = pl.concat((table([*USUAL, 1e9]), table([2e5] * 50, store=2)))
    visits = visits.rename({"sales": "transactions"}).drop("family")
    assert value_outliers(visits, value="transactions", keys=("store_nbr",))[
        "transactions"
    ].to_list() == [1e9]
