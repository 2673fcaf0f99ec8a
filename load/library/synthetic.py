"""Synthetic panels and hierarchies of any size, for benchmarks where only size matters."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from features.data.calendar import Holiday
from features.data.hierarchy import Hierarchy
from features.data.snapshot import Snapshot, SnapshotFacts
from features.data.specification import FAVORITA

STORES, FAMILIES = 54, 33
"""Size of the Favorita data: 1,782 bottom series, 1,870 nodes."""
_SEED = 20170730
_FIRST = date(2015, 1, 1)
_CHRISTMAS = (12, 25)
_CITIES, _CLUSTERS = 20, 17
_PLANNED_DAYS = 16


def hierarchy_of(stores: int, families: int) -> Hierarchy:
    """Return a hierarchy in which every store sells every family."""
    of_store = [store for store in range(stores) for _ in range(families)]
    return Hierarchy(
        {
            "store_nbr": [str(store) for store in of_store],
            "family": [f"FAMILY {family}" for _ in range(stores) for family in range(families)],
            "city": [f"City {store % _CITIES}" for store in of_store],
            "state": [f"State {store % _CITIES}" for store in of_store],
            "type": ["ABCD"[store % 4] for store in of_store],
            "cluster": [str(store % _CLUSTERS) for store in of_store],
        }
    )


def snapshot_of(stores: int, families: int, days: int) -> Snapshot:
    """Return a snapshot: lognormal levels, a weekly cycle, Poisson noise, a yearly holiday."""
    draw = np.random.default_rng(_SEED)
    hierarchy = hierarchy_of(stores, families)
    bottoms, last = hierarchy.n_bottom, _FIRST + timedelta(days=days - 1)
    week = 1 + 0.3 * np.sin(2 * np.pi * np.arange(days) / 7)
    units = draw.poisson(draw.lognormal(1.5, 1.5, (bottoms, 1)) * week).astype(np.float64)
    items = draw.poisson(0.3, (bottoms, days + FAVORITA.horizon)).astype(np.float32)
    items[:, days + _PLANNED_DAYS :] = np.nan
    years = range(_FIRST.year, last.year + 2)
    return Snapshot(
        name=f"{stores}x{families}",
        facts=SnapshotFacts(
            first_date=_FIRST,
            origin=last,
            known_through=last + timedelta(days=_PLANNED_DAYS),
        ),
        hierarchy=hierarchy,
        holidays=tuple(_christmas(year) for year in years),
        sales=hierarchy.aggregate(units),
        covariates={
            "onpromotion": items,
            "transactions": draw.poisson(1500, (stores, days)).astype(np.float32),
        },
    )


def base_forecasts(
    hierarchy: Hierarchy, days: int, noise: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return incoherent base forecasts and the variances of their errors.

    Args:
        noise: standard deviation of the errors, divided by the root of the node's mean (which is
            how counts vary). Small values lead to no negative forecasts.

    Returns:
        Shape (nodes, days) and (nodes,).
    """
    draw = np.random.default_rng(_SEED)
    bottoms = draw.lognormal(3, 2, (hierarchy.n_bottom, 1)) * draw.lognormal(
        0, 0.3, (hierarchy.n_bottom, days)
    )
    values = hierarchy.aggregate(bottoms)
    deviation = noise * (np.sqrt(values.mean(axis=1)) + 0.1)
    return values + deviation[:, None] * draw.standard_normal(values.shape), deviation**2


def _christmas(year: int) -> Holiday:
    return Holiday(
        date=date(year, *_CHRISTMAS),
        type="Holiday",
        locale="National",
        locale_name="Country",
        description="Christmas",
        transferred=False,
    )
