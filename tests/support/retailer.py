"""A retailer whose series, levels and covariates are not those of the Favorita data, in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from features.data.calendar import Holiday
from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot, SnapshotFacts
from features.data.specification import (
    BOTTOM,
    FAVORITA,
    TOTAL,
    Attribute,
    Covariate,
    Holidays,
    Kind,
    Levels,
    Specification,
    levels_of,
)

FIRST, DAYS = date(2022, 1, 3), 500
SHOPS, REGIONS, ITEMS = ("b", "10", "9", "a"), ("North", "South", "South", "North"), ("tea", "rice")
_HOLIDAY = (2, 14)


def retailer(levels: Levels) -> Specification:
    """Return the specification of series by the columns of the bottom level."""
    series = levels[BOTTOM]

    def covariate(name: str, kind: Kind, by: tuple[str, ...], *, ahead: bool = True) -> Covariate:
        return Covariate(name=name, label=name, kind=kind, known_ahead=ahead, by=by, table="sales")

    return Specification(
        series=series,
        attributes=(Attribute(name="region", by=("shop",), table="places"),),
        levels=levels_of(levels),
        covariates=(
            covariate("flyer", Kind.FLAG, series),
            covariate("price", Kind.PRICE, series),
            covariate("warmth", Kind.NUMBER, ("shop",)),
            covariate("visits", Kind.COUNT, ("shop",), ahead=False),
            covariate("fuel", Kind.NUMBER, (), ahead=False),
        ),
        holidays=Holidays(regional="region"),
    )


PLAIN = retailer({TOTAL: (), BOTTOM: ("shop", "item")})
BY_REGION = retailer({TOTAL: (), "region": ("region",), BOTTOM: ("shop", "item")})
ONE_COLUMN = retailer({TOTAL: (), BOTTOM: ("shop",)})
RETAILERS = {"no level between": PLAIN, "a region": BY_REGION, "one column": ONE_COLUMN}


def snapshot_of(specification: Specification, *, days: int = DAYS) -> Snapshot:
    """Return random sales and covariates; all covariates are known on the 90 days ahead.

    A price is 0 once, warmth is often negative, and prices, warmth and visits have gaps.
    """
    draw = np.random.default_rng(20220103)
    items = ITEMS if "item" in specification.series else ITEMS[:1]
    regions = dict(zip(SHOPS, REGIONS, strict=True))
    shops = [shop for shop in SHOPS for _ in items]
    hierarchy = Hierarchy(
        {
            "shop": shops,
            "item": [*items] * len(SHOPS),
            "region": [regions[shop] for shop in shops],
        },
        specification,
    )
    bottoms, last = hierarchy.n_bottom, FIRST + timedelta(days=days - 1)
    whole = days + FAVORITA.horizon
    week = 1 + 0.4 * np.sin(2 * np.pi * np.arange(days) / 7)
    by_shop = hierarchy.group_of("shop")
    warmth = draw.normal(0, 9, (len(SHOPS), whole))[by_shop]
    price = draw.uniform(1, 4, (bottoms, 1)) * draw.choice([1.0, 0.8], (bottoms, whole))
    visits = draw.poisson(300, (len(SHOPS), days)).astype(np.float32)
    visits[0, 100:110] = np.nan
    price[0, days - 30] = 0
    for values, where in ((price[1], slice(9)), (price[1], slice(20, 30)), (warmth.T, slice(3))):
        values[where] = np.nan
    return Snapshot(
        name="retailer",
        facts=SnapshotFacts(
            first_date=FIRST, origin=last, known_through=last + timedelta(FAVORITA.horizon)
        ),
        hierarchy=hierarchy,
        holidays=tuple(_holiday(year) for year in range(FIRST.year, last.year + 2)),
        sales=hierarchy.aggregate(draw.poisson(draw.uniform(2, 40, (bottoms, 1)) * week)),
        covariates={
            "flyer": (draw.random((bottoms, whole)) < 0.3).astype(np.float32),
            "price": price.astype(np.float32),
            "warmth": warmth.astype(np.float32),
            "visits": visits,
            "fuel": draw.normal(-1, 3, (1, days)).astype(np.float32),
        },
    )


def with_values(snapshot: Snapshot, name: str, days: slice, value: float, *rows: int) -> Snapshot:
    """Return the snapshot with another value of a covariate on some days, in some of its rows."""
    values = snapshot.covariates[name].copy()
    values[list(rows), days] = value
    return replace(snapshot, covariates={**snapshot.covariates, name: values})


def _holiday(year: int) -> Holiday:
    return Holiday(
        date=date(year, *_HOLIDAY),
        type="Holiday",
        locale="National",
        locale_name="Country",
        description="Founders' Day",
        transferred=False,
    )
