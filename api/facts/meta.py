"""GET /meta: stores, families, dates and horizons that requests may name."""

from __future__ import annotations

import numpy as np

from api.http.operation import operation
from api.http.responses import reference
from api.http.tags import Tag
from api.schemas.facts import MetaAnswer, StoreInfo
from api.schemas.requests import HORIZONS
from features.data.snapshot import MAX_HORIZON, Snapshot
from models.intervals import MAX_NOMINAL, MIN_NOMINAL
from models.serving.forecaster import FIRST_ORIGIN, Forecaster


@operation("GET", "/meta", Tag.FACTS, etag=True)
async def meta(forecaster: Forecaster) -> MetaAnswer:
    """Describe the stores, families and dates that requests may name, and the model."""
    engine = forecaster.release.engine
    snapshot, hierarchy = engine.snapshot, engine.snapshot.hierarchy
    return MetaAnswer(
        stores=_list_stores(snapshot),
        families=list(dict.fromkeys(hierarchy.bottoms["family"])),
        levels={level: rows.stop - rows.start for level, rows in hierarchy.slices.items()},
        data={
            "first": snapshot.facts.first_date,
            "last": snapshot.facts.origin,
            "promotions_known_through": snapshot.date_at(
                snapshot.newest_origin + int(snapshot.known_lead["onpromotion"][0])
            ),
        },
        forecast={
            "first": snapshot.date_at(FIRST_ORIGIN + 1),
            "last": snapshot.date_at(snapshot.newest_origin + MAX_HORIZON),
        },
        horizons=HORIZONS,
        intervals=(MIN_NOMINAL, MAX_NOMINAL),
        features=engine.bundle.contract.names,
        model_version=engine.bundle.name,
        model_trained_through=engine.bundle.facts.trained_through,
        snapshot=reference(snapshot),
    )


def _list_stores(snapshot: Snapshot) -> list[StoreInfo]:
    """Return the stores with their attributes, by number."""
    bottoms = snapshot.hierarchy.bottoms
    first = np.unique(snapshot.hierarchy.group_of("store_nbr"), return_index=True)[1].tolist()
    return [
        StoreInfo(
            store_nbr=int(bottoms["store_nbr"][at]),
            city=bottoms["city"][at],
            state=bottoms["state"][at],
            type=bottoms["type"][at],
            cluster=bottoms["cluster"][at],
        )
        for at in first
    ]
