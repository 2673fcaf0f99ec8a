"""Generates the table of the items."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from examples.demand import (
    Days,
    count_of,
    draw_counts,
    draw_shocks,
    draw_starts,
    draw_trends,
    draw_weeks,
    make_rows,
    make_season,
)

FIRST, PAST = date(2014, 3, 3), 1400
STORES, ITEMS = 5, 20

_WEEK = (0.75, 0.9, 0.9, 1.0, 1.05, 1.15, 1.25)


def make_tables(scale: float, draw: np.random.Generator) -> dict[str, pl.DataFrame]:
    """Return the table by name; `scale` multiplies the number of items."""
    days, items = Days(FIRST, PAST), count_of(ITEMS, scale, least=2)
    number = STORES * items
    store, item = np.repeat(np.arange(STORES), items), np.tile(np.arange(items), STORES)
    size, popularity = draw.lognormal(0, 0.2, STORES), draw.lognormal(3.3, 0.5, items)
    peaks = draw.normal(190, 12, items)
    seasons = np.stack([make_season(days, peak=int(peak), height=0.3) for peak in peaks])
    weeks = draw_weeks(_WEEK, number, draw)[:, days.weekday]
    trends = draw_trends(days, number, 0.06, draw) * draw_shocks(days, number, 0.01, draw)
    level = (size[store] * popularity[item])[:, None]
    units = draw_counts(level * seasons[item] * weeks * trends, 0.02, draw)
    listed = np.arange(len(days)) >= draw_starts(days, number, 0.03, draw)[:, None]
    keys: dict[str, list[str] | list[int]] = {
        "store": (store + 1).tolist(),
        "item": (item + 1).tolist(),
    }
    return {"sales": make_rows(days, keys, listed, {"sales": units})}
