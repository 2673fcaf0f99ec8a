"""GET /hierarchy."""

from __future__ import annotations

from api.forecasts.days import COMPUTED, forecast
from api.forecasts.nodes import row_of_id
from api.forecasts.tree import Tree
from api.forecasts.ways import Way, way_through
from api.forecasts.windows import previous_days, window_of
from api.http.operation import Computation, operation
from api.http.pricing import cost_of_origin, is_past
from api.http.responses import reference
from api.http.tags import Tag
from api.schemas.forecasts import HierarchyAnswer
from api.schemas.requests import HierarchyQuery
from errors import Code
from features.data.hierarchy import Hierarchy
from features.data.specification import TOTAL
from models.serving.forecaster import Forecaster


@operation("GET", "/hierarchy", Tag.FORECASTS, etag=True, error_codes=COMPUTED)
async def hierarchy(forecaster: Forecaster, query: HierarchyQuery) -> Computation[HierarchyAnswer]:
    """Forecast the coherent tree for a day, or for a sum of days."""
    engine = forecaster.release.engine
    snapshot = engine.snapshot
    way, row = way_of(snapshot.hierarchy, query)
    window = window_of(snapshot, query.date, query.horizon or 1, pointer="date")
    before = previous_days(snapshot, window)

    async def compute() -> HierarchyAnswer:
        tree = Tree(
            hierarchy=snapshot.hierarchy,
            values=(await forecast(forecaster, window)).sum(axis=1),
            previous=None if before is None else snapshot.sales[:, before].sum(axis=1),
            way=way,
        )
        return HierarchyAnswer(
            date=snapshot.date_at(int(window.days[0])),
            horizon=len(window.horizons),
            previous_date=None if before is None else snapshot.date_at(before.start),
            by="/".join(way[1:-1]),
            origin=snapshot.date_at(window.origin),
            tree=tree.below(row, query.depth),
            model_version=engine.bundle.name,
            snapshot=reference(snapshot),
            degraded=False,
        )

    cost = cost_of_origin(snapshot, window)
    return Computation(compute, cost, shared=is_past(snapshot, window))


def way_of(hierarchy: Hierarchy, query: HierarchyQuery) -> tuple[Way, int]:
    """Return the way down the hierarchy, and the row of the tree's root.

    Raises:
        Problem: INVALID_NODE: there is no such node, or it is not on the way; INVALID_REQUEST:
            there is no such way.
    """
    row = row_of_id(hierarchy, TOTAL if query.node is None else query.node, pointer="node")
    level, by = hierarchy.nodes[row].level, query.by
    passed_by = (Code.INVALID_NODE, "node")
    return way_through(hierarchy, level, by, pointer="by", passed_by=passed_by), row
