"""Tables of a retailer with none of the names of the built-in data."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

FIRST, DAYS, AHEAD = date(2022, 1, 1), 480, 28
LAST = FIRST + timedelta(DAYS - 1)
SHOPS = {"A1": ("Nord", "NI"), "A2": ("Nord", "NI"), "B1": ("Süd", "BY"), "7": ("Süd", "BY")}
DEPARTMENTS = ("food", "toys", "garden tools")
PRICE, FLOOR = 5.0, "floor"
CLOSED_WEEKDAY = 6

NEW_SHOP, NEW_DEPARTMENT, OPENING = "C1", "books", 10
"""What `announce_series` adds, and the first day ahead of the shop."""

RETAILER = """\
series: [shop, department]
target: Menge
columns: {date: Tag}
levels: [region, shop, department, [region, department]]
open: offen
expect: median
fallback: false
calendar: {country: DE, region: land, holidays: anlass.csv}
covariates: {price: {transform: log}}
"""


def write_shops(folder: Path) -> Path:
    """Write the tables and their ``retailer.yaml`` into a folder, and return it."""
    draw = np.random.default_rng(7)
    days = [FIRST + timedelta(number) for number in range(DAYS + AHEAD)]
    sales, ahead, prices = [], [], []
    for shop in SHOPS:
        for department in DEPARTMENTS:
            level = draw.lognormal(3, 0.5)
            for number, day in enumerate(days):
                is_open = day.weekday() != CLOSED_WEEKDAY
                promoted = bool(draw.random() < 0.1)
                price = round(PRICE * (0.8 if promoted else 1) + draw.normal(0, 0.05), 2)
                weekday = 1 + 0.1 * day.weekday()
                units = draw.poisson(level * weekday * (1.6 if promoted else 1)) * is_open
                prices.append((shop, department, day, price))
                if number < DAYS:
                    sales.append((day, shop, department, units, promoted, is_open, units // 2))
                else:
                    ahead.append((day, shop, department, promoted, is_open))
    folder.mkdir(parents=True, exist_ok=True)
    columns = ["Tag", "shop", "department", "Menge", "promo", "offen", "visitors"]
    pl.DataFrame(sales, schema=columns, orient="row").write_csv(folder / "sales.csv")
    columns = ["Tag", "shop", "department", "promo", "offen"]
    pl.DataFrame(ahead, schema=columns, orient="row").write_csv(folder / "future.csv")
    places = [(shop, *place) for shop, place in SHOPS.items()]
    pl.DataFrame(places, schema=["shop", "region", "land"], orient="row").write_csv(
        folder / "shops.csv"
    )
    pl.DataFrame(prices, schema=["shop", "department", "Tag", "price"], orient="row").write_parquet(
        folder / "prices.parquet"
    )
    _write_events(folder / "anlass.csv")
    (folder / "retailer.yaml").write_text(RETAILER, encoding="utf-8")
    return folder


def announce_series(folder: Path) -> Path:
    """Add a shop with two known departments, and a department of a known shop, to the days ahead.

    The shop opens on the tenth day; the department has no price.
    """
    future = pl.read_csv(folder / "future.csv", try_parse_dates=True)
    like = future.filter(pl.col("shop") == "A1")
    opened = like.filter(
        pl.col("department").is_in(["food", "toys"]),
        pl.col("Tag") >= LAST + timedelta(OPENING),
    ).with_columns(shop=pl.lit(NEW_SHOP))
    listed = like.filter(pl.col("department") == "food").with_columns(
        department=pl.lit(NEW_DEPARTMENT)
    )
    pl.concat((future, opened, listed)).write_csv(folder / "future.csv")
    places = pl.read_csv(folder / "shops.csv")
    place = pl.DataFrame([(NEW_SHOP, "Nord", "NI")], schema=places.schema, orient="row")
    pl.concat((places, place)).write_csv(folder / "shops.csv")
    prices = pl.read_parquet(folder / "prices.parquet")
    new = prices.filter(pl.col("shop") == "A1").join(
        opened.select("department", "Tag"), ["department", "Tag"]
    )
    pl.concat((prices, new.with_columns(shop=pl.lit(NEW_SHOP)))).write_parquet(
        folder / "prices.parquet"
    )
    return folder


def _write_events(path: Path) -> None:
    """Write a local event of three days, and a sale of two weeks each year, everywhere."""
    fair = [(date(2022, 8, day), "Fair", "event", "B1") for day in (1, 2, 3)]
    sale = [
        (date(year, 3, day), "Spring sale", "event", None)
        for year in (2022, 2023)
        for day in range(6, 20)
    ]
    schema = ["Tag", "name", "kind", "shop"]
    pl.DataFrame([*fair, *sale], schema=schema, orient="row").write_csv(path)
