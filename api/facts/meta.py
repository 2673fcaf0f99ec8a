"""GET /meta: series, levels, covariates, dates and horizons that requests may name."""

from __future__ import annotations

import numpy as np

from api.http.operation import operation
from api.http.responses import reference
from api.http.tags import Tag
from api.schemas.facts import CovariateInfo, LevelInfo, MetaAnswer, StoreInfo
from api.schemas.requests import horizons_of
from features.data.hierarchy import Hierarchy
from features.state import first_origin
from models.intervals import MAX_NOMINAL, MIN_NOMINAL
from models.serving.forecaster import Forecaster


@operation("GET", "/meta", Tag.FACTS, etag=True)
async def meta(forecaster: Forecaster) -> MetaAnswer:
    """Describe the series, levels, covariates and dates that requests may name, and the model."""
    engine = forecaster.release.engine
    snapshot, hierarchy = engine.snapshot, engine.snapshot.hierarchy
    specification = snapshot.specification
    leads = [int(lead[0]) for lead in snapshot.known_lead.values()]
    return MetaAnswer(
        series={name: _values_of(hierarchy, name) for name in specification.series},
        attributes={
            each.name: _values_of(hierarchy, each.name) for each in specification.attributes
        },
        hierarchy=[
            LevelInfo(
                level,
                columns,
                nodes=hierarchy.slices[level].stop - hierarchy.slices[level].start,
                divided_by=hierarchy.dividing[level],
            )
            for level, columns in hierarchy.levels.items()
        ],
        covariates=[
            CovariateInfo(each.name, each.kind, each.known_ahead, each.by)
            for each in specification.used
        ],
        stores=_list_stores(hierarchy),
        families=list(dict.fromkeys(hierarchy.bottoms.get("family", ()))),
        levels={level: rows.stop - rows.start for level, rows in hierarchy.slices.items()},
        data={
            "first": snapshot.facts.first_date,
            "last": snapshot.facts.origin,
            "promotions_known_through": snapshot.date_at(
                snapshot.newest_origin + min(leads, default=0)
            ),
        },
        forecast={
            "first": snapshot.date_at(first_origin(snapshot.step) + 1),
            "last": snapshot.date_at(snapshot.newest_origin + snapshot.horizon),
        },
        step=snapshot.step,
        max_horizon=snapshot.horizon,
        horizons=horizons_of(snapshot.specification),
        intervals=(MIN_NOMINAL, MAX_NOMINAL),
        features=engine.bundle.contract.names,
        model_version=engine.bundle.name,
        model_trained_through=engine.bundle.facts.trained_through,
        snapshot=reference(snapshot),
    )


def _values_of(hierarchy: Hierarchy, column: str) -> list[str]:
    """Return the distinct values of a column, in their natural order."""
    values = hierarchy.bottoms[column]
    first = np.unique(hierarchy.group_of(column), return_index=True)[1]
    return [values[at] for at in first.tolist()]


def _list_stores(hierarchy: Hierarchy) -> list[StoreInfo]:
    """Return the stores with their attributes, by number; none where there are no such columns."""
    columns = tuple(StoreInfo.__slots__)
    if not set(columns) <= hierarchy.bottoms.keys():
        return []
    number, *others = columns
    first = np.unique(hierarchy.group_of(number), return_index=True)[1].tolist()
    values = hierarchy.bottoms
    return [
        StoreInfo(int(values[number][at]), *(values[column][at] for column in others))
        for at in first
    ]
